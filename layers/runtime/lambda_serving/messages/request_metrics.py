"""The metrics of one request, from its first byte to its encoded result.

``telemetry.record`` has the class that writes them. This one holds what the answer needs, so that
an endpoint without statistics imports no telemetry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from lambda_serving.errors import ServingError

NO_VERSION = "-"
"""The version of a request that names none that exists: never a text which a caller made up."""


class RequestMetrics:
    """Metrics of one request, until the end of its ``with`` block. These are not written."""

    collect: Callable[..., None] | None = None
    """``collect_custom_statistics_fn`` of this request; None if it is not sampled."""
    record_result: Callable[[RequestMetrics, ServingError | None], None] | None = None
    """Gets the metrics and the request's error when the request ends, before they are written."""
    version = NO_VERSION
    engine = ""
    sha256: str | None = None
    expected_version: str | None = None
    """The version that will answer, if it is known before the request is read."""
    is_split = False
    """Whether the traffic split chose the version, and not the request itself."""
    sticky_key: str | None = None
    """The value of the header or key that ``sticky`` names."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        """Seconds of each stage."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """The request ends."""
        if self.record_result is not None and (error is None or isinstance(error, ServingError)):
            self.record_result(self, error)

    def record_error(self, type_name: str, status: int) -> None:
        """Record that the request failed, by the error's class and HTTP status."""

    def give_up(self, type_name: str, status: int) -> None:
        """Write the metrics of a failure now: the request may not come to its end."""

    def pick_variables(self, values: Any) -> None:
        """Record the declared variables in a body or result. A later value replaces an earlier."""
