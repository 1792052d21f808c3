"""Which versions an endpoint has by now, and which one answers the unversioned URL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from lambda_serving.errors import ServingError
from lambda_serving.messages.request import Request
from lambda_serving.settings.endpoint import EndpointSettings, VersionSettings
from lambda_serving.versions.circuit_breaker import Watch
from lambda_serving.versions.traffic_split import choose_target, draw_point, find_key, share_by_age


class Rollout:
    """The endpoint's versions and the shares of those that answer without being asked for."""

    def __init__(
        self,
        settings: EndpointSettings,
        count: Callable[..., None],
        draw: Callable[[], float] = draw_point,
    ) -> None:
        """``count`` counts a metric of the endpoint; ``draw`` is ``choose_target``'s."""
        self._traffic = None if settings.is_canary else settings.traffic
        self._watch = Watch(None if self._traffic is None else self._traffic.guard, count)
        self._draw = draw
        self.versions: Mapping[str, VersionSettings] = {}
        self.default = ""
        self.set_versions(settings.versions, settings.default, settings.versions)

    @property
    def places(self) -> int:
        """How many of the newest versions answer the unversioned URL."""
        return 1 if self._traffic is None else len(self._traffic.latest)

    def set_versions(
        self, versions: Mapping[str, VersionSettings], default: str, ready: Collection[str]
    ) -> None:
        """The versions there are from now on; ``default`` answers where no traffic is split.

        Of shares by age only those that are ``ready`` get one.
        """
        self.versions = versions
        self.default = default
        self._watch.keep(versions)
        if self._traffic is None:
            self.shares = {default: 1.0} if default else {}
        elif self._traffic.weights:
            self.shares = dict(self._traffic.weights)
        else:
            self.shares = share_by_age(ready, self._traffic.latest)

    def choose(self, request: Request) -> str:
        """The version that answers a request of the unversioned URL; "" where there is none."""
        if self._traffic is None or not self.shares:
            return self.default
        shares = self._watch.leave(self.shares)
        return choose_target(shares, self._traffic.sticky, request, self._draw)

    def find_caller(self, request: Request) -> str | None:
        """What the request sticks to its version by, where it does."""
        return None if self._traffic is None else find_key(self._traffic.sticky, request)

    def note(self, version: str, error: ServingError | None, caller: str | None) -> None:
        """Tell the guard what became of a request that ``choose`` gave to a version."""
        self._watch.note(version, error, caller)

    def describe(self) -> dict[str, object]:
        """Shares of the unversioned URL, and what the guard took out; nothing without traffic."""
        if self._traffic is None:
            return {}
        out = dict(sorted(self._watch.out.items()))
        return {"traffic": self.shares, **({"taken_out": out} if out else {})}
