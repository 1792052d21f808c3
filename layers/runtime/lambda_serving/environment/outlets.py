"""Where an environment turns to: its settings, its statistics and traces, other endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import SettingsError
from lambda_serving.messages.request_metrics import NoStatistics
from lambda_serving.settings.endpoint import EndpointSettings, MetricSettings
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving.settings.runtime import Runtime
from lambda_serving.telemetry.logs import import_formatter

if TYPE_CHECKING:
    from lambda_serving.calls.lambda_api import LambdaApi
    from lambda_serving.calls.send_request import Calls
    from lambda_serving.telemetry.statistics import Statistics
    from lambda_serving.telemetry.tracing import Tracer


class Outlets:
    """What an environment has beside the versions it serves; each part is made once asked for."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._settings: EndpointSettings | None = None
        self._statistics: Statistics | NoStatistics | None = None
        self._provisional: Statistics | NoStatistics | None = None
        self._api: LambdaApi | None = None

    @property
    def settings(self) -> EndpointSettings:
        """What ``endpoint.toml`` says.

        Raises:
            SettingsError: it is wrong; the next request reads it again. Or the environment is.
        """
        if self.runtime.mistakes:
            raise SettingsError("; ".join(self.runtime.mistakes))
        if self._settings is None:
            self._settings = read_endpoint(self.runtime.task_root)
        return self._settings

    @cached_property
    def tracer(self) -> Tracer | None:
        """None where tracing is off, and not even imported."""
        if not self.runtime.is_traced:
            return None
        from lambda_serving.telemetry.tracing import Tracer

        return Tracer(self.runtime, endpoint=self.statistics.endpoint)

    @cached_property
    def calls(self) -> Calls:
        """Calls to other endpoints; an endpoint that makes none never pays for the client."""
        from lambda_serving.calls.lambda_api import LambdaApi
        from lambda_serving.calls.send_request import Calls

        if self.runtime.function_name:
            import_formatter()  # the line of a failed call has no time for it
        api = self._api = LambdaApi(self.runtime)
        transport = api if self.tracer is None else self.tracer.trace_calls(api)
        return Calls(transport, self.runtime.depth_limit, self._count_failed_call)

    def _count_failed_call(self, callee: str, cause: str) -> None:
        # What may be no endpoint is named in the log alone: code may make names of what it is
        # sent, and each new value of a dimension is a metric that costs.
        if cause in ("NoSuchEndpoint", "AccessDenied") and callee not in self.settings.calls:
            callee = "-"
        self.count("FailedCalls", Callee=callee, Cause=cause)

    def count(self, name: str, **dimensions: str) -> None:
        """One metric of this endpoint, with further dimensions."""
        self.statistics.count(name, dimensions)

    def write_statistics(self, record: Mapping[str, Any]) -> None:
        """Where EMF records go."""
        from lambda_serving.telemetry.statistics import write_line

        write_line(record)

    @property
    def statistics(self) -> Statistics | NoStatistics:
        """Those of the endpoint; until its settings can be read, by the function's name."""
        if self._statistics is not None:
            return self._statistics
        try:
            settings = self.settings
        except SettingsError:
            if self._provisional is None:
                name = self.runtime.function_name.removeprefix(f"{self.runtime.stack}-") or "-"
                self._provisional = self._make_statistics(name, MetricSettings())
            return self._provisional
        self._statistics = self._make_statistics(settings.endpoint, settings.metrics)
        return self._statistics

    def _make_statistics(self, name: str, settings: MetricSettings) -> Statistics | NoStatistics:
        if self.runtime.metrics_off:
            return NoStatistics(name)
        from lambda_serving.telemetry.statistics import Statistics

        return Statistics(self.runtime.namespace, name, settings, self.write_statistics)

    def _send_request(self, endpoint: str, version: str | None = None, data: Any = None) -> Any:
        return self.calls.send_request(endpoint, version, data)

    async def _send_request_async(
        self, endpoint: str, version: str | None = None, data: Any = None
    ) -> Any:
        return await self.calls.send_request_async(endpoint, version, data)

    def restore(self) -> None:
        """After a snapshot: connections and samples begin anew."""
        if self._api is not None:
            self._api.connect()
        self.statistics.restore()
