"""An endpoint's environment beside others in one process, and the calls between them."""

from __future__ import annotations

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

from lambda_serving.calls.send_request import CallError, Calls, describe_function_error
from lambda_serving.environment.environment import Environment
from lambda_serving.errors import LoadError, SettingsError
from lambda_serving.events import invoke
from lambda_serving.messages.request import Request, enter_request, find_request
from lambda_serving.pipeline.endpoint import Servable
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.runtime import Runtime
from lambda_serving.user_code.event_loop import show_event_loop, use_event_loop
from lambda_serving_cli.dev_server.loops import LoopLease, Loops, start_loop
from lambda_serving_cli.dev_server.threads import THREADS, Turns, enter_folder

logger = logging.getLogger("lambda_serving")

REQUEST_SECONDS = 29.0
"""What a request may take before its calls to others give up: the template's Timeout."""

LOADS = Turns(longest_wait=10)
"""Plain module names lead to one version at a time, the one that is loaded (``isolation``)."""

_loading: ContextVar[tuple[str, ...]] = ContextVar("loading", default=())
"""The endpoints that are being loaded and have led here, by calls that their ``load`` makes."""


class DevEnvironment(Environment):
    """Loads and serves one endpoint; ``others`` are those that it may call."""

    def __init__(
        self,
        runtime: Runtime,
        others: Mapping[str, DevEnvironment],
        tell: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """``tell`` gets each record of statistics."""
        super().__init__(runtime)
        self._tell = tell
        self.name = runtime.task_root.name
        self._others = others
        self._problem = ""
        self._shared_loop = start_loop(lambda: enter_folder(runtime.task_root))
        self._loops = Loops()
        self._warned: set[str] = set()
        self._following = threading.Lock()
        self._latest = Request({}, f"load-{self.name}")

    def start[T](self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run in a thread of its own, as code of this environment.

        It has an event loop, as Lambda's only thread has: synchronous calls to others may block it.
        """

        def run() -> T:
            enter_folder(self.runtime.task_root)
            with LoopLease(self._loops) as loop:
                use_event_loop(lambda: self._shared_loop if self._awaits_calls else loop, loop)
                show_event_loop()
                return function(*args)

        return THREADS.submit(run)

    @property
    def _awaits_calls(self) -> bool:
        """Whether calls to others never block a loop, so that all requests may share one."""
        return all(version.engine == "custom_async" for version in self.settings.described)

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

    def serve(self, request: Request) -> Any:
        deadline = min(request.deadline, time.monotonic() + REQUEST_SECONDS)
        self._latest = request = request._replace(deadline=deadline)
        self.follow()
        return super().serve(request)

    @cached_property
    def calls(self) -> Calls:
        transport = LocalTransport(self._others, self._check_callee)
        return Calls(transport, self.runtime.depth_limit, self._count_failed_call, THREADS)

    def _send_request(self, endpoint: str, version: str | None = None, data: Any = None) -> Any:
        send = super()._send_request

        def send_as_own() -> Any:
            # A thread of the user's own may carry no request; the latest of all is another's.
            enter_request(find_request(self._latest))
            return send(endpoint, version, data)

        return copy_context().run(send_as_own)

    def _check_callee(self, callee: str) -> None:
        """Tell what goes well here, and not on AWS."""
        settings = self.settings
        if settings.is_canary or callee in settings.calls or callee in self._warned:
            return
        self._warned.add(callee)
        logger.warning(
            "%s calls %s, which `calls` in its endpoint.toml does not name: AccessDenied on AWS",
            self.name,
            callee,
        )

    def write_statistics(self, record: Mapping[str, Any]) -> None:
        """See ``Environment``."""
        self._tell(record)


class LocalTransport:
    """Invokes another endpoint of this process as Lambda would, its time limit included."""

    def __init__(
        self, environments: Mapping[str, DevEnvironment], check: Callable[[str], None]
    ) -> None:
        """``check`` is told each callee that there is."""
        self._environments = environments
        self._check = check

    def invoke(self, endpoint: str, payload: bytes, seconds: float) -> bytes:
        """See ``Transport``."""
        environment = self._environments.get(endpoint)
        if environment is None:
            known = ", ".join(self._environments)
            raise CallError("NoSuchEndpoint", f"there is no {endpoint!r}; there are {known}")
        self._check(endpoint)
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
