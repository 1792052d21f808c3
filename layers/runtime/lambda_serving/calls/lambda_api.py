"""Lambda's Invoke API, with a deadline for each call.

botocore signs the requests and urllib3 keeps the connections. boto3's client would make a cold
start half as long again, and its timeouts belong to the client, not to a call
(docs/decisions/0009-send-request.md).
"""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import Future
from typing import Any
from urllib.parse import quote

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
)

from lambda_serving.calls.send_request import CONCURRENCY, CallError, describe_function_error
from lambda_serving.credentials import Credentials
from lambda_serving.errors import CredentialsError
from lambda_serving.settings.runtime import Runtime, read_trace_header

CONNECT_SECONDS = 2.0
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
"""Seconds between two attempts of a throttled call: a random part of 0.05, 0.1, 0.2 ... 2."""

IDLE_SECONDS = 30.0
"""Seconds without a call after which new connections are opened. The other side may have closed
the old ones while the environment was frozen; a NAT gateway drops them after 350 s (Amazon VPC
user guide). A request on such a connection would be lost, and must not be sent twice."""

LEAST_SECONDS = 0.1
"""With less time left there is no further attempt: the callee would run with nobody waiting."""

CAUSES = {403: "AccessDenied", 404: "NoSuchEndpoint", 413: "PayloadTooLarge", 429: "Throttled"}
"""HTTP status of Invoke -> cause (AWS Lambda API reference, Invoke, Errors)."""

HINTS = {
    "AccessDenied": "; an endpoint that is not in `calls` of endpoint.toml is refused like this:"
    " `lambda-serving policies` writes what the function may do"
}
"""The function's policy names those that `calls` named when it was written."""


class LambdaApi:
    """Invoke of the function ``<stack>-<endpoint>``, by its alias."""

    def __init__(self, runtime: Runtime, idle_seconds: float = IDLE_SECONDS) -> None:
        self._runtime = runtime
        self._idle_seconds = idle_seconds
        self._credentials = Credentials(runtime)
        self._open_pool()

    def _open_pool(self) -> None:
        self._pool = urllib3.PoolManager(maxsize=CONCURRENCY, retries=False)
        self._used_at = time.time()  # by the wall clock: the other one may stand still in a freeze

    def invoke(
        self, endpoint: str, payload: bytes, seconds: float, trace_header: str | None = None
    ) -> bytes:
        """See ``Send``. The callee's trace is a part of ``trace_header``.

        The call runs in a thread, which is abandoned when time is over. urllib3 limits each wait
        for the socket but not their sum, and nothing limits the look-up of a host name.
        """
        answer: Future[bytes] = Future()
        trace = read_trace_header() if trace_header is None else trace_header

        def ask() -> None:
            try:
                answer.set_result(self._ask(endpoint, payload, seconds, trace))
            except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
                answer.set_exception(error)

        threading.Thread(target=ask, name="invoke", daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError as error:
            raise CallError("Timeout", f"no answer within {seconds:.1f} s") from error

    def _ask(self, endpoint: str, payload: bytes, seconds: float, trace: str) -> bytes:
        """Send the call. It is repeated after throttling, but never if it may have run."""
        deadline = time.monotonic() + seconds
        pause = FIRST_PAUSE
        while True:
            try:
                answer = self._post(endpoint, payload, deadline, trace)
                if answer.status != 429:
                    return read_answer(answer)
                failure = CallError("Throttled", read_reason(answer))
            except (ConnectTimeoutError, NewConnectionError) as error:
                failure = CallError("NoConnection", str(error))  # nothing was sent
            except ReadTimeoutError as error:
                raise CallError("Timeout", f"no answer within {seconds:.1f} s") from error
            except HTTPError as error:
                raise CallError("ConnectionLost", str(error)) from error
            wait = random.uniform(0, pause)
            if time.monotonic() + wait + LEAST_SECONDS >= deadline:
                raise failure
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _post(self, endpoint: str, payload: bytes, deadline: float, trace: str) -> Any:
        # The alias is part of the name, as in the ARN that the function's policy allows.
        name = f"{self._runtime.stack}-{endpoint}"
        name = quote(f"{name}:{self._runtime.alias}" if self._runtime.alias else name, safe="")
        url = f"{self._runtime.lambda_endpoint}/2015-03-31/functions/{name}/invocations"
        headers = {"X-Amz-Invocation-Type": "RequestResponse"}
        if trace:
            # As botocore's own clients do; Lambda finds endless loops by it, too.
            headers["X-Amzn-Trace-Id"] = trace
        request = AWSRequest("POST", url, headers=headers, data=payload)
        try:
            keys: Any = self._credentials.get()  # shaped as botocore's own, whose import costs
        except CredentialsError as error:
            raise CallError("AccessDenied", error.detail) from error
        SigV4Auth(keys, "lambda", self._runtime.region).add_auth(request)
        prepared = request.prepare()
        seconds = deadline - time.monotonic()
        if seconds <= 0:  # the credentials took it all
            raise CallError("Timeout", "no time was left to send it")
        if time.time() - self._used_at > self._idle_seconds:
            self._open_pool()  # calls in progress keep theirs
        answer = self._pool.request(
            "POST",
            prepared.url,
            body=payload,
            headers=dict(prepared.headers),
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, total=seconds),
            redirect=False,
        )
        self._used_at = time.time()
        return answer


def read_answer(answer: Any) -> bytes:
    """The payload of a callee that succeeded.

    Raises:
        CallError: the callee failed, or the API refused.
    """
    data: bytes = answer.data
    if answer.status == 200 and not answer.headers.get("X-Amz-Function-Error"):
        return data
    if answer.status == 200:
        raise CallError("FunctionError", describe_function_error(data), data)
    cause = "ServiceError" if answer.status >= 500 else CAUSES.get(answer.status, "Refused")
    raise CallError(cause, read_reason(answer) + HINTS.get(cause, ""))


def read_reason(answer: Any) -> str:
    """The API's reason for a refusal."""
    kind = answer.headers.get("x-amzn-ErrorType", "").partition(":")[0]
    try:
        body = json.loads(answer.data)
        text = body.get("message") or body.get("Message") or ""
    except (ValueError, AttributeError, RecursionError):
        text = ""
    return f"{answer.status} {kind} {text}".strip()
