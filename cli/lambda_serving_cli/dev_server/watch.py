"""Follows what is saved: an endpoint is loaded anew when its code or settings change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

from watchfiles import awatch

from lambda_serving_cli.dev_server.fleet import Fleet

logger = logging.getLogger("lambda_serving")

ENDINGS = (".py", ".toml")
REQUIREMENTS = "requirements*.txt"

CHECK_MILLISECONDS = 1000
"""How often the template's time is looked at."""

SETTLING_SECONDS = 0.5
"""A folder is watched from a moment after it was made. What was written into it before is never
told: after this time it is there."""


async def watch(fleet: Fleet, functions: Path, models: Path | None) -> None:
    """Load endpoints anew as files below ``functions`` change, until it is cancelled.

    A new file below ``models`` may be what an endpoint waits for.
    """
    places = [functions, *([models] if models and models.is_dir() else [])]
    loading: set[asyncio.Task[None]] = set()

    def begin(names: set[str], seconds: float = 0) -> None:
        async def change() -> None:
            await asyncio.sleep(seconds)
            await fleet.change(names)

        task = asyncio.ensure_future(change())
        loading.add(task)
        task.add_done_callback(loading.discard)

    changes = awatch(
        *places,
        watch_filter=lambda _, path: is_of_interest(functions, Path(path)),
        rust_timeout=CHECK_MILLISECONDS,
        yield_on_timeout=True,
    )
    async for found in changes:
        paths = [Path(path) for _, path in found]
        names = set(_list_endpoints(functions, paths))
        if models and any(path.is_relative_to(models) for path in paths):
            names |= set(await fleet.find_waiting())
        begin(names)
        new = {path for path in paths if path.parent == functions and path.is_dir()}
        if new:
            begin({path.name for path in new} - fleet.endpoints.keys(), SETTLING_SECONDS)


def is_of_interest(functions: Path, file: Path) -> bool:
    """Code, settings and requirements of endpoints, whole folders, and all models."""
    if "__pycache__" in file.parts or file.name.startswith("."):
        return False
    if not file.is_relative_to(functions) or file.suffix in ENDINGS or file.match(REQUIREMENTS):
        return True
    return file.is_dir() or (not file.suffix and not file.exists())  # a folder that went, too


def _list_endpoints(functions: Path, paths: list[Path]) -> Iterator[str]:
    for path in paths:
        if path.is_relative_to(functions) and path != functions:
            yield path.relative_to(functions).parts[0]
