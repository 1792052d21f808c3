"""An endpoint's environment beside others in one process, and the calls between them."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from lambda_serving.endpoint import Servable
from lambda_serving.entrances import invoke
from lambda_serving.environment import Environment
from lambda_serving.errors import LoadError, SettingsError
from lambda_serving.execution import use_event_loop
from lambda_serving.request import Request, enter_request, find_request
from lambda_serving.send_request import CallError, Calls, describe_function_error
from lambda_serving.settings import EndpointSettings, Runtime
from lambda_serving_cli.dev_server.record_line import describe_record
from lambda_serving_cli.dev_server.threads import THREADS, Turns, start_loop, stop_loop

logger = logging.getLogger("lambda_serving")

REQUEST_SECONDS = 29.0
"""What a request may take before its calls to others give up: the template's Timeout."""

LOADS = Turns(longest_wait=10)
"""Plain module names lead to one version at a time, the one that is loaded (``isolation``)."""

_loading: ContextVar[tuple[str, ...]] = ContextVar("loading", default=())
"""The endpoints that are being loaded and have led here, by calls that their ``load`` makes."""

_blocked: ContextVar[frozenset[asyncio.AbstractEventLoop]] = ContextVar(
    "blocked", default=frozenset()
)
"""The event loops that wait for what runs here, and can run nothing else meanwhile."""


class DevEnvironment(Environment):
    """Loads and serves one endpoint; ``others`` are those that it may call."""

    def __init__(self, runtime: Runtime, others: Mapping[str, DevEnvironment]) -> None:
        super().__init__(runtime)
        self.name = runtime.task_root.name
        self._others = others
        self._problem = ""
        self._loop = start_loop()
        self._following = threading.Lock()
        self._latest = Request({}, f"load-{self.name}")

    def start[T](self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run in a thread of its own, as code of this environment."""
        waits = asyncio._get_running_loop()
        blocked = _blocked.get() | {waits} if waits else _blocked.get()
        return THREADS.submit(self._run, blocked, function, *args)

    def _run[T](
        self, blocked: frozenset[asyncio.AbstractEventLoop], function: Callable[..., T], *args: Any
    ) -> T:
        _blocked.set(blocked)
        # On Lambda a loop that waits for its own endpoint would wait for another environment.
        loop = start_loop() if self._loop in blocked else self._loop
        use_event_loop(loop)
        try:
            return function(*args)
        finally:
            if loop is not self._loop:
                stop_loop(loop)

    @property
    def settings(self) -> EndpointSettings:
        """What ``endpoint.toml`` says.

        Raises:
            SettingsError: it is wrong, or names the endpoint otherwise than its folder.
        """
        settings = super().settings
        if settings.endpoint != self.name:
            raise SettingsError(
                f"endpoint.toml: endpoint: expected {self.name!r}, as the folder is named,"
                f" got {settings.endpoint!r}"
            )
        return settings

    def get_endpoint(self, version: str | None = None) -> Servable:
        """See ``Environment``. Endpoints are loaded one after the other."""
        version = self.check_version(version)
        if self.is_loaded(version):
            return super().get_endpoint(version)
        try:
            return copy_context().run(self._load_in_turn, version)
        except LoadError as error:
            self._problem = f"{error.type}: {error.detail}"
            raise

    def follow(self, count_seconds: Callable[[], float] = lambda: math.inf) -> None:
        """See ``Environment``. One request looks; the others go on, if there is a version."""
        if self._follower is None or not self._follower.is_due():
            return
        if self._following.acquire(blocking=not self.rollout.default):
            try:
                LOADS.run(lambda: super(DevEnvironment, self).follow(count_seconds))
            finally:
                self._following.release()

    def describe_state(self) -> str:
        """``ready`` where the default version is, or ``loading``, or what stands in the way."""
        try:
            is_ready = self.is_loaded(self.rollout.default)
        except SettingsError as error:
            return f"{error.type}: {error.detail}"
        return "ready" if is_ready else self._problem or "loading"

    def _load_in_turn(self, version: str) -> Servable:
        chain = _loading.get()
        if self.name in chain:
            raise LoadError(f"{self.name} is being loaded, and its load calls {self.name}")
        _loading.set((*chain, self.name))
        caller = find_request(self._latest)
        deadline = min(caller.deadline, time.monotonic() + REQUEST_SECONDS)
        enter_request(caller._replace(deadline=deadline))
        get_endpoint = super().get_endpoint
        # What a load calls is loaded within its turn.
        return get_endpoint(version) if chain else LOADS.run(lambda: get_endpoint(version))

    def _count_budget(self) -> int:
        """No version is unloaded: another request may be using it."""
        return sys.maxsize

    async def serve(self, request: Request) -> Any:
        deadline = min(request.deadline, time.monotonic() + REQUEST_SECONDS)
        self._latest = request = request._replace(deadline=deadline)
        self.follow()
        return await super().serve(request)

    @cached_property
    def calls(self) -> Calls:
        transport = LocalTransport(self._others)
        return Calls(transport, self.runtime.depth_limit, self._count_failed_call, THREADS)

    def _send_request(self, endpoint: str, version: str | None = None, data: Any = None) -> Any:
        send = super()._send_request

        def send_as_own() -> Any:
            # A thread of the user's own may carry no request; the latest of all is another's.
            enter_request(find_request(self._latest))
            return send(endpoint, version, data)

        return copy_context().run(send_as_own)

    def write_statistics(self, record: Mapping[str, Any]) -> None:
        """See ``Environment``: as a person reads it."""
        logger.info("statistics: %s", describe_record(record))

    def close(self) -> None:
        """See ``Environment``."""
        super().close()
        stop_loop(self._loop)


class LocalTransport:
    """Invokes another endpoint of this process as Lambda would, its time limit included."""

    def __init__(self, environments: Mapping[str, DevEnvironment]) -> None:
        self._environments = environments

    def invoke(self, endpoint: str, payload: bytes, seconds: float) -> bytes:
        """See ``Transport``."""
        environment = self._environments.get(endpoint)
        if environment is None:
            known = ", ".join(self._environments)
            raise CallError("NoSuchEndpoint", f"there is no {endpoint!r}; there are {known}")
        deadline = time.monotonic() + seconds
        context = SimpleNamespace(
            aws_request_id="-",
            get_remaining_time_in_millis=lambda: int((deadline - time.monotonic()) * 1000),
        )
        call = environment.start(invoke.answer_event, json.loads(payload), context, environment)
        try:
            return json.dumps(call.result(seconds)).encode()
        except TimeoutError as error:
            raise CallError("Timeout", f"no answer within {seconds:.1f} s") from error
        except Exception as error:
            # What an invoke raises is what Lambda would make this payload of.
            failure = {"errorType": type(error).__name__, "errorMessage": str(error)}
            body = json.dumps(failure).encode()
            raise CallError("FunctionError", describe_function_error(body), body) from error
