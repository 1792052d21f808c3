"""What can go wrong with an object of the S3 on loopback (see s3.py)."""

from dataclasses import dataclass

LISTING = ""
"""The key under which a listing of any prefix finds its fault."""


@dataclass
class Fault:
    """What goes wrong with one key: an error answer, a cut connection, or only a delay."""

    status: int = 0
    code: str = ""
    times: int = -1
    """How many requests it hits before all is well again; -1 for every one."""
    cut_after: int = -1
    """Bytes of the body that are sent before the connection closes; -1 for all of them."""
    delay: float = 0.0
    """Seconds before the answer."""


def no_such_key() -> Fault:
    return Fault(404, "NoSuchKey")


def no_such_bucket() -> Fault:
    return Fault(404, "NoSuchBucket")


def access_denied() -> Fault:
    return Fault(403, "AccessDenied")


def slow_down(times: int, status: int = 503) -> Fault:
    return Fault(status, "SlowDown" if status == 503 else "InternalError", times)
