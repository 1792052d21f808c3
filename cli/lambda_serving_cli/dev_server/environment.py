"""One endpoint of the dev server: its environment beside others in one process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lambda_serving.calls.send_request import Calls
from lambda_serving.environment.environment import Environment
from lambda_serving.errors import LoadError, SettingsError
from lambda_serving.events import invoke
from lambda_serving.messages.request import Request, enter_request, find_request
from lambda_serving.pipeline.endpoint import Servable
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.endpoint_toml import EndpointFile, read_endpoint
from lambda_serving.settings.runtime import Runtime
from lambda_serving.telemetry.telemetry import Telemetry
from lambda_serving.user_code.event_loop import show_event_loop, use_event_loop
from lambda_serving.versions.loaded import LoadedVersions, VersionLoader
from lambda_serving.versions.versions import Versions
from lambda_serving_cli.dev_server.calls import LOADING, AskOther, LocalCalls, LocalTransport
from lambda_serving_cli.dev_server.loops import Loops, start_loop
from lambda_serving_cli.dev_server.threads import THREADS, Turns, enter_folder

REQUEST_SECONDS = 29.0
"""Seconds after which a request's calls to other endpoints give up: the template's Timeout."""

LOADS = Turns(longest_wait=10)
"""Endpoints load one after the other. Plain module names lead to the modules of one version at a
time, the one that is being loaded (``isolation``)."""


class DevEnvironment:
    """One endpoint of the dev server: an ``Environment`` with local calls and loads in turn."""

    def __init__(
        self,
        runtime: Runtime,
        ask: AskOther,
        write: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """``ask`` invokes other endpoints; ``write`` takes each EMF record."""
        self.name = runtime.task_root.name
        self._runtime = runtime
        self._problem = ""
        self._shared_loop = start_loop(lambda: enter_folder(runtime.task_root))
        self._loops = Loops()
        self._latest = Request({}, f"load-{self.name}")
        """The latest request of this endpoint. That of the process may be another one's."""
        file = EndpointFile(runtime, self._read_settings)
        telemetry = Telemetry(runtime, file, write)
        transport = LocalTransport(self.name, file, ask)
        calls = LocalCalls(
            Calls(transport.invoke, runtime.depth_limit, telemetry.count_failed_call, THREADS),
            lambda: find_request(self._latest),
        )
        loader = VersionLoader(runtime, file, telemetry, calls)
        self.versions = Versions(
            runtime, file, loader.load, telemetry.count, lambda load, _: VersionsInTurn(self, load)
        )
        self.environment = Environment(runtime, file, telemetry, calls, self.versions)

    def _read_settings(self, folder: Path) -> EndpointSettings:
        """Read ``endpoint.toml``.

        Raises:
            SettingsError: it is wrong, or its endpoint has another name than its folder.
        """
        settings = read_endpoint(folder)
        if settings.endpoint != self.name:
            raise SettingsError(
                f"endpoint.toml: endpoint: expected {self.name!r}, as the folder is named,"
                f" got {settings.endpoint!r}"
            )
        return settings

    def start[T](self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run a function in a new thread, as code of this endpoint.

        The thread has an event loop, as Lambda's only thread has. Synchronous calls to other
        endpoints may block it.
        """

        def run() -> T:
            enter_folder(self._runtime.task_root)
            with self._loops.lend() as loop:
                use_event_loop(lambda: self._shared_loop if self._awaits_calls else loop, loop)
                show_event_loop()
                return function(*args)

        return THREADS.submit(run)

    @property
    def _awaits_calls(self) -> bool:
        """Whether calls to other endpoints never block, so that all requests share one loop."""
        described = self.environment.settings.described
        return all(version.engine == "custom_async" for version in described)

    def serve(self, request: Request) -> Any:
        """Return the result of one request, within REQUEST_SECONDS."""
        deadline = min(request.deadline, time.monotonic() + REQUEST_SECONDS)
        self.versions.check_registry()
        return self.environment.serve(request._replace(deadline=deadline))

    def answer_invoke(self, payload: Any, seconds: float) -> Any:
        """Answer a direct invoke within ``seconds``, as the handler does.

        Raises:
            Exception: named by the class in the error table.
        """
        deadline = time.monotonic() + min(seconds, REQUEST_SECONDS)
        context = SimpleNamespace(
            aws_request_id="-",
            get_remaining_time_in_millis=lambda: int((deadline - time.monotonic()) * 1000),
        )
        self.versions.check_registry()
        return invoke.answer_event(payload, context, self.environment)

    def enter_latest(self) -> None:
        """The running request is the latest one of this endpoint."""
        self._latest = find_request(self._latest)

    def load_in_turn(self, load: Callable[[], Servable]) -> Servable:
        """Load a version when no other endpoint is being loaded.

        Raises:
            LoadError: it cannot be loaded, or its load calls this endpoint itself.
        """
        try:
            return copy_context().run(self._load_in_turn, load)
        except LoadError as error:
            self._problem = f"{error.type}: {error.detail}"
            raise

    def _load_in_turn(self, load: Callable[[], Servable]) -> Servable:
        chain = LOADING.get()
        if self.name in chain:
            raise LoadError(f"{self.name} is being loaded, and its load calls {self.name}")
        LOADING.set((*chain, self.name))
        caller = find_request(self._latest)
        deadline = min(caller.deadline, time.monotonic() + REQUEST_SECONDS)
        enter_request(caller._replace(deadline=deadline))
        # An endpoint that a load calls is loaded within the same turn.
        return load() if chain else LOADS.run(load)

    def end(self) -> None:
        """Unload all versions, then forget where user code led ``sys.path`` and end its loops."""
        try:
            self.environment.close()
        finally:
            own = self._runtime.task_root
            sys.path[:] = [path for path in sys.path if not Path(path).is_relative_to(own)]
            self._shared_loop.call_soon_threadsafe(self._shared_loop.stop)
            self._loops.close()

    def describe_state(self) -> str:
        """``ready`` if the default version is loaded; else ``loading``, or the last problem."""
        try:
            is_ready = self.versions.is_loaded(self.versions.rollout.default)
        except SettingsError as error:
            return f"{error.type}: {error.detail}"
        return "ready" if is_ready else self._problem or "loading"


class VersionsInTurn(LoadedVersions):
    """Loaded versions whose loads take turns. None is unloaded for another: it may be in use."""

    def __init__(self, owner: DevEnvironment, load: Callable[[str], Servable]) -> None:
        super().__init__(load, lambda: sys.maxsize)
        self._owner = owner

    def get(self, version: str, keep: str | None = None) -> Servable:
        """See ``LoadedVersions``."""
        self._owner.enter_latest()
        get = super().get
        if self.is_loaded(version):
            return get(version, keep)
        return self._owner.load_in_turn(lambda: get(version, keep))
