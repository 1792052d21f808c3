"""Loads one version with what it needs of its environment: traces, statistics, calls."""

from __future__ import annotations

from time import perf_counter

from lambda_serving.calls.on_demand import CallsOnDemand
from lambda_serving.pipeline.endpoint import Servable, Trace, leave_untraced
from lambda_serving.pipeline.loading import load_version
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.endpoint_toml import EndpointFile
from lambda_serving.settings.runtime import Runtime
from lambda_serving.telemetry.telemetry import Telemetry


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
        """Load one version, and record how long it took.

        Raises:
            LoadError: it cannot be loaded.
        """
        started = perf_counter()
        trace = self._telemetry.trace_version(settings.version) or leave_untraced
        loaded: Servable = trace("load", self._load)(settings, trace)
        milliseconds = (perf_counter() - started) * 1000
        self._telemetry.statistics.record_load(settings.version, milliseconds)
        return loaded

    def _load(self, settings: VersionSettings, trace: Trace) -> Servable:
        endpoint = self._file.settings
        if settings.engine == "canary":
            from lambda_serving.settings.traffic import Traffic
            from lambda_serving.versions.canary import Canary

            traffic = endpoint.traffic or Traffic()
            return Canary(settings, traffic, self._calls.get(), self._telemetry.count)
        if endpoint.calls:
            self._calls.get()  # at the cold start, and not at the first request
        is_async = settings.engine == "custom_async"
        send_request = self._calls.send_request_async if is_async else self._calls.send_request
        return load_version(settings, self._runtime, send_request, trace)
