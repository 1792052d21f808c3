"""AWS X-Ray: a subsegment for each stage, load and call. Imported only if tracing is on.

Lambda makes the segment of an invocation, and runs the daemon. Each subsegment is sent to it as
one UDP datagram (AWS X-Ray developer guide, "Segment documents", "Sending segment documents to the
X-Ray daemon", "Tracing header"). Why this is not aws_xray_sdk:
docs/decisions/0011-logs-and-traces.md.
A failure in here never fails a request, and is logged once per cold start.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

import orjson

from lambda_serving.redaction import redact_secrets
from lambda_serving.settings.runtime import Runtime, read_trace_header
from lambda_serving.user_code.failures import translate_exception
from lambda_serving.user_values import get_text

if TYPE_CHECKING:
    from lambda_serving.calls.lambda_api import LambdaApi

logger = logging.getLogger("lambda_serving")

DATAGRAM_HEAD = b'{"format": "json", "version": 1}\n'

MOST_FRAMES = 30
MOST_CHARACTERS = 1000
"""Of a stack and of a message: a document has 64 KB at most."""

LONGEST_WAIT = 60.0
"""Seconds that the load of a cold start waits for the first invocation, whose trace it belongs
to. What provisioned concurrency or a snapshot loaded long ago belongs to none."""

_current: ContextVar[Subsegment | None] = ContextVar("subsegment", default=None)


class Tracer:
    """The traces of one endpoint."""

    def __init__(self, runtime: Runtime, **annotations: str) -> None:
        """``annotations`` are what its traces can be searched by."""
        self._daemon = runtime.xray_daemon
        self._annotations = annotations
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._waiting: deque[dict[str, Any]] = deque(maxlen=20)
        """Documents of the cold start, which has no trace of its own."""
        self._has_failed = False

    def trace(
        self,
        name: str,
        call: Callable[..., Any],
        blames_caller: bool = False,
        **annotations: str,
    ) -> Callable[..., Any]:
        """``call`` with a subsegment around each of its runs; it may be asynchronous.

        ``blames_caller`` is that of its stage.
        """

        def traced(*arguments: Any) -> Any:
            with self.begin(name, **annotations) as subsegment:
                subsegment.blames_caller = blames_caller
                result = call(*arguments)
                if not inspect.isawaitable(result):
                    return result
                subsegment.goes_on = True

            async def finish() -> Any:
                subsegment.goes_on = False
                with subsegment:
                    return await result

            return finish()

        return traced

    def trace_calls(self, api: LambdaApi) -> Callable[[str, bytes, float], bytes]:
        """Calls are subsegments that name the callee."""

        def send(endpoint: str, payload: bytes, seconds: float) -> bytes:
            with self.begin("send_request", "remote", callee=endpoint):
                return api.invoke(endpoint, payload, seconds, make_header())

        return send

    def begin(self, name: str, namespace: str = "", **annotations: str) -> Subsegment:
        """A subsegment, from here to the end of its ``with`` block."""
        return Subsegment(self, name, namespace, self._annotations | annotations)

    def end(self, subsegment: Subsegment, error: BaseException | None) -> None:
        """Send it; where the cold start has no trace yet, later."""
        try:
            document = subsegment.describe()
            if error is not None:
                document |= describe_error(error, subsegment.name, subsegment.blames_caller)
            if place := subsegment.place:
                while self._waiting:
                    waiting = self._waiting.popleft()
                    if time.time() - waiting["end_time"] < LONGEST_WAIT:
                        self._send({"parent_id": place["Parent"]} | waiting, place)
                self._send(document, place)
            elif subsegment.is_of_load:
                self._waiting.append(document)
        except Exception as failure:  # noqa: BLE001  (traces never fail a request)
            if not self._has_failed:
                self._has_failed = True
                logger.error("tracing failed; the requests do not", exc_info=failure)

    def _send(self, document: dict[str, Any], place: dict[str, str]) -> None:
        if place.get("Sampled") != "1":
            return
        data = orjson.dumps({"trace_id": place["Root"], "type": "subsegment"} | document)
        host, _, port = self._daemon.rpartition(":")
        self._socket.sendto(DATAGRAM_HEAD + data, (host, int(port)))


class Subsegment:
    """A part of an invocation. Parts that begin within it, in its own context, are its children."""

    def __init__(
        self, tracer: Tracer, name: str, namespace: str, annotations: dict[str, str]
    ) -> None:
        self.name = name
        self.id = os.urandom(8).hex()
        self.header = read_trace_header()
        self.place = parse_header(self.header)
        self.blames_caller = False
        self.goes_on = False
        """Whether it does not end with its ``with`` block: there is something to await."""
        self._tracer = tracer
        self._namespace = namespace
        self._annotations = annotations
        parent = _current.get()
        # What a thread has left over from an earlier invocation is no parent.
        self._parent = parent if parent is not None and parent.header == self.header else None
        self.is_of_load: bool = self._parent.is_of_load if self._parent else name == "load"
        self._started = time.time()

    def __enter__(self) -> Self:
        self._outer = _current.get()
        _current.set(self)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _current.set(self._outer)
        if not self.goes_on:
            self._tracer.end(self, error)

    def describe(self) -> dict[str, Any]:
        """As X-Ray takes it; without a parent where it is the outermost of a cold start."""
        document: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "start_time": self._started,
            "end_time": time.time(),
            "annotations": self._annotations,
        }
        parent = self._parent.id if self._parent else self.place.get("Parent")
        if parent:
            document["parent_id"] = parent
        if self._namespace:
            document["namespace"] = self._namespace
        return document


def parse_header(header: str) -> dict[str, str]:
    """Root, Parent and Sampled of a trace header; empty where it names no place in a trace."""
    parts = (part.partition("=") for part in header.split(";"))
    place = {key.strip(): value for key, _, value in parts}
    return place if "Root" in place and "Parent" in place else {}


def make_header() -> str:
    """The header for a callee: its segment becomes a child of the current subsegment.

    What else is in the header travels on: by ``Lineage`` Lambda finds endless loops.
    """
    header = read_trace_header()
    subsegment = _current.get()
    if subsegment is None or subsegment.header != header or subsegment.place.get("Sampled") != "1":
        return header
    return re.sub(r"\bParent=[^;]*", f"Parent={subsegment.id}", header)


def describe_error(error: BaseException, stage: str, blames_caller: bool) -> dict[str, Any]:
    """How a subsegment failed: whose fault it is, as the error table says, and the exceptions."""
    status = translate_exception(error, stage, blames_caller).status
    marks = {"fault" if status >= 500 else "error": True}
    exceptions = [describe_exception(each) for each in walk_causes(error)]
    return marks | {"cause": {"exceptions": exceptions}}


def walk_causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was raised from; three at most."""
    cause: BaseException | None = error
    for _ in range(3):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__


def describe_exception(error: BaseException) -> dict[str, Any]:
    """Type, message and stack, the innermost frame first."""
    walk = traceback.walk_tb(error.__traceback__)
    frames = traceback.StackSummary.extract(walk, lookup_lines=False)[-MOST_FRAMES:]
    return {
        "id": os.urandom(8).hex(),
        "type": type(error).__name__,
        "message": redact_secrets(get_text(error))[:MOST_CHARACTERS],
        "stack": [
            {"path": frame.filename, "line": frame.lineno, "label": frame.name}
            for frame in reversed(frames)
        ],
    }
