"""``[traffic]``: who answers, by weights; the same one for the same key where that is asked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from lambda_serving.messages.request import Request


class GuardSettings(NamedTuple):
    """When a version is taken out: over ``errors`` (a share) of its last ``window`` requests."""

    errors: float = 0.5
    window: int = 20


class Traffic(NamedTuple):
    """Shares of the requests, which sum to 1: by target, or by age with the newest first."""

    weights: Mapping[str, float] = MappingProxyType({})
    latest: tuple[float, ...] = ()
    prefix: str | None = None
    sticky: str | None = None
    """``header:<name>`` or ``body:<key>``: requests with the same value go to the same target."""
    guard: GuardSettings | None = GuardSettings()


def parse_traffic(value: Any, refuse: Callable[[str, str, object], Exception]) -> Traffic:
    """Check a ``[traffic]`` table; ``refuse(key, expected, got)`` makes the error.

    Raises:
        SettingsError: whatever ``refuse`` made.
    """
    if not isinstance(value, dict):
        raise refuse("traffic", "a table", value)
    for key, part in value.items():
        if key not in EXPECTED:
            raise refuse(f"traffic.{key}", f"one of the keys {', '.join(EXPECTED)}", key)
        kind, expected = EXPECTED[key]
        if not isinstance(part, kind) or (not part and key != "guard"):
            raise refuse(f"traffic.{key}", expected, part)
    if ("weights" in value) == ("latest" in value):
        raise refuse("traffic", "either weights or latest", sorted(value))
    shares = list(value["weights"].values()) if "weights" in value else value["latest"]
    if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares):
        raise refuse("traffic", "shares from 0 to 1", shares)
    if abs(sum(shares) - 1) > 1e-6:
        raise refuse("traffic", "shares that sum to 1", sum(shares))
    sticky = value.get("sticky")
    if sticky is not None and not re.fullmatch(r"(header|body):.+", sticky):
        raise refuse("traffic.sticky", EXPECTED["sticky"][1], sticky)
    return Traffic(
        value.get("weights", {}),
        tuple(value.get("latest", ())),
        value.get("prefix"),
        sticky,
        _parse_guard(value.get("guard", {}), refuse),
    )


def _parse_guard(
    value: Any, refuse: Callable[[str, str, object], Exception]
) -> GuardSettings | None:
    if value is False:
        return None
    if value is True or set(value) - {"errors", "window"}:
        raise refuse("traffic.guard", EXPECTED["guard"][1], value)
    guard = GuardSettings(**value)
    if not isinstance(guard.errors, int | float) or not 0 < guard.errors < 1:
        raise refuse("traffic.guard.errors", "a share between 0 and 1", guard.errors)
    if not isinstance(guard.window, int) or not 2 <= guard.window <= 10_000:
        raise refuse("traffic.guard.window", "a number of requests from 2 to 10000", guard.window)
    return guard


EXPECTED: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "weights": (dict, 'a table like { "2" = 0.1, "1" = 0.9 }'),
    "latest": (list, "shares like [0.1, 0.9], the newest first"),
    "prefix": (str, "an endpoint's name"),
    "sticky": (str, "header:<name> or body:<key>"),
    "guard": ((dict, bool), "false, or a table like { errors = 0.5, window = 20 }"),
}
"""Keys of ``[traffic]``: their type, and what they hold in words."""


def sort_newest_first(versions: Iterable[str]) -> list[str]:
    """Versions by their numbers, as people count: 10 is newer than 9."""

    def count(version: str) -> list[tuple[int, int | str]]:
        parts = re.findall(r"\d+|\D+", version)
        return [(1, int(part)) if part.isdigit() else (0, part) for part in parts]

    return sorted(versions, key=count, reverse=True)


def share_by_age(versions: Iterable[str], latest: Sequence[float]) -> dict[str, float]:
    """Shares of the newest versions. Where there are fewer than shares, those take it all."""
    newest = sort_newest_first(versions)
    shares = dict(zip(newest, latest, strict=False))
    total = sum(shares.values())
    # The only version there is answers, though [0, 1] gives the newest nothing.
    return {v: s / total for v, s in shares.items()} if total else dict.fromkeys(newest[:1], 1.0)


def draw_point() -> float:
    """A random point from 0 to 1, of the system: a restored snapshot must not repeat another's."""
    return int.from_bytes(os.urandom(8)) / 2**64


def choose_target(
    shares: Mapping[str, float],
    sticky: str | None,
    request: Request,
    draw: Callable[[], float] = draw_point,
) -> str:
    """One of the targets, by its share.

    A sticky key falls on the same point of the line from 0 to 1 each time, in every
    environment; without one ``draw`` gives the point.
    """
    key = find_key(sticky, request)
    if key is None:
        point = draw()
    else:
        point = (
            int.from_bytes(hashlib.sha256(key.encode(errors="surrogatepass")).digest()[:8]) / 2**64
        )
    for target, share in shares.items():
        point -= share
        if point < 0:
            return target
    return next(reversed([target for target, share in shares.items() if share > 0]))


def find_key(sticky: str | None, request: Request) -> str | None:
    """The value that requests stick by, where this one has it."""
    if sticky is None:
        return None
    kind, _, name = sticky.partition(":")
    if kind == "header":
        return request.headers.get(name.lower())
    value = request.body.get(name) if isinstance(request.body, dict) else None
    return None if value is None else str(value)
