"""``send_request``: one endpoint calls another by a Lambda invoke.

If a call fails, user code gets ``None`` (ClearML's contract). A log line and a metric name the
cause (docs/decisions/0009-send-request.md).
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_serving.messages.envelope import make_payload, open_answer
from lambda_serving.messages.request import Request, find_request
from lambda_serving.settings.runtime import PAYLOAD_LIMIT
from lambda_serving.user_values import get_text

if TYPE_CHECKING:
    from concurrent.futures import Executor

logger = logging.getLogger("lambda_serving")

ANSWER_MARGIN = 0.3
"""Seconds that a call leaves the caller for its own answer."""

LONGEST_MARGIN = 1.3
"""With a longer time limit the caller has a fifth of the rest, and this at most: it answers without
the callee's result before its own time is over (``environment.watchdog``)."""

LONGEST_SECONDS = 900.0
"""Seconds that a call may take if the caller has no deadline, as in `load`: the maximum of a
function (AWS Lambda quotas)."""

CONCURRENCY = 64
"""Concurrent asynchronous calls of one environment. Further calls wait."""

LONGEST_TEXT = 2000
"""Characters of a callee's error in a log line: long lines are cut elsewhere, or cost money."""


class CallError(Exception):
    """A call failed; ``cause`` is its name in logs and metrics.

    ``payload`` is the callee's error, if the callee failed.
    """

    def __init__(self, cause: str, text: str, payload: bytes = b"") -> None:
        super().__init__(text)
        self.cause = cause
        self.payload = payload


Send = Callable[[str, bytes, float], bytes]
"""Takes an endpoint, a payload and seconds; returns the callee's answer. Several threads use it.

Raises:
    CallError: any failure, the callee's own included.
"""


class Calls:
    """Calls of one endpoint to others."""

    def __init__(
        self,
        send: Send,
        depth_limit: int,
        count_failure: Callable[[str, str], None],
        pool: Executor | None = None,
    ) -> None:
        """``count_failure`` counts a failed call, by callee and cause.

        ``pool`` runs asynchronous calls; one of CONCURRENCY threads unless given.
        """
        self._send = send
        self._depth_limit = depth_limit
        self._count_failure = count_failure
        self._pool = pool
        self._lock = threading.Lock()

    def send_request(self, endpoint: str, version: str | None = None, data: Any = None) -> Any:
        """The other endpoint's result; None on any failure, which is logged and counted."""
        name = get_text(endpoint).strip("/")
        callee = "-"  # metrics never have a text that a caller made up
        try:
            name, version = split_name(name, version)
            callee = name
            payload = self.invoke(find_request(), name, version, data)
            try:
                return open_answer(payload)
            except ValueError as error:
                raise CallError("UnreadableAnswer", str(error)) from error
        except Exception as error:  # noqa: BLE001  (the edge: any failure is None, and told)
            self._tell_failure(error, name if version is None else f"{name}/{version}", callee)
            return None

    def _tell_failure(self, error: Exception, target: str, callee: str) -> None:
        """Log a failure, with a traceback if its cause is unknown, and count it."""
        is_foreseen = isinstance(error, CallError)
        cause = error.cause if isinstance(error, CallError) else "InternalError"
        logger.error(
            "send_request to %s failed: %s: %s (request %s)",
            target,
            cause,
            error,
            find_request().request_id,
            exc_info=None if is_foreseen else error,
        )
        self._count_failure(callee, cause)

    async def send_request_async(
        self, endpoint: str, version: str | None = None, data: Any = None
    ) -> Any:
        """``send_request`` for asynchronous classes. Calls of one ``gather`` run concurrently."""
        import asyncio
        from concurrent.futures import ThreadPoolExecutor

        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(CONCURRENCY, "send-request")
        # The thread has the caller's context: its request, and its place in the trace.
        send = partial(copy_context().run, self.send_request, endpoint, version, data)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, send)
        except Exception as error:  # noqa: BLE001  (no thread can be started: see send_request)
            self._tell_failure(error, get_text(endpoint), "-")
            return None

    def invoke(
        self, caller: Request, endpoint: str, version: str | None, data: Any, answer: str = ""
    ) -> bytes:
        """Invoke another endpoint, within the caller's time; raises as ``Send`` does."""
        if caller.depth >= self._depth_limit:
            raise CallError(
                "DepthLimit",
                f"{caller.depth} endpoints called each other, the limit is {self._depth_limit}",
            )
        try:
            payload = make_payload(caller, version, data, answer)
        except BaseException as error:  # the user's data may raise anything
            told = f"{type(error).__name__}: {get_text(error)}"
            raise CallError("UnsendableData", told) from error
        if len(payload) > PAYLOAD_LIMIT:
            raise CallError(
                "PayloadTooLarge",
                f"the payload has {len(payload)} bytes, the limit is {PAYLOAD_LIMIT}",
            )
        left = caller.deadline - time.monotonic()
        seconds = left - min(max(left / 5, ANSWER_MARGIN), LONGEST_MARGIN)
        if seconds <= 0:
            raise CallError("Timeout", "the caller's own time is over")
        return self._send(endpoint, payload, min(seconds, LONGEST_SECONDS))


def split_name(endpoint: str, version: object) -> tuple[str, str | None]:
    """``name`` and version of ``name`` or ``name/version``; an own ``version`` wins.

    An empty version or False means none, since code may compute it.

    Raises:
        CallError: it cannot be the name of an endpoint.
    """
    name, _, in_name = endpoint.partition("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,48}", name):
        raise CallError("NoSuchEndpoint", f"expected name or name/version, got {endpoint!r}")
    if version is None or version is False or version == "":
        return name, in_name or None
    return name, str(version)


def describe_function_error(payload: bytes) -> str:
    """The callee's error type and text, from Lambda's error payload."""
    try:
        error = json.loads(payload)
        text = error.get("errorMessage", "")
        told = f"{error.get('errorType', 'unknown')}: {text}"
    except (ValueError, AttributeError, RecursionError):
        return "unreadable"
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        own = json.loads(text)  # an endpoint's message is the body of its error
        told = f"{own['type']}: {own['detail']}"
    if len(told) <= LONGEST_TEXT:
        return told
    return f"{told[:LONGEST_TEXT]}... ({len(told)} characters)"
