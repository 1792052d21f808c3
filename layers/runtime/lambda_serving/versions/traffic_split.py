"""Who answers: one of the targets, by its share; the same one for the same key, where asked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from lambda_serving.messages.request import Request


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
