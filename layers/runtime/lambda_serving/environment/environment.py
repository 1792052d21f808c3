"""What one execution environment serves: an endpoint's versions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from lambda_serving.environment.outlets import Outlets
from lambda_serving.errors import LoadError, ServingError, UnknownEndpointError, UnknownVersionError
from lambda_serving.messages.request import Request, enter_request, find_request
from lambda_serving.messages.request_metrics import NO_VERSION, Notes
from lambda_serving.messages.responses import VERSION_HEADER
from lambda_serving.pipeline.endpoint import Servable, Trace, leave_untraced
from lambda_serving.pipeline.loading import load_version
from lambda_serving.settings.runtime import Runtime
from lambda_serving.settings.traffic import Traffic
from lambda_serving.versions.loaded import Versions
from lambda_serving.versions.rollout import Rollout

if TYPE_CHECKING:
    from lambda_serving.versions.registry_watcher import Follower


class Environment(Outlets):
    """What one execution environment serves; made once per cold start."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._rollout: Rollout | None = None
        self._follower: Follower | None = None
        self._versions = Versions(self._load, self._count_budget)

    def _load(self, version: str) -> Servable:
        started = perf_counter()
        tracer = self.tracer
        trace = partial(tracer.trace, version=version) if tracer else leave_untraced
        loaded: Servable = trace("load", self._make)(version, trace)
        self.statistics.note_load(version, (perf_counter() - started) * 1000)
        return loaded

    def _make(self, version: str, trace: Trace) -> Servable:
        settings = self.rollout.versions[version]
        if settings.engine == "canary":
            from lambda_serving.versions.canary import Canary

            traffic = self.settings.traffic or Traffic()
            return Canary(settings, traffic, self.calls, self.count)
        if self.settings.calls:
            self.calls  # noqa: B018  (made at the cold start of those that say they call)
        is_async = settings.engine == "custom_async"
        send_request = self._send_request_async if is_async else self._send_request
        return load_version(settings, self.runtime, send_request, trace)

    def describe(self) -> dict[str, Any]:
        """The endpoint's versions; inputs and outputs of those that are loaded."""
        rollout = self.rollout
        versions = {
            name: {
                "engine": version.engine,
                "loaded": self.is_loaded(name),
                **(self.get_endpoint(name).describe() if self.is_loaded(name) else {}),
            }
            for name, version in rollout.versions.items()
        }
        broken = self._versions.list_broken()
        if self._follower is not None:
            broken |= self._follower.broken
        return {
            "endpoint": self.settings.endpoint,
            "default": rollout.default,
            "versions": versions,
            **rollout.describe(),
            **({"broken": broken} if broken else {}),
        }

    def _count_budget(self) -> int:
        """Bytes for loaded versions: what the user says, or three quarters of the memory."""
        megabytes = self.settings.memory_budget_mb or self.runtime.memory_mb * 3 // 4
        return megabytes * 1024 * 1024

    @property
    def rollout(self) -> Rollout:
        """The versions there are.

        Raises:
            SettingsError: ``endpoint.toml`` is wrong.
        """
        if self._rollout is None:
            settings = self.settings
            self._rollout = Rollout(settings, self.count)
            if settings.auto_update is not None and settings.shared is not None:
                from lambda_serving.models.registry import Index
                from lambda_serving.versions.registry_watcher import Follower

                index = Index(settings.auto_update, settings.shared, self.runtime)
                memory = self.runtime.memory_mb * 1024 * 1024
                self._follower = Follower(
                    settings.auto_update, index, self._rollout, self._versions, memory, self.count
                )
        return self._rollout

    def follow(self, count_seconds: Callable[[], float] = lambda: math.inf) -> None:
        """Look for new versions where the endpoint follows the registry and a look is due.

        ``count_seconds`` tells the time left for it. What fails is told, and leaves the versions
        as they are.
        """
        if self._follower is not None and self._follower.is_due():
            seconds = count_seconds()
            if seconds < math.inf:  # what it loads must end in time, too
                enter_request(find_request()._replace(deadline=monotonic() + seconds))
            self._follower.look(seconds)

    def get_endpoint(self, version: str | None = None) -> Servable:
        """A loaded version; None is the one that answers the unversioned URL.

        Raises:
            UnknownVersionError: names the versions there are.
            LoadError: it cannot be loaded now.
        """
        version = self.check_version(version)
        try:
            return self._versions.get(version)
        except LoadError as error:
            self._tell_version(error, version)
            raise

    def check_version(self, version: str | None) -> str:
        """The version that a request asks for; None is the one of the unversioned URL.

        Raises:
            UnknownVersionError: names the versions there are.
            LoadError: there is none yet.
        """
        rollout = self.rollout
        if self._follower is not None and not rollout.default:
            self.follow()
            if self._follower.error is not None:
                raise self._follower.error.with_traceback(None)
        version = version or rollout.default
        if version not in rollout.versions:
            known = ", ".join(rollout.versions)
            raise UnknownVersionError(
                f"endpoint {self.settings.endpoint!r} has no version {version!r}; it has {known}"
            )
        return version

    def serve(self, request: Request) -> Any:
        """One request's result, by the version that it asks for.

        Raises:
            ServingError: as the error table says.
        """
        enter_request(request)
        version = self.check_version(request.version or self.rollout.choose(request) or None)
        record = request.record
        if record is not None:
            record.version = version
            record.is_watched = request.version is None
            record.caller = self.rollout.find_caller(request)
        endpoint = self.get_endpoint(version)
        if record is not None:
            record.engine, record.sha256 = endpoint.settings.engine, endpoint.sha256
        return endpoint.serve(request)

    @contextmanager
    def record(self, request_id: str) -> Iterator[Notes]:
        """A request begins; at the end of the ``with`` block, with its result encoded, its
        statistics are written and the guard is told."""
        with self.statistics.begin(request_id) as notes:
            try:
                yield notes
            except ServingError as error:
                is_known = notes.version != NO_VERSION
                self._tell_version(error, notes.version if is_known else notes.expected)
                self._tell_guard(notes, error)
                raise
            self._tell_guard(notes, None)

    def expect_version(self, notes: Notes, version: str | None) -> None:
        """Note which version will answer, if that is known before the request is read."""
        rollout = self._rollout
        if rollout is None:
            return
        if version is None and len(rollout.shares) == 1:
            version = next(iter(rollout.shares))
        if version in rollout.versions:
            notes.expected = version

    def _tell_version(self, error: ServingError, version: str | None) -> None:
        """In the error's answer, where it is known; a canary's own version answers nobody."""
        if version is not None and not self.settings.is_canary:
            error.headers.setdefault(VERSION_HEADER, version)

    def _tell_guard(self, notes: Notes, error: ServingError | None) -> None:
        if notes.is_watched:
            self.rollout.note(notes.version, error, notes.caller)

    def check_name(self, name: str) -> None:
        """Refuse a URL that names another endpoint.

        Raises:
            UnknownEndpointError: this environment serves another one.
        """
        if name != self.settings.endpoint:
            raise UnknownEndpointError(f"there is no endpoint {name!r} here")

    def is_loaded(self, version: str) -> bool:
        return self._versions.is_loaded(version)

    def restore(self) -> None:
        """Begin anew what cannot live on after a snapshot (``snapshot``).

        Raises:
            LoadError: the user's ``after_restore`` fails.
        """
        super().restore()
        if self._follower is not None:
            self._follower.restore()
        self._versions.restore()

    def close(self) -> None:
        """Unload every version, before the environment ends."""
        self._versions.close()
