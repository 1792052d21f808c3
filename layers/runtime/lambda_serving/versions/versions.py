"""The versions of one endpoint: which there are, which are loaded, which one answers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import LoadError, ServingError, UnknownVersionError
from lambda_serving.messages.request import Request, enter_request, find_request
from lambda_serving.messages.request_metrics import NO_VERSION, RequestMetrics
from lambda_serving.messages.responses import VERSION_HEADER
from lambda_serving.pipeline.endpoint import Servable
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.endpoint_toml import EndpointFile
from lambda_serving.settings.runtime import MEGABYTE, Runtime
from lambda_serving.versions.loaded import LoadedVersions
from lambda_serving.versions.rollout import Rollout

if TYPE_CHECKING:
    from lambda_serving.versions.registry_watcher import RegistryWatcher


class Versions:
    def __init__(
        self,
        runtime: Runtime,
        file: EndpointFile,
        load: Callable[[VersionSettings], Servable],
        count: Callable[..., None],
        make_loaded: Callable[..., LoadedVersions] = LoadedVersions,
    ) -> None:
        """``load`` loads a version; ``count`` counts a metric of the endpoint.

        ``make_loaded`` makes what keeps the loaded versions, from a ``load`` by name and the
        memory budget.
        """
        self._runtime = runtime
        self._file = file
        self._count = count
        self._rollout: Rollout | None = None
        self._watcher: RegistryWatcher | None = None
        self._checking = threading.RLock()
        self._loaded = make_loaded(
            lambda version: load(self.rollout.versions[version]), self._count_budget
        )

    def _count_budget(self) -> int:
        """Bytes for loaded versions; defaults to three quarters of the function's memory."""
        megabytes = self._file.settings.memory_budget_mb or self._runtime.memory_mb * 3 // 4
        return megabytes * MEGABYTE

    @property
    def rollout(self) -> Rollout:
        """The versions that exist, and the traffic split between them."""
        if self._rollout is None:
            settings = self._file.settings
            self._rollout = Rollout(settings, self._count)
            if settings.auto_update is not None and settings.shared is not None:
                from lambda_serving.models.registry import Index
                from lambda_serving.versions.registry_watcher import RegistryWatcher

                self._watcher = RegistryWatcher(
                    settings.auto_update,
                    Index(settings.auto_update, settings.shared, self._runtime),
                    self._rollout,
                    self._loaded,
                    self._runtime,
                    self._count,
                )
        return self._rollout

    def check_registry(self, count_seconds: Callable[[], float] = lambda: math.inf) -> None:
        """Bring in new versions, if the endpoint has ``[auto_update]`` and a check is due.

        ``count_seconds`` returns the time left. A failure is logged, and leaves the versions as
        they are. While one thread checks, others go on if there is a version already.
        """
        watcher = self._watcher
        if watcher is None or not watcher.is_due():
            return
        if not self._checking.acquire(blocking=not self.rollout.default):
            return
        try:
            if watcher.is_due():
                seconds = count_seconds()
                if seconds < math.inf:  # loads must end in time, too
                    enter_request(find_request()._replace(deadline=monotonic() + seconds))
                watcher.check(seconds)
        finally:
            self._checking.release()

    def check(self, version: str | None) -> str:
        """The version that a request names; None is the one that answers the unversioned URL.

        Raises:
            UnknownVersionError: there is no such version; names the versions there are.
            LoadError: the registry has brought no version yet.
        """
        rollout = self.rollout
        if self._watcher is not None and not rollout.default:
            self.check_registry()
            if self._watcher.error is not None:
                raise self._watcher.error.with_traceback(None)
        version = version or rollout.default
        if version not in rollout.versions:
            known = ", ".join(rollout.versions)
            raise UnknownVersionError(
                f"endpoint {self._file.settings.endpoint!r} has no version {version!r};"
                f" it has {known}"
            )
        return version

    def get(self, version: str | None = None) -> Servable:
        """Return a version, loaded; raises as ``check`` does, and LoadError if it cannot be."""
        return self._get(self.check(version))

    def _get(self, version: str) -> Servable:
        try:
            return self._loaded.get(version)
        except LoadError as error:
            self.name_version(error, version)
            raise

    def choose(self, request: Request) -> Servable:
        """Get the version that answers a request, and name it in its metrics."""
        rollout = self.rollout
        version = self.check(request.version or rollout.choose(request) or None)
        metrics = request.metrics
        if metrics is None:
            return self._get(version)
        metrics.version = version
        if rollout.split is not None and request.version is None:
            metrics.is_split, metrics.sticky_key = True, rollout.split.find_key(request)
        endpoint = self._get(version)
        metrics.engine, metrics.sha256 = endpoint.settings.engine, endpoint.sha256
        return endpoint

    def expect(self, metrics: RequestMetrics, version: str | None) -> None:
        """Set the version that will answer, if it is known before the request is read."""
        rollout = self._rollout
        if rollout is None:
            return
        if version is None and len(rollout.shares) == 1:
            version = next(iter(rollout.shares))
        if version in rollout.versions:
            metrics.expected_version = version

    def record_result(self, metrics: RequestMetrics, error: ServingError | None) -> None:
        """Name the version in an error's answer, and tell the circuit breaker the result."""
        if error is not None:
            is_known = metrics.version != NO_VERSION
            self.name_version(error, metrics.version if is_known else metrics.expected_version)
        split = self.rollout.split if metrics.is_split else None
        if split is not None:
            split.breaker.record_result(metrics.version, error, metrics.sticky_key)

    def name_version(self, error: ServingError, version: str | None) -> None:
        """Set the version's header of an error's answer. A canary's own version is never told."""
        if version is not None and not self._file.settings.is_canary:
            error.headers.setdefault(VERSION_HEADER, version)

    def is_loaded(self, version: str) -> bool:
        return self._loaded.is_loaded(version)

    def describe(self) -> dict[str, Any]:
        """The endpoint's metadata: its versions, with inputs and outputs of those loaded."""
        rollout = self.rollout
        versions = {
            name: {
                "engine": version.engine,
                "loaded": self.is_loaded(name),
                **(self.get(name).describe() if self.is_loaded(name) else {}),
            }
            for name, version in rollout.versions.items()
        }
        broken = self._loaded.list_broken()
        if self._watcher is not None:
            broken |= self._watcher.broken
        return {
            "endpoint": self._file.settings.endpoint,
            "default": rollout.default,
            "versions": versions,
            **rollout.describe(),
            **({"broken": broken} if broken else {}),
        }

    def restore(self) -> None:
        """After a restore from a snapshot."""
        if self._watcher is not None:
            self._watcher.restore()
        self._loaded.restore()

    def close(self) -> None:
        """Unload every version, before the environment ends."""
        self._loaded.close()
