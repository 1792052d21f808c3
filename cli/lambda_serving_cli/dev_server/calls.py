"""Calls between the endpoints of the dev server, which may be in different processes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from typing import Any

from lambda_serving.calls.on_demand import CallsOnDemand
from lambda_serving.calls.send_request import CallError, Calls, describe_function_error
from lambda_serving.messages.request import Request, enter_request
from lambda_serving.settings.endpoint_toml import EndpointFile

logger = logging.getLogger("lambda_serving")

ANSWERED, FAILED, MISSING = "answered", "failed", "missing"
"""How a call went: its bytes are the answer, the error as Lambda gives it, or what is missing."""

AskOther = Callable[[str, bytes, float, tuple[str, ...]], Future[tuple[str, bytes]]]
"""Invokes an endpoint: its name, the payload, seconds, and the endpoints that are being loaded."""

LOADING: ContextVar[tuple[str, ...]] = ContextVar("loading", default=())
"""The endpoints that are being loaded: the load of each calls the next."""


class LocalCalls(CallsOnDemand):
    """Calls to endpoints of this process, also from threads that carry no request."""

    def __init__(self, calls: Calls, find_caller: Callable[[], Request]) -> None:
        """``find_caller`` returns the request of the running code, or the endpoint's latest."""
        super().__init__(lambda: calls)
        self._find_caller = find_caller

    def send_request(self, endpoint: str, version: str | None = None, data: Any = None) -> Any:
        """See ``Calls``."""
        send = super().send_request

        def send_as_own() -> Any:
            enter_request(self._find_caller())
            return send(endpoint, version, data)

        return copy_context().run(send_as_own)


class LocalTransport:
    """Invokes other endpoints of the dev server, with Lambda's time limit."""

    def __init__(self, caller: str, file: EndpointFile, ask: AskOther) -> None:
        """``file`` is that of the ``caller``."""
        self._caller = caller
        self._file = file
        self._ask = ask
        self._warned: set[str] = set()

    def invoke(self, endpoint: str, payload: bytes, seconds: float) -> bytes:
        """See ``calls.send_request.Send``."""
        call = self._ask(endpoint, payload, seconds, LOADING.get())
        try:
            outcome, answer = call.result(seconds)
        except TimeoutError as error:
            call.cancel()
            raise CallError("Timeout", f"no answer within {seconds:.1f} s") from error
        if outcome == MISSING:
            raise CallError("NoSuchEndpoint", answer.decode())
        self._warn_of_denial(endpoint)
        if outcome == FAILED:
            raise CallError("FunctionError", describe_function_error(answer), answer)
        return answer

    def _warn_of_denial(self, callee: str) -> None:
        """Warn once of a call that works here and not on AWS."""
        settings = self._file.settings
        if settings.is_canary or callee in settings.calls or callee in self._warned:
            return
        self._warned.add(callee)
        logger.warning(
            "%s calls %s, which `calls` in its endpoint.toml does not name: AccessDenied on AWS",
            self._caller,
            callee,
        )
