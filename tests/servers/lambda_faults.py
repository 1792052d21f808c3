"""What can go wrong with a function of the Lambda API on loopback (see lambda_service.py).

Statuses and error names as https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors.
"""

import json
from dataclasses import dataclass
from typing import Any


@dataclass
class Fault:
    """What goes wrong with one function's invokes; with `status` it does not run at all."""

    status: int = 0
    code: str = ""
    """Error name of a refusal."""
    times: int = -1
    """How many invokes it hits before all is well again; -1 for every one."""
    runs: bool = False
    """Whether the function has run, for a refusal."""
    cut_after: int = -1
    """Bytes of the answer's body that are sent before the connection closes; -1 for all of them."""
    cuts_at_once: bool = False
    """The connection closes after the request was read, without any answer."""
    delay: float = 0.0
    """Seconds before the answer."""
    trickle: float = 0.0
    """Seconds between two bytes of the answer's body."""
    payload: bytes | None = None
    """What comes in the place of the function's own answer."""
    is_function_error: bool = False
    """Whether `payload` is told to be an error of the function."""


def throttled(times: int = -1) -> Fault:
    return Fault(429, "TooManyRequestsException", times)


def service_error() -> Fault:
    """The API does not say whether the function has run."""
    return Fault(500, "ServiceException", runs=True)


def not_found() -> Fault:
    return Fault(404, "ResourceNotFoundException")


def access_denied() -> Fault:
    return Fault(403, "AccessDeniedException")


def too_large() -> Fault:
    return Fault(413, "RequestTooLargeException")


def unsupported() -> Fault:
    """A refusal without a cause of its own in our logs."""
    return Fault(415, "UnsupportedMediaTypeException")


def function_error(payload: Any) -> Fault:
    """The function raised; `payload` is what its runtime made of that."""
    return Fault(payload=json.dumps(payload).encode(), is_function_error=True)


def garbage(payload: bytes = b"<html>not JSON") -> Fault:
    return Fault(payload=payload)
