"""A request in the pipeline, and the request that the running code belongs to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lambda_serving.messages.request_metrics import RequestMetrics


class Request(NamedTuple):
    """One request, as an event source reads it from its event."""

    body: dict[str, Any] | bytes
    request_id: str
    version: str | None = None
    depth: int = 0
    """How many endpoints called each other before this one; 0 for a request from outside."""
    deadline: float = math.inf
    """The ``time.monotonic()`` at which Lambda ends the function."""
    headers: Mapping[bytes, bytes] = MappingProxyType({})
    """Headers of an HTTP request as ASGI has them: in latin-1, by lower-case name."""
    wants_whole_answer: bool = False
    """Whether the caller forwards the answer: status, content type and body unchanged."""
    metrics: RequestMetrics | None = None


MOST_ID_CHARACTERS = 128
"""Length of a request's id, which is part of every log line and of answers."""


def choose_id(given: object, own: str) -> str:
    """The id that the caller gives, if it is printable ASCII and not too long; else ``own``."""
    if not isinstance(given, str) or not (given.isascii() and given.isprintable()):
        return own
    return given if 0 < len(given) <= MOST_ID_CHARACTERS else own


class CurrentRequest:
    """The request that the running code belongs to: the only process-wide state of requests.

    Log handlers, ``send_request`` and the model fetch are called by user code or by libraries,
    which pass no request on. They find it in the context (``contextvars``). A thread that user
    code starts has an empty context: there, the latest request that began is the right one, since
    a Lambda environment serves one request at a time. A process that serves several endpoints
    passes the latest request of the endpoint in question.
    """

    def __init__(self) -> None:
        self._of_context: ContextVar[Request] = ContextVar("request")
        self.latest = Request({}, "init")
        """The latest request that began, in any context."""

    def enter(self, request: Request) -> None:
        """From now on, the code of this context belongs to ``request``."""
        self._of_context.set(request)
        self.latest = request

    def find(self, latest: Request | None = None) -> Request:
        """The request of this context; else ``latest``, which defaults to that of the process."""
        return self._of_context.get(latest or self.latest)


CURRENT = CurrentRequest()

enter_request = CURRENT.enter
find_request = CURRENT.find
