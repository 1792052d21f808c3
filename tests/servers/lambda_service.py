"""The Lambda API's Invoke on loopback: functions are callables, and fail as told.

Paths, headers and errors as https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html; the
signature of each request is checked. What came and what ran is there to be looked at.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from tests.servers.cutting_server import CuttingServer
from tests.servers.lambda_faults import Fault
from tests.servers.signature import find_defect, find_key

SECRET = "a secret of this server alone"
PAYLOAD_LIMIT = 6_291_556
"""Bytes of a synchronous payload, both ways (the API's own error message names this number)."""

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Invoke:
    """One invoke as it came."""

    function: str
    qualifier: str
    payload: Any
    port: int
    """The client's, so one per connection."""
    at: float
    """time.monotonic()"""
    trace: str = ""
    """The tracing header."""
    access_key: str = ""

    @property
    def envelope(self) -> dict[str, Any]:
        envelope: dict[str, Any] = self.payload["serving"]
        return envelope

    @property
    def body(self) -> Any:
        return self.payload["body"]


@dataclass
class LambdaService:
    """The server and its functions. A context manager; `stop` and `start` again keep the port."""

    functions: dict[str, Function] = field(default_factory=dict)
    """By name; what one raises is a FunctionError of the error's class."""
    faults: dict[str, Fault] = field(default_factory=dict)
    invokes: list[Invoke] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    """How often each function has run; a refused invoke is no run."""
    most_at_once: int = 0
    """How many invokes were under way at the same time, at most."""
    defects: list[str] = field(default_factory=list)
    """What was wrong with requests themselves."""
    port: int = 0
    secrets: Mapping[str, str] | None = None
    """Access key -> secret key, of those that are valid now; None is SECRET for any."""

    def __post_init__(self) -> None:
        self.lock = Lock()
        self.under_way = 0
        self._server: _Server | None = None

    @property
    def endpoint(self) -> str:
        """The value for AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a function needs to get here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": "test/token+=",
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        if self._server is None:
            self._server = _Server(("127.0.0.1", self.port), _Handler)
            self._server.service = self
            self.port = self._server.server_port
            Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut_connections()
            self._server = None

    def cut_connections(self) -> None:
        """Close every connection, as a server does with those that idle for long."""
        if self._server is not None:
            self._server.cut_connections()

    def begin(self, invoke: Invoke) -> Fault:
        """Note an invoke; gives the fault that hits it, an empty one where there is none."""
        with self.lock:
            self.invokes.append(invoke)
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
            fault = self.faults.get(invoke.function)
            if fault is None and invoke.function not in self.functions:
                return Fault(404, "ResourceNotFoundException")
            if fault is None or fault.times == 0:
                fault = Fault()
            fault.times -= fault.times > 0
            self.runs[invoke.function] += not fault.status or fault.runs
            return fault

    def end(self) -> None:
        with self.lock:
            self.under_way -= 1


class _Server(CuttingServer):
    service: LambdaService


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        service = self.server.service
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url = urlsplit(self.path)
        path = re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations", url.path)
        defect = "" if path else f"no such path: {url.path}"
        if self.headers["X-Amz-Invocation-Type"] != "RequestResponse":
            defect = f"invocation type {self.headers['X-Amz-Invocation-Type']}"
        headers: Any = self.headers
        key = find_key(headers)
        secret = SECRET if service.secrets is None else service.secrets.get(key)
        if secret is None:
            self._refuse(403, "ExpiredTokenException", "The security token is expired")
            return
        defect = defect or find_defect("POST", self.path, headers, body, "lambda", secret)
        if defect or path is None:
            service.defects.append(defect)
            self._refuse(403, "InvalidSignatureException", defect)
            return
        port = self.client_address[1]
        trace = headers["X-Amzn-Trace-Id"] or ""
        function, _, qualifier = unquote(path[1]).partition(":")
        now = time.monotonic()
        invoke = Invoke(function, qualifier, json.loads(body), port, now, trace, key)
        fault = service.begin(invoke)
        try:
            self._answer(invoke, fault, len(body))
        finally:
            service.end()

    def _answer(self, invoke: Invoke, fault: Fault, size: int) -> None:
        time.sleep(fault.delay)
        if fault.cuts_at_once:
            self.close_connection = True
        elif fault.status:
            self._refuse(fault.status, fault.code, f"{invoke.function}: {fault.code}")
        elif size > PAYLOAD_LIMIT:
            self._refuse(413, "RequestTooLargeException", f"Request must be below {PAYLOAD_LIMIT}")
        elif fault.payload is not None:
            self._send(200, fault.payload, mark_failed(fault.is_function_error))
        else:
            failed, payload = self._run(invoke)
            self._send(200, payload, mark_failed(failed), fault)

    def _run(self, invoke: Invoke) -> tuple[bool, bytes]:
        """Whether the function failed, and its payload."""
        function = self.server.service.functions[invoke.function]
        try:
            return False, json.dumps(function(invoke.payload)).encode()
        except Exception as error:  # noqa: BLE001  (a function may raise anything)
            failure = {"errorMessage": str(error), "errorType": type(error).__name__}
            return True, json.dumps(failure | {"stackTrace": []}).encode()

    def _refuse(self, status: int, code: str, text: str) -> None:
        body = json.dumps({"Type": "User", "message": text}).encode()
        self._send(status, body, {"x-amzn-ErrorType": f"{code}:http://internal.amazon.com/"})

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], fault: Fault | None = None
    ) -> None:
        fault = fault or Fault()
        self.send_response_only(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if fault.cut_after >= 0:
            self.close_connection = True
            body = body[: fault.cut_after]
        if not fault.trickle:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            time.sleep(fault.trickle)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet: `invokes` holds what came."""


def mark_failed(failed: bool) -> dict[str, str]:
    """The header by which Invoke tells a FunctionError from an answer."""
    return {"X-Amz-Function-Error": "Unhandled"} if failed else {}
