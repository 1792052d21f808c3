"""Statistics of requests: CloudWatch EMF records, a line of standard output each.

The lines are made here and not by Powertools, whose import costs a cold start a fifth of its time
(docs/decisions/0010-statistics.md); a test compares the two. A failure in here never fails a
request, and is told once a cold start.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from lambda_serving.errors import ServingError
from lambda_serving.messages.request_metrics import NO_VERSION, Notes
from lambda_serving.settings.endpoint import MetricSettings
from lambda_serving.telemetry import emf
from lambda_serving.telemetry.record import Record

logger = logging.getLogger("lambda_serving")

_writing = threading.Lock()


def write_line(record: Mapping[str, Any]) -> None:
    """One record on standard output, in one piece whatever other threads write."""
    line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE).decode()
    with _writing:
        sys.stdout.write(line)
        sys.stdout.flush()


class Sampler:
    """Says of each request whether it is recorded: one of each 1/frequency, at a random place.

    By chance alone, 1,000 requests at 0.25 would miss their count by 5.5 % at one sigma; at
    even distances, callers that take turns would not all be seen.
    """

    def __init__(self, frequency: float) -> None:
        self._stride = 1 / frequency if frequency else float("inf")
        self._seen = self._taken = 0
        self._next = self._choose()

    def take(self) -> bool:
        self._seen += 1
        if self._seen <= self._next:
            return False
        self._taken += 1
        self._next = self._choose()
        return True

    def _choose(self) -> float:
        """A place in the next stretch. Of ``os.urandom``: snapshots must not repeat it."""
        return (self._taken + int.from_bytes(os.urandom(4)) / 2**32) * self._stride


class Statistics:
    """The records of one endpoint."""

    def __init__(
        self,
        namespace: str,
        endpoint: str,
        settings: MetricSettings,
        write: Callable[[Mapping[str, Any]], object] = write_line,
    ) -> None:
        self.namespace = namespace
        self.endpoint = endpoint
        self.settings = settings
        self.weight = 1 / settings.log_frequency if settings.log_frequency else 0.0
        self._write = write
        self._sampler = Sampler(settings.log_frequency)
        self._is_cold = True
        self._loads: dict[str, float] = {}
        self._told: set[str] = set()

    def restore(self) -> None:
        """After a snapshot: who is recorded is chosen anew, and nothing was loaded here."""
        self._sampler = Sampler(self.settings.log_frequency)
        self._loads.clear()

    def begin(self, request_id: str) -> Notes:
        """A request begins. Its record is written when its ``with`` block ends."""
        try:
            return Record(self, request_id, self._sampler.take())
        except Exception as error:  # noqa: BLE001  (statistics never fail a request)
            self.tell_failure(error)
            return Notes()

    def count(self, name: str, dimensions: Mapping[str, str]) -> None:
        """One metric ``name`` of 1 of this endpoint, with further dimensions."""
        try:
            further = {name: emf.fit_dimension(value) for name, value in dimensions.items()}
            own = {"Endpoint": self.endpoint, **further}
            directive = emf.make_directive(self.namespace, [list(own)], {name: "Count"})
            self.write(emf.make_record([directive], own | {name: 1}))
        except Exception as error:  # noqa: BLE001  (statistics never fail a request)
            self.tell_failure(error)

    def count_error(self, error: ServingError, request_id: str, version: str = NO_VERSION) -> None:
        """An error of a request whose own record is written already."""
        self._record_apart(request_id, version, error)

    def record_start(self, request_id: str, version: str) -> None:
        """A warm-up came: where it is the first event, cold start and load are no request's."""
        self._record_apart(request_id, version)

    def _record_apart(
        self, request_id: str, version: str, error: ServingError | None = None
    ) -> None:
        try:
            with Record(self, request_id, is_sampled=False) as record:
                record.version = version
                if error is not None:
                    record.note_error(error.type, error.status)
        except Exception as failure:  # noqa: BLE001  (statistics never fail a request)
            self.tell_failure(failure)

    def note_load(self, version: str, milliseconds: float) -> None:
        """A version was loaded; its next record says so."""
        self._loads[version] = milliseconds

    def take_load(self, version: str) -> float | None:
        """Milliseconds that the version's load took, once."""
        return self._loads.pop(version, None)

    def take_cold_start(self) -> bool:
        """Whether this is the environment's first record, once."""
        is_cold, self._is_cold = self._is_cold, False
        return is_cold

    def write(self, record: Mapping[str, Any]) -> None:
        self._write(record)

    def tell(self, key: str, message: str, *arguments: Any) -> None:
        """One log line a cold start for each key."""
        if key not in self._told:
            self._told.add(key)
            logger.warning(message, *arguments)

    def tell_failure(self, error: BaseException) -> None:
        if "failure" not in self._told:
            self._told.add("failure")
            logger.error("statistics failed; the requests do not", exc_info=error)
