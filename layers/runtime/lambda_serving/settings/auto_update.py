"""``[auto_update]``: the model of the registry whose versions an endpoint serves."""

from __future__ import annotations

from typing import Any, NamedTuple

from lambda_serving.settings.version_keys import FLAG, TEXT, check_table, expect, refuse

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
    """Check an ``[auto_update]`` table."""
    required = {"project": None, "name": None}
    table = required | value if isinstance(value, dict) else value
    return AutoUpdate(**check_table("auto_update", table, KEYS))


def _check_tags(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(tag, str) and tag for tag in value):
        raise refuse(key, "a list of texts", value)
    return tuple(value)


KEYS = {
    "project": TEXT,
    "name": TEXT,
    "tags": _check_tags,
    "published": FLAG,
    "max_versions": expect(
        "a whole number from 1 to 100", lambda value: type(value) is int and 1 <= value <= 100
    ),
    "poll_seconds": expect(
        "seconds from 1 to 86400",
        lambda value: type(value) in (int, float) and 1 <= value <= 86_400,
    ),
}
