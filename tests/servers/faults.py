"""What can go wrong with an object of the S3 on loopback (see s3.py)."""

from dataclasses import dataclass

LISTING = ""
"""The key under which a listing of any prefix finds its fault."""


@dataclass
class Fault:
    """What goes wrong with one key: an error answer, a cut connection, or only its pace."""

    status: int = 0
    code: str = ""
    times: int = -1
    """How many requests it hits before all is well again; -1 for every one."""
    cut_after: int = -1
    """Bytes of the body that are sent before the connection closes; -1 for all of them."""
    delay: float = 0.0
    """Seconds before the answer."""
    rate: float = 0.0
    """Bytes of the body a second; 0 for all there is."""
    step: int = 256 * 1024
    """Bytes that are written at once where there is a rate."""
    shorten: int = 0
    """Bytes that a range is shorter than what was asked for, and says so."""
    method: str = ""
    """The method of the requests that it hits; "" for any."""
    hang_up: bool = False
    """Whether the connection closes before the request is followed."""
    lose_answer: bool = False
    """Whether the connection closes after a write was done, without an answer."""


def no_such_key() -> Fault:
    return Fault(404, "NoSuchKey")


def no_such_bucket() -> Fault:
    return Fault(404, "NoSuchBucket")


def access_denied() -> Fault:
    return Fault(403, "AccessDenied")


def slow_down(times: int, status: int = 503) -> Fault:
    return Fault(status, "SlowDown" if status == 503 else "InternalError", times)


def overtaken(times: int) -> Fault:
    """Another write always comes first (Amazon S3, "Conditional writes")."""
    return Fault(412, "PreconditionFailed", times, method="PUT")


def cut_before(method: str, times: int) -> Fault:
    return Fault(method=method, times=times, hang_up=True)


def cut_after(method: str, times: int) -> Fault:
    return Fault(method=method, times=times, lose_answer=True)
