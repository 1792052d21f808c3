"""A request on its way through the pipeline, and which one the running code belongs to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lambda_serving.messages.request_metrics import Notes


class Request(NamedTuple):
    """What an entrance makes of its event."""

    body: dict[str, Any] | bytes
    request_id: str
    version: str | None = None
    depth: int = 0
    """How many endpoints called each other to get here; 0 for a request from outside."""
    deadline: float = math.inf
    """``time.monotonic()`` at which Lambda ends the function."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Of an HTTP request, by lower-case name."""
    wants_whole_answer: bool = False
    """Whether the caller passes the answer on: status, content type and body as they are."""
    record: Notes | None = None
    """Where its statistics go."""


MOST_ID_CHARACTERS = 128
"""Of a request's id: it stands in every line of the log, and in answers."""


def choose_id(given: object, own: str) -> str:
    """The id that a caller gives, where it is one that fits into every log; else ``own``."""
    if not isinstance(given, str) or not (given.isascii() and given.isprintable()):
        return own
    return given if 0 < len(given) <= MOST_ID_CHARACTERS else own


_current: ContextVar[Request] = ContextVar("request")
_latest = Request({}, "init")


def enter_request(request: Request) -> None:
    """From here on the running code belongs to ``request``."""
    global _latest
    _current.set(request)
    _latest = request


def find_latest() -> Request:
    """The latest request that began, in whatever context."""
    return _latest


def find_request(latest: Request | None = None) -> Request:
    """The request that the running code belongs to.

    A thread of a pool of the user's own carries no request: it gets the latest one that began,
    which in a Lambda function is the only one. A process of several endpoints says which one
    it means.
    """
    return _current.get(latest or _latest)
