"""The metrics of one request, from its first byte to its encoded result.

``telemetry.record`` has the class that writes them. This one holds what the answer needs, so that
an endpoint without statistics imports no telemetry.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

NO_VERSION = "-"
"""The version of a request that names none that exists: never a text which a caller made up."""


class RequestMetrics:
    """Metrics of one request, until the end of its ``with`` block. These are not written."""

    collect: Callable[..., None] | None = None
    """``collect_custom_statistics_fn`` of this request; None if it is not sampled."""

    def __init__(self) -> None:
        self.version = NO_VERSION
        self.engine = ""
        self.sha256: str | None = None
        self.stages: dict[str, float] = {}
        """Seconds of each stage."""
        self.expected_version: str | None = None
        """The version that will answer, if it is known before the request is read."""
        self.is_split = False
        """Whether the traffic split chose the version, and not the request itself."""
        self.sticky_key: str | None = None
        """The value of the header or key that ``sticky`` names."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The request ends."""

    def record_error(self, type_name: str, status: int) -> None:
        """Record that the request failed, by the error's class and HTTP status."""

    def give_up(self, type_name: str, status: int) -> None:
        """Write the metrics of a failure now: the request may not come to its end."""

    def pick_variables(self, values: Any) -> None:
        """Record the declared variables in a body or result. A later value replaces an earlier."""
