"""``[auto_update]``: the model of the registry whose versions an endpoint serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lambda_serving.settings.version_keys import refuse

LARGEST_SAMPLE = 10 * 1024 * 1024
"""Bytes of a version's sample request."""


class AutoUpdate(NamedTuple):
    """The endpoint serves the newest ``max_versions`` of a model in the registry.

    Only versions with all ``tags`` count, and by default only published ones.
    """

    project: str
    name: str
    tags: tuple[str, ...] = ()
    published: bool = True
    max_versions: int = 1
    poll_seconds: float = 60


def parse_auto_update(value: Any) -> AutoUpdate:
    """Check an ``[auto_update]`` table.

    Raises:
        SettingsError: naming the key, what was expected and what came.
    """
    if not isinstance(value, dict):
        raise refuse("auto_update", "a table", value)
    table: dict[str, Any] = {"project": None, "name": None} | value
    for key, part in table.items():
        if key not in EXPECTED:
            raise refuse(f"auto_update.{key}", f"one of the keys {', '.join(EXPECTED)}", key)
        is_right, expected = EXPECTED[key]
        if not is_right(part):
            raise refuse(f"auto_update.{key}", expected, part)
    return AutoUpdate(**table | {"tags": tuple(table.get("tags", ()))})


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


EXPECTED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "project": (_is_text, "a text"),
    "name": (_is_text, "a text"),
    "tags": (
        lambda value: isinstance(value, list) and all(map(_is_text, value)),
        "a list of texts",
    ),
    "published": (lambda value: isinstance(value, bool), "true or false"),
    "max_versions": (
        lambda value: type(value) is int and 1 <= value <= 100,
        "a whole number from 1 to 100",
    ),
    "poll_seconds": (
        lambda value: type(value) in (int, float) and 1 <= value <= 86_400,
        "seconds from 1 to 86400",
    ),
}
"""Keys of ``[auto_update]``: check, and description for errors."""
