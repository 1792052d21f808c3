"""The traffic split: which version or target answers a request that names none.

Targets are chosen by their shares. With ``sticky``, requests with the same key get the same target.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping

from lambda_serving.messages.request import Request
from lambda_serving.settings.traffic import Traffic
from lambda_serving.versions.circuit_breaker import CircuitBreaker


def draw_point() -> float:
    """A random number from 0 to 1, by the system: restored snapshots must not draw alike."""
    return int.from_bytes(os.urandom(8)) / 2**64


class TrafficSplit:
    """Splits requests between targets by ``[traffic]``, and leaves failing targets out."""

    def __init__(
        self,
        traffic: Traffic,
        count: Callable[..., None],
        draw: Callable[[], float] = draw_point,
    ) -> None:
        self._traffic = traffic
        self._draw = draw
        self.breaker = CircuitBreaker(traffic.guard, count)
        self.shares: dict[str, float] = dict(traffic.weights)

    @property
    def places(self) -> int:
        """How many of the newest targets have a share."""
        return len(self._traffic.latest)

    def set_targets(self, shares: Mapping[str, float], known: Iterable[str] | None = None) -> None:
        """Set the shares. The circuit breaker forgets targets that are not ``known``."""
        self.breaker.forget_others(set(shares if known is None else known))
        self.shares = dict(shares)

    def share_latest(self, versions: Iterable[str]) -> dict[str, float]:
        """The shares of ``latest`` for these versions. Fewer versions than shares take all."""
        newest = sort_newest_first(versions)
        shares = dict(zip(newest, self._traffic.latest, strict=False))
        total = sum(shares.values())
        if not total:  # a single version answers all requests, even if [0, 1] gives the newest none
            return dict.fromkeys(newest[:1], 1.0)
        return {version: share / total for version, share in shares.items()}

    def choose(self, request: Request) -> str:
        """The target that answers a request, chosen by its share.

        The hash of a sticky key is the same point from 0 to 1 in every environment. Without a key,
        ``draw`` returns the point.
        """
        shares = self.breaker.filter_shares(self.shares)
        key = self.find_key(request)
        if key is None:
            point = self._draw()
        else:
            digest = hashlib.sha256(key.encode(errors="surrogatepass")).digest()
            point = int.from_bytes(digest[:8]) / 2**64
        for target, share in shares.items():
            point -= share
            if point < 0:
                return target
        return next(reversed([target for target, share in shares.items() if share > 0]))

    def find_key(self, request: Request) -> str | None:
        """The sticky key of a request; None if it has none."""
        if self._traffic.sticky is None:
            return None
        kind, _, name = self._traffic.sticky.partition(":")
        if kind == "header":
            header = request.headers.get(name.lower().encode())
            return None if header is None else header.decode("latin-1")
        value = request.body.get(name) if isinstance(request.body, dict) else None
        return None if value is None else str(value)


def sort_newest_first(versions: Iterable[str]) -> list[str]:
    """Sort versions by the numbers in them: 10 is newer than 9."""

    def count(version: str) -> list[tuple[int, int | str]]:
        parts = re.findall(r"\d+|\D+", version)
        return [(1, int(part)) if part.isdigit() else (0, part) for part in parts]

    return sorted(versions, key=count, reverse=True)
