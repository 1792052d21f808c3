"""The keys of one version in ``endpoint.toml``, and how each is checked.

A new key is an entry of ``VERSION_KEYS`` and a field of ``VersionSettings``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import Tensors
from lambda_serving.settings.engines import ENGINES
from lambda_serving.settings.location import ADDRESS, parse_uri


def refuse(key: str, expected: str, got: object) -> SettingsError:
    """The error about a key: what was expected, and what the file says."""
    came = "nothing" if got is None else repr(got)
    return SettingsError(f"endpoint.toml: {key}: expected {expected}, got {came}")


def check_endpoint(key: str, value: Any) -> str:
    """The name of an endpoint.

    Raises:
        SettingsError: the value cannot be one.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,48}", value):
        raise refuse(key, "a name of A-Z a-z 0-9 _ -, 1 to 48 long", value)
    return value


def _check_engine(key: str, value: Any) -> str:
    if not isinstance(value, str) or value not in ENGINES:
        raise refuse(key, f"one of {', '.join(ENGINES)}", value)
    return value


def _check_text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise refuse(key, "a text", value)
    return value


def _check_model(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise refuse(key, ADDRESS, value)
    try:
        parse_uri(value)
    except ValueError as error:
        raise refuse(key, str(error), value) from error
    return value


def _check_sha256(key: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise refuse(key, "64 hexadecimal digits", value)
    return value.lower()


def _check_flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise refuse(key, "true or false", value)
    return value


def _check_table(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(key, "a table", value)
    return value


def _check_tensors(key: str, value: Any) -> Tensors:
    table = _check_table(key, value)
    unknown = sorted(set(table) - {"name", "type", "size"})
    if unknown:
        raise refuse(f"{key}.{unknown[0]}", "one of the keys name, type, size", unknown[0])
    names, types, sizes = (as_list(table.get(part, [])) for part in ("name", "type", "size"))
    for part, texts in (("name", names), ("type", types)):
        if not all(isinstance(text, str) for text in texts):
            raise refuse(f"{key}.{part}", "a text or a list of texts", table[part])
    if sizes and all(isinstance(length, int) for length in sizes):
        sizes = [sizes]  # one tensor's shape, written without the outer list
    if not all(isinstance(s, list) and all(isinstance(n, int) for n in s) for s in sizes):
        raise refuse(f"{key}.size", "a shape or a list of shapes, -1 for any length", sizes)
    lengths = {len(part) for part in (names, types, sizes) if part}
    if len(lengths) > 1:
        raise refuse(key, "as many names as types and sizes", table)
    return Tensors(tuple(names), tuple(types), tuple(tuple(size) for size in sizes))


def as_list(value: Any) -> list[Any]:
    """The value, or a list of it alone."""
    return value if isinstance(value, list) else [value]


VIEWS = ("docs", "health", "openapi.json")
"""Path segments after the endpoint that cannot be names of versions (``events.app``)."""

WITHOUT_MODEL = ("custom", "custom_async", "canary")
"""Engines that need no model."""

ENDPOINT_KEYS = (
    "auto_update",
    "calls",
    "memory_budget_mb",
    "metrics",
    "traffic",
    "version.<name>",
)
"""Keys of the endpoint as a whole."""

VERSION_KEYS: Mapping[str, Callable[[str, Any], Any]] = {
    "engine": _check_engine,
    "model": _check_model,
    "sha256": _check_sha256,
    "allow_pickle": _check_flag,
    "preprocess": _check_text,
    "input": _check_tensors,
    "output": _check_tensors,
    "engine_options": _check_table,
    "auxiliary_cfg": _check_table,
}
"""Every key of a version, and the function that checks it."""
