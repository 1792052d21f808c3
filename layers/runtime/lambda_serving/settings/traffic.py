"""``[traffic]``: how requests are split between versions or endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from lambda_serving.settings.version_keys import check_table, expect, refuse


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
    """Check a ``[traffic]`` table."""
    table = check_table("traffic", value, KEYS)
    if ("weights" in table) == ("latest" in table):
        raise refuse("traffic", "either weights or latest", sorted(table))
    shares = list(table["weights"].values()) if "weights" in table else table["latest"]
    if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares):
        raise refuse("traffic", "shares from 0 to 1", shares)
    if abs(sum(shares) - 1) > 1e-6:
        raise refuse("traffic", "shares that sum to 1", sum(shares))
    return Traffic(**table | {"latest": tuple(table.get("latest", ()))})


def _check_guard(key: str, value: Any) -> CircuitBreakerSettings | None:
    if value is False:
        return None
    if not isinstance(value, dict) or set(value) - {"errors", "window"}:
        raise refuse(key, "false, or a table like { errors = 0.5, window = 20 }", value)
    guard = CircuitBreakerSettings(**value)
    if not isinstance(guard.errors, int | float) or not 0 < guard.errors < 1:
        raise refuse(f"{key}.errors", "a share between 0 and 1", guard.errors)
    if not isinstance(guard.window, int) or not 2 <= guard.window <= 10_000:
        raise refuse(f"{key}.window", "a number of requests from 2 to 10000", guard.window)
    return guard


KEYS = {
    "weights": expect(
        'a table like { "2" = 0.1, "1" = 0.9 }', lambda value: isinstance(value, dict) and value
    ),
    "latest": expect(
        "shares like [0.1, 0.9], the newest first", lambda value: isinstance(value, list) and value
    ),
    "prefix": expect("an endpoint's name", lambda value: isinstance(value, str) and value),
    "sticky": expect(
        "header:<name> or body:<key>",
        lambda value: isinstance(value, str) and re.fullmatch(r"(header|body):.+", value),
    ),
    "guard": _check_guard,
}
