"""The versions of one endpoint that an environment holds, and when to try a failed one again."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection

from lambda_serving.errors import LoadError
from lambda_serving.memory import release_memory
from lambda_serving.pipeline.endpoint import Servable

logger = logging.getLogger("lambda_serving")

LONGEST_PAUSE = 60
"""Seconds between two tries of a version that keeps failing."""

GROWTH_AT_MOST = 10
"""Times that a model is larger in memory than on disk; a compressed forest comes near."""


class Slot:
    """One version: loaded, or the error of its last try and when to try again."""

    def __init__(self) -> None:
        self.endpoint: Servable | None = None
        self.cost = 0
        self.error: LoadError | None = None
        self.failures = 0
        self.retry_at = -math.inf


class Versions:
    """Loads a version at its first use, within a budget of memory.

    What a version costs is what the process grew by while its class was made and its model
    loaded. A version that was not loaded yet is expected to cost as much as the largest so far:
    versions of one endpoint are of one kind. The least recently used go first, before the new
    one is loaded.

    A failed load is tried again with backoff.
    """

    def __init__(
        self,
        load: Callable[[str], Servable],
        budget: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``budget`` tells, in bytes, what all loaded versions may cost together."""
        self._load = load
        self._budget = budget
        self._clock = clock
        self._lock = threading.RLock()
        self._is_first = True
        self._slots: dict[str, Slot] = {}  # least recently used first

    def get(self, version: str, keep: str | None = None) -> Servable:
        """The loaded version; ``keep`` is another one that must not be unloaded for it.

        Raises:
            LoadError: it cannot be loaded, or failed so lately that it is not tried yet;
                ``Retry-After`` tells when the next request is worth it.
        """
        with self._lock:
            slot = self._slots.pop(version, None) or Slot()
            self._slots[version] = slot
            return slot.endpoint or self._fill(slot, version, keep)

    def _fill(self, slot: Slot, version: str, keep: str | None) -> Servable:
        now = self._clock()
        if slot.error is not None and now < slot.retry_at:
            slot.error.set_retry_after(max(1, round(slot.retry_at - now)))
            # The same error again: without the frames that the requests before left on it.
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
            # The first load also brings modules that are imported once and stay.
            cost = min(cost, GROWTH_AT_MOST * endpoint.model_size)
        self._is_first = False
        # Loaded again it may find memory that the process holds still.
        slot.cost = max(slot.cost, cost)
        slot.endpoint = endpoint
        slot.error = None
        slot.failures = 0
        self._make_room(0, kept)
        return endpoint

    def _make_room(self, expected: int, kept: Collection[Slot | None]) -> None:
        """Unload the least recently used until ``expected`` more bytes fit; never ``kept``."""
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
        """Unload a version that is no longer one."""
        with self._lock:
            slot = self._slots.pop(version, None)
            if slot is not None and slot.endpoint is not None:
                self._unload(slot)
                release_memory()

    def restore(self) -> None:
        """After a snapshot: each loaded version begins anew, and each failed one may."""
        with self._lock:
            for slot in self._slots.values():
                slot.retry_at = -math.inf
                if slot.endpoint is not None:
                    slot.endpoint.restore()

    def is_loaded(self, version: str) -> bool:
        slot = self._slots.get(version)
        return slot is not None and slot.endpoint is not None

    def list_broken(self) -> dict[str, str]:
        """Versions whose last try to load them failed, and why."""
        errors = {name: slot.error for name, slot in list(self._slots.items())}
        return {name: f"{e.type}: {e.detail}" for name, e in errors.items() if e is not None}

    def close(self) -> None:
        """Unload all."""
        with self._lock:
            for slot in self._slots.values():
                self._unload(slot)
