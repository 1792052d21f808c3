"""``[traffic]``: how requests are split between versions or endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from lambda_serving.settings.version_keys import refuse


class CircuitBreakerSettings(NamedTuple):
    """A version is taken out if more than ``errors`` (a share) of ``window`` requests fail."""

    errors: float = 0.5
    window: int = 20


class Traffic(NamedTuple):
    """The shares of the requests, by target or by age (newest first). They sum to 1."""

    weights: Mapping[str, float] = MappingProxyType({})
    latest: tuple[float, ...] = ()
    prefix: str | None = None
    sticky: str | None = None
    """``header:<name>`` or ``body:<key>``. Requests with the same value go to the same target."""
    guard: CircuitBreakerSettings | None = CircuitBreakerSettings()
    """The circuit breaker; None if it is off."""


def parse_traffic(value: Any) -> Traffic:
    """Check a ``[traffic]`` table.

    Raises:
        SettingsError: naming the key, what was expected and what came.
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
        _parse_guard(value.get("guard", {})),
    )


def _parse_guard(value: Any) -> CircuitBreakerSettings | None:
    if value is False:
        return None
    if value is True or set(value) - {"errors", "window"}:
        raise refuse("traffic.guard", EXPECTED["guard"][1], value)
    guard = CircuitBreakerSettings(**value)
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
"""Keys of ``[traffic]``: type, and description for errors."""
