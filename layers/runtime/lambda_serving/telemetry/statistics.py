"""Statistics of one endpoint's requests, as CloudWatch EMF records on standard output.

Powertools is not used here: its import takes a fifth of a cold start
(docs/decisions/0010-statistics.md). A test compares the records. A failure in this package never
fails a request, and is logged once per cold start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from lambda_serving.errors import ServingError
from lambda_serving.messages.request_metrics import RequestMetrics
from lambda_serving.settings.endpoint import MetricSettings
from lambda_serving.telemetry import emf
from lambda_serving.telemetry.record import RecordedMetrics
from lambda_serving.telemetry.writer import RecordWriter


class Sampler:
    """Chooses the requests that are recorded: one of each 1/frequency, at a random place.

    Independent random choices would miss the expected count of 1,000 requests at 0.25 by 5.5 %
    (one sigma). Even distances would miss some of the callers that take turns.
    """

    def __init__(self, frequency: float) -> None:
        self._stride = 1 / frequency if frequency else float("inf")
        self._seen = self._taken = 0
        self._next = self._choose()

    def take(self) -> bool:
        if self._stride == 1:
            return True
        self._seen += 1
        if self._seen <= self._next:
            return False
        self._taken += 1
        self._next = self._choose()
        return True

    def _choose(self) -> float:
        """A place in the next stretch, by ``os.urandom``: snapshots must not repeat it."""
        return (self._taken + int.from_bytes(os.urandom(4)) / 2**32) * self._stride


class Statistics:
    """The statistics of one endpoint."""

    def __init__(
        self,
        namespace: str,
        endpoint: str,
        settings: MetricSettings,
        write: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._writer = RecordWriter(namespace, endpoint, settings, write)
        self._sampler = Sampler(settings.log_frequency)

    def begin_request(self, request_id: str) -> RequestMetrics:
        """The metrics of a new request. They are written when their ``with`` block ends."""
        try:
            return RecordedMetrics(self._writer, request_id, self._sampler.take())
        except Exception as error:  # noqa: BLE001  (statistics never fail a request)
            self._writer.report_failure(error)
            return RequestMetrics()

    def count(self, name: str, dimensions: Mapping[str, str]) -> None:
        """Write one metric ``name`` with the value 1, by Endpoint and further dimensions."""
        try:
            further = {name: emf.fit_dimension(value) for name, value in dimensions.items()}
            own = {"Endpoint": self.endpoint, **further}
            directive = emf.make_directive(self._writer.namespace, [list(own)], {name: "Count"})
            self._writer.write(emf.make_record([directive], own | {name: 1}))
        except Exception as error:  # noqa: BLE001  (statistics never fail a request)
            self._writer.report_failure(error)

    def record_apart(
        self, request_id: str, version: str, error: ServingError | None = None
    ) -> None:
        """Record a warm-up event; or an error of a request whose own metrics are written already.

        Cold start and load belong to it if it is the first event.
        """
        try:
            with RecordedMetrics(self._writer, request_id, is_sampled=False) as metrics:
                metrics.version = version
                if error is not None:
                    metrics.record_error(error.type, error.status)
        except Exception as failure:  # noqa: BLE001  (statistics never fail a request)
            self._writer.report_failure(failure)

    def record_load(self, version: str, milliseconds: float) -> None:
        """Record how long a version took to load. Its next record has the metric."""
        self._writer.record_load(version, milliseconds)
