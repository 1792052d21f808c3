"""Lambda's Runtime API on loopback: the side of it that a runtime client calls.

Paths and headers as in https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. One server
serves one environment, so one invocation at a time, as Lambda does it.
"""

import json
import queue
import socket
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self

PREFIX = "/2018-06-01/runtime"


@dataclass(frozen=True)
class Answer:
    """What one invocation (or a failed init) gave: the payload as a caller of Lambda gets it."""

    payload: bytes
    failed: bool = False
    """True is what the caller sees as FunctionError."""

    def json(self) -> Any:
        return json.loads(self.payload)

    @property
    def error_type(self) -> str:
        return str(self.json()["errorType"]) if self.failed else ""


@dataclass(frozen=True)
class Invocation:
    """An event on its way to the function, and the place for its answer."""

    payload: bytes
    timeout: float
    """Seconds the function has, as a template's Timeout."""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: Future[Answer] = field(default_factory=Future)


class RuntimeApi:
    """The server. `started` holds None from the first /next on, or the init error as an Answer.

    Under SnapStart the function asks for its restore before its first event, and waits there:
    `frozen` is set then, and `thaw` lets it go on. (One that is not `held` goes on at once.)
    """

    def __init__(self, function_name: str, region: str) -> None:
        self.function_arn = f"arn:aws:lambda:{region}:123456789012:function:{function_name}"
        self.started: Future[Answer | None] = Future()
        self.is_sampled = False
        """Whether invocations are traced, as X-Ray decides it."""
        self.frozen = Event()
        self.held = False
        self._thawed = Event()
        self.started_at = 0.0
        """time.perf_counter() when the environment was ready (or gave up)."""
        self.running: dict[str, Invocation] = {}
        self.waiting: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.thaw()
        self.fail("the Runtime API was closed")
        self.waiting.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def send(self, payload: bytes, timeout: float = 30.0) -> Invocation:
        """Hand an event to the function; its `answer` comes when the function posts it."""
        invocation = Invocation(payload, timeout)
        self.running[invocation.request_id] = invocation
        self.waiting.put(invocation)
        return invocation

    def wait_for_thaw(self) -> None:
        """The function has done all it does before a snapshot."""
        self.frozen.set()
        if self.held:
            self._thawed.wait()

    def thaw(self) -> None:
        """Restore the function that waits for it."""
        self._thawed.set()

    def mark_started(self, error: Answer | None = None) -> None:
        if not self.started.done():
            self.started_at = time.perf_counter()
            self.started.set_result(error)

    def fail(self, reason: str) -> None:
        """End everything that still waits, with a RuntimeError."""
        if not self.started.done():
            self.started.set_exception(RuntimeError(reason))
        while self.running:
            _, invocation = self.running.popitem()
            invocation.answer.set_exception(RuntimeError(reason))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: RuntimeApi

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that goes away mid-request is reported by its process, not here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one segment
    server: _Server

    def do_GET(self) -> None:
        api = self.server.api
        if self.path == f"{PREFIX}/restore/next":
            api.wait_for_thaw()
            self._answer(200)
        elif self.path != f"{PREFIX}/invocation/next":
            self._answer(404)
        else:
            api.mark_started()
            invocation = api.waiting.get()
            if invocation is None:
                self.close_connection = True
                return
            self._answer(200, invocation.payload, self._invocation_headers(invocation))

    def do_POST(self) -> None:
        api = self.server.api
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path in (f"{PREFIX}/init/error", f"{PREFIX}/restore/error"):
            api.mark_started(Answer(body, failed=True))
            self._answer(202)
            return
        _, _, tail = self.path.partition(f"{PREFIX}/invocation/")
        request_id, _, verb = tail.partition("/")
        invocation = api.running.pop(request_id, None)
        if invocation is None or verb not in {"response", "error"}:
            self._answer(404)
            return
        # Answered first: the runtime may go on to /next while the caller reads its result.
        self._answer(202, b'{"status":"OK"}')
        self.wfile.flush()
        invocation.answer.set_result(Answer(body, failed=verb == "error"))

    def _invocation_headers(self, invocation: Invocation) -> dict[str, str]:
        trace, parent = uuid.uuid4().hex, uuid.uuid4().hex[:16]
        sampled = int(self.server.api.is_sampled)
        return {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + invocation.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.api.function_arn,
            "Lambda-Runtime-Trace-Id": (
                f"Root=1-{trace[:8]}-{trace[8:]};Parent={parent};Sampled={sampled};Lineage=1:2a:0"
            ),
        }

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def find_free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
