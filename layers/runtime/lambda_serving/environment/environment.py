"""One execution environment: the parts of an endpoint, and one request through all of them."""

from __future__ import annotations

from typing import Any

from lambda_serving.calls.on_demand import CallsOnDemand
from lambda_serving.errors import UnknownEndpointError
from lambda_serving.messages.request import Request, enter_request
from lambda_serving.messages.request_metrics import RequestMetrics
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.endpoint_toml import EndpointFile
from lambda_serving.settings.runtime import Runtime
from lambda_serving.telemetry.telemetry import Telemetry
from lambda_serving.versions.versions import Versions


class Environment:
    """Serves one endpoint. ``bootstrap`` makes its parts, once per cold start."""

    def __init__(
        self,
        runtime: Runtime,
        file: EndpointFile,
        telemetry: Telemetry,
        calls: CallsOnDemand,
        versions: Versions,
    ) -> None:
        self.runtime = runtime
        self.telemetry = telemetry
        self.versions = versions
        self._file = file
        self._calls = calls

    @property
    def settings(self) -> EndpointSettings:
        """See ``EndpointFile``."""
        return self._file.settings

    def serve(self, request: Request) -> Any:
        """Return the result of one request; raises ServingError."""
        enter_request(request)
        return self.versions.choose(request).serve(request)

    def measure_request(self, request_id: str) -> RequestMetrics:
        """Measure a request until its result is encoded, at the end of the ``with`` block.

        Then the circuit breaker gets its result, and its metrics are written.
        """
        metrics = self.telemetry.statistics.begin_request(request_id)
        metrics.record_result = self.versions.record_result
        return metrics

    def check_name(self, name: str) -> None:
        """Check that a URL names this endpoint.

        Raises:
            UnknownEndpointError: it names another one.
        """
        if name != self.settings.endpoint:
            raise UnknownEndpointError(f"there is no endpoint {name!r} here")

    def restore(self) -> None:
        """After a restore from a snapshot: renew what is invalid in the new environment."""
        self._calls.restore()
        self.telemetry.restore()
        self.versions.restore()

    def close(self) -> None:
        """Unload every version, before the environment ends."""
        self.versions.close()
