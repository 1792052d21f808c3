"""Loading of one endpoint's versions: at their first use, and within a memory budget."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection

from lambda_serving.calls.on_demand import CallsOnDemand
from lambda_serving.errors import LoadError
from lambda_serving.memory import release_memory
from lambda_serving.pipeline.endpoint import Servable, Trace
from lambda_serving.pipeline.loading import load_version
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.endpoint_toml import EndpointFile
from lambda_serving.settings.runtime import Runtime
from lambda_serving.telemetry.telemetry import Telemetry

logger = logging.getLogger("lambda_serving")

LONGEST_PAUSE = 60
"""Maximum seconds between two attempts to load a version that keeps failing."""

GROWTH_AT_MOST = 10
"""Maximum ratio of a model's size in memory to its size on disk, as of a compressed forest."""


class Slot:
    """One version: loaded, or the error of its last attempt and the time of the next one."""

    def __init__(self) -> None:
        self.endpoint: Servable | None = None
        self.cost = 0
        self.error: LoadError | None = None
        self.failures = 0
        self.retry_at = -math.inf


class LoadedVersions:
    """Loads a version at its first use, within a memory budget.

    The cost of a version is the memory by which the process grew while it was loaded. A version
    that was never loaded is expected to cost as much as the largest one so far, since versions of
    one endpoint are of one kind. If memory is short, the least recently used versions are
    unloaded, before the new one is loaded.

    A load that failed is tried again with exponential backoff.
    """

    def __init__(
        self,
        load: Callable[[str], Servable],
        budget: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``budget`` returns the bytes that all loaded versions may cost together."""
        self._load = load
        self._budget = budget
        self._clock = clock
        self._lock = threading.RLock()
        self._is_first = True
        self._slots: dict[str, Slot] = {}  # least recently used first

    def get(self, version: str, keep: str | None = None) -> Servable:
        """Return a version, loaded. ``keep`` is a version that must not be unloaded for it.

        Raises:
            LoadError: it cannot be loaded, or the last attempt failed a short time ago.
                ``Retry-After`` has the seconds until the next attempt.
        """
        with self._lock:
            slot = self._slots.pop(version, None) or Slot()
            self._slots[version] = slot
            return slot.endpoint or self._fill(slot, version, keep)

    def _fill(self, slot: Slot, version: str, keep: str | None) -> Servable:
        now = self._clock()
        if slot.error is not None and now < slot.retry_at:
            slot.error.set_retry_after(max(1, round(slot.retry_at - now)))
            # The same error again, without the frames that earlier requests added to it.
            raise slot.error.with_traceback(None)
        kept = (slot, self._slots.get(keep or ""))
        self._make_room(slot.cost or max(other.cost for other in self._slots.values()), kept)
        try:
            endpoint = self._load(version)
        except LoadError as error:
            pause = min(2**slot.failures, LONGEST_PAUSE)
            slot.failures += 1
            slot.retry_at = self._clock() + pause
            error.set_retry_after(pause)
            slot.error = error
            raise
        cost = endpoint.cost
        if self._is_first and endpoint.model_size:
            # The first load also imports modules, which stay in memory.
            cost = min(cost, GROWTH_AT_MOST * endpoint.model_size)
        self._is_first = False
        # A version that is loaded again may reuse memory of the process.
        slot.cost = max(slot.cost, cost)
        slot.endpoint = endpoint
        slot.error = None
        slot.failures = 0
        self._make_room(0, kept)
        return endpoint

    def _make_room(self, expected: int, kept: Collection[Slot | None]) -> None:
        """Unload the least recently used, but not ``kept``, until ``expected`` more bytes fit."""
        loaded = {name: slot for name, slot in self._slots.items() if slot.endpoint is not None}
        used = sum(slot.cost for slot in loaded.values())
        for name, slot in loaded.items():
            if used + expected <= self._budget():
                return
            if slot not in kept and slot.cost:
                logger.info("unloading version %s: %d bytes are needed", name, expected)
                self._unload(slot)
                used -= slot.cost
                release_memory()

    def _unload(self, slot: Slot) -> None:
        endpoint, slot.endpoint = slot.endpoint, None
        if endpoint is not None:
            endpoint.close()

    def forget(self, version: str) -> None:
        """Unload a version that the endpoint no longer has."""
        with self._lock:
            slot = self._slots.pop(version, None)
            if slot is not None and slot.endpoint is not None:
                self._unload(slot)
                release_memory()

    def restore(self) -> None:
        """After a restore from a snapshot: restore loaded versions, and allow new attempts."""
        with self._lock:
            for slot in self._slots.values():
                slot.retry_at = -math.inf
                if slot.endpoint is not None:
                    slot.endpoint.restore()

    def is_loaded(self, version: str) -> bool:
        slot = self._slots.get(version)
        return slot is not None and slot.endpoint is not None

    def list_broken(self) -> dict[str, str]:
        """Versions whose last attempt to load failed, and why."""
        errors = {name: slot.error for name, slot in list(self._slots.items())}
        return {name: f"{e.type}: {e.detail}" for name, e in errors.items() if e is not None}

    def close(self) -> None:
        """Unload all versions."""
        with self._lock:
            for slot in self._slots.values():
                self._unload(slot)


class VersionLoader:
    """Loads the versions of one endpoint."""

    def __init__(
        self, runtime: Runtime, file: EndpointFile, telemetry: Telemetry, calls: CallsOnDemand
    ) -> None:
        self._runtime = runtime
        self._file = file
        self._telemetry = telemetry
        self._calls = calls

    def load(self, settings: VersionSettings) -> Servable:
        """Load one version, and record how long it took."""
        started = time.perf_counter()
        trace = self._telemetry.trace_version(settings.version)
        loaded: Servable = trace("load", self._load)(settings, trace)
        milliseconds = (time.perf_counter() - started) * 1000
        self._telemetry.statistics.record_load(settings.version, milliseconds)
        return loaded

    def _load(self, settings: VersionSettings, trace: Trace) -> Servable:
        endpoint, is_canary = self._file.settings, settings.engine == "canary"
        if endpoint.calls or is_canary:
            self._calls.get()  # at the cold start, and not at the first request
        if is_canary:
            from lambda_serving.settings.traffic import Traffic
            from lambda_serving.versions.canary import Canary

            traffic = endpoint.traffic or Traffic()
            return Canary(settings, traffic, self._calls, self._telemetry.count)
        is_async = settings.engine == "custom_async"
        send_request = self._calls.send_request_async if is_async else self._calls.send_request
        return load_version(settings, self._runtime, send_request, trace)
