"""The versions of an endpoint at this moment, and which of them answers the unversioned URL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from lambda_serving.messages.request import Request
from lambda_serving.settings.endpoint import EndpointSettings, VersionSettings

if TYPE_CHECKING:
    from lambda_serving.versions.traffic_split import TrafficSplit


class Rollout:
    """The endpoint's versions, the default one, and the traffic split between them."""

    def __init__(self, settings: EndpointSettings, count: Callable[..., None]) -> None:
        self.split: TrafficSplit | None = None
        self._has_weights = False
        if settings.traffic is not None and not settings.is_canary:
            from lambda_serving.versions.traffic_split import TrafficSplit

            self.split = TrafficSplit(settings.traffic, count)
            self._has_weights = bool(settings.traffic.weights)
        self.versions: Mapping[str, VersionSettings] = {}
        self.default = ""
        self.set_versions(settings.versions, settings.default, settings.versions)

    @property
    def places(self) -> int:
        """How many of the newest versions answer the unversioned URL."""
        return 1 if self.split is None else self.split.places

    @property
    def shares(self) -> Mapping[str, float]:
        """Version -> its share of the unversioned URL."""
        if self.split is not None:
            return self.split.shares
        return {self.default: 1.0} if self.default else {}

    def set_versions(
        self, versions: Mapping[str, VersionSettings], default: str, ready: Collection[str]
    ) -> None:
        """Replace the versions. ``default`` answers the unversioned URL without a traffic split.

        With shares by age, only versions that are ``ready`` get one.
        """
        self.versions = versions
        self.default = default
        if self.split is not None:
            shares = self.split.shares if self._has_weights else self.split.share_latest(ready)
            self.split.set_targets(shares, known=versions)

    def choose(self, request: Request) -> str:
        """The version that answers a request of the unversioned URL; "" if there is none."""
        if self.split is None or not self.split.shares:
            return self.default
        return self.split.choose(request)

    def describe(self) -> dict[str, object]:
        """The traffic split for the endpoint's metadata; empty without one."""
        if self.split is None:
            return {}
        return {"traffic": self.split.shares, **self.split.breaker.describe()}
