"""Calls to other endpoints, made at the first of them.

An endpoint that makes no calls does not import the client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambda_serving.calls.send_request import Calls


class CallsOnDemand:
    def __init__(self, make: Callable[[], Calls]) -> None:
        self._make = make
        self._calls: Calls | None = None

    def get(self) -> Calls:
        """The calls, made at the first use."""
        if self._calls is None:
            self._calls = self._make()
        return self._calls

    def send_request(self, endpoint: str, version: str | None = None, data: Any = None) -> Any:
        """See ``Calls``."""
        return self.get().send_request(endpoint, version, data)

    async def send_request_async(
        self, endpoint: str, version: str | None = None, data: Any = None
    ) -> Any:
        """See ``Calls``."""
        return await self.get().send_request_async(endpoint, version, data)

    def restore(self) -> None:
        """After a restore from a snapshot: old connections and credentials are invalid."""
        self._calls = None
