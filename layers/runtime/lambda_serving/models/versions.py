"""The versions of one endpoint that an environment holds, and when to try a failed one again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lambda_serving.endpoint import Endpoint
from lambda_serving.errors import LoadError

LONGEST_PAUSE = 60
"""Seconds between two tries of a version that keeps failing."""


class Slot:
    """One version: loaded, or the error of its last try and when to try again."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.endpoint: Endpoint | None = None
        self.error: LoadError | None = None
        self.failures = 0
        self.retry_at = 0.0


class Versions:
    """Loads a version at its first use; a failed load is tried again with backoff."""

    def __init__(
        self, load: Callable[[str], Endpoint], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._clock = clock
        self._slots: dict[str, Slot] = {}

    def get(self, version: str) -> Endpoint:
        """The loaded version.

        Raises:
            LoadError: it cannot be loaded, or failed so lately that it is not tried yet;
                ``Retry-After`` tells when the next request is worth it.
        """
        slot = self._slots.setdefault(version, Slot())
        if slot.endpoint is not None:
            return slot.endpoint
        with slot.lock:
            return slot.endpoint or self._fill(slot, version)

    def _fill(self, slot: Slot, version: str) -> Endpoint:
        now = self._clock()
        if slot.error is not None and now < slot.retry_at:
            slot.error.set_retry_after(max(1, round(slot.retry_at - now)))
            # The same error again: without the frames that the requests before left on it.
            raise slot.error.with_traceback(None)
        try:
            slot.endpoint = self._load(version)
        except LoadError as error:
            pause = min(2**slot.failures, LONGEST_PAUSE)
            slot.failures += 1
            slot.retry_at = self._clock() + pause
            error.set_retry_after(pause)
            slot.error = error
            raise
        slot.error = None
        slot.failures = 0
        return slot.endpoint

    def is_loaded(self, version: str) -> bool:
        slot = self._slots.get(version)
        return slot is not None and slot.endpoint is not None
