"""The telemetry of one endpoint: statistics and traces, each imported and made at its first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import SettingsError
from lambda_serving.messages.request_metrics import RequestMetrics
from lambda_serving.settings.endpoint import MetricSettings
from lambda_serving.settings.endpoint_toml import EndpointFile
from lambda_serving.settings.runtime import Runtime

if TYPE_CHECKING:
    from lambda_serving.telemetry.statistics import Statistics
    from lambda_serving.telemetry.tracing import Tracer


class Telemetry:
    def __init__(
        self,
        runtime: Runtime,
        file: EndpointFile,
        write: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        self._runtime = runtime
        self._file = file
        self._write = write
        self._statistics: Statistics | NoStatistics | None = None

    @property
    def statistics(self) -> Statistics | NoStatistics:
        """The endpoint's statistics. While its settings are wrong, the function names them."""
        if self._statistics is None:
            try:
                settings = self._file.settings
            except SettingsError:
                return self._provisional
            self._statistics = self._make_statistics(settings.endpoint, settings.metrics)
        return self._statistics

    @cached_property
    def _provisional(self) -> Statistics | NoStatistics:
        name = self._runtime.function_name.removeprefix(f"{self._runtime.stack}-")
        return self._make_statistics(name or "-", MetricSettings())

    def _make_statistics(self, name: str, settings: MetricSettings) -> Statistics | NoStatistics:
        if self._runtime.metrics_off:
            return NoStatistics(name)
        from lambda_serving.telemetry.statistics import Statistics

        return Statistics(self._runtime.namespace, name, settings, self._write)

    @cached_property
    def tracer(self) -> Tracer | None:
        """The endpoint's traces; None if tracing is off."""
        if not self._runtime.is_traced:
            return None
        from lambda_serving.telemetry.tracing import Tracer

        return Tracer(self._runtime, endpoint=self.statistics.endpoint)

    def trace_version(self, version: str) -> Callable[..., Callable[..., Any]]:
        """Wraps calls of one version in subsegments, or leaves them if tracing is off."""
        if self.tracer is None:
            return lambda name, call, blames_caller=False: call
        return partial(self.tracer.trace, version=version)

    def count(self, name: str, **dimensions: str) -> None:
        """Count one metric of this endpoint, with further dimensions."""
        self.statistics.count(name, dimensions)

    def count_failed_call(self, callee: str, cause: str) -> None:
        """Count a call to another endpoint that failed.

        A callee that may not exist is named in the log alone. Code may compute names from its
        input, and each new value of a dimension is a metric that costs.
        """
        is_known = cause not in ("NoSuchEndpoint", "AccessDenied")
        if not is_known and callee not in self._file.settings.calls:
            callee = "-"
        self.count("FailedCalls", Callee=callee, Cause=cause)

    def restore(self) -> None:
        """After a restore from a snapshot: sample anew, and forget loads before the snapshot."""
        self._statistics = None


class NoStatistics:
    """Takes the place of ``Statistics`` if they are switched off. It writes nothing."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def begin_request(self, request_id: str) -> RequestMetrics:
        return RequestMetrics()

    def count(self, *given: Any) -> None:
        """See ``Statistics``."""

    record_apart = record_load = count
