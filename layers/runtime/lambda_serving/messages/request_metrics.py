"""What is noted of a request on its way; and who takes no statistics of it, nor imports any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from lambda_serving.errors import ServingError

NO_VERSION = "-"
"""Version of a request that names none there is: never a text that anyone may make up."""


class Notes:
    """Of one request, to the end of its ``with`` block; these here go nowhere (see ``Record``)."""

    collect: Callable[..., None] | None = None
    """``collect_custom_statistics_fn`` of this request; None where it is not sampled."""

    def __init__(self) -> None:
        self.version = NO_VERSION
        self.engine = ""
        self.sha256: str | None = None
        self.stages: dict[str, float] = {}
        """Seconds of each stage."""
        self.expected: str | None = None
        """The version that will answer, where that is known before the request is read."""
        self.is_watched = False
        """Whether the version got the request by its share of the traffic."""
        self.caller: str | None = None
        """What the request sticks to its version by."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The request ends."""

    def note_error(self, type_name: str, status: int) -> None:
        """The request failed, by the error's class and HTTP status."""

    def pick(self, values: Any) -> None:
        """Take the declared variables out of a body or a result; a later one replaces them."""


class NoStatistics:
    """In the place of ``Statistics`` where they are switched off."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def restore(self) -> None:
        """Nothing to begin anew."""

    def begin(self, request_id: str) -> Notes:
        return Notes()

    def count(self, name: str, dimensions: Mapping[str, str]) -> None:
        """Counts nothing."""

    def count_error(self, error: ServingError, request_id: str, version: str = NO_VERSION) -> None:
        """Counts nothing."""

    def record_start(self, request_id: str, version: str) -> None:
        """Records nothing."""

    def note_load(self, version: str, milliseconds: float) -> None:
        """Notes nothing."""
