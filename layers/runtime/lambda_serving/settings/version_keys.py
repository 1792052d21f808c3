"""How tables of ``endpoint.toml`` are checked, and the keys of one version.

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


Check = Callable[[str, Any], Any]
"""Takes a key and its value; returns what the value means.

Raises:
    SettingsError: naming the key, what was expected and what came.
"""


def expect(expected: str, is_right: Callable[[Any], object]) -> Check:
    """A check of values that mean what they are."""

    def check(key: str, value: Any) -> Any:
        if not is_right(value):
            raise refuse(key, expected, value)
        return value

    return check


def check_table(key: str, value: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """A table of keys that have a ``Check`` each, and of no others."""
    for name in TABLE(key, value):
        if name not in checks:
            raise refuse(f"{key}.{name}", f"one of the keys {', '.join(checks)}", name)
    return {name: checks[name](f"{key}.{name}", part) for name, part in value.items()}


TABLE = expect("a table", lambda value: isinstance(value, dict))
FLAG = expect("true or false", lambda value: isinstance(value, bool))
TEXT = expect("a text", lambda value: isinstance(value, str) and value)

check_endpoint = expect(
    "a name of A-Z a-z 0-9 _ -, 1 to 48 long",
    lambda value: isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,48}", value),
)


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


def _check_texts(key: str, value: Any) -> tuple[str, ...]:
    if not all(isinstance(text, str) for text in as_list(value)):
        raise refuse(key, "a text or a list of texts", value)
    return tuple(as_list(value))


def _check_sizes(key: str, value: Any) -> tuple[tuple[int, ...], ...]:
    sizes = as_list(value)
    if sizes and all(isinstance(length, int) for length in sizes):
        sizes = [sizes]  # one tensor's shape, written without the outer list
    if not all(isinstance(s, list) and all(isinstance(n, int) for n in s) for s in sizes):
        raise refuse(key, "a shape or a list of shapes, -1 for any length", sizes)
    return tuple(tuple(size) for size in sizes)


TENSOR_KEYS = {"name": _check_texts, "type": _check_texts, "size": _check_sizes}


def _check_tensors(key: str, value: Any) -> Tensors:
    tensors = Tensors(**check_table(key, value, TENSOR_KEYS))
    if len({len(part) for part in tensors if part}) > 1:
        raise refuse(key, "as many names as types and sizes", value)
    return tensors


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

VERSION_KEYS: Mapping[str, Check] = {
    "engine": expect(
        f"one of {', '.join(ENGINES)}", lambda value: isinstance(value, str) and value in ENGINES
    ),
    "model": _check_model,
    "sha256": _check_sha256,
    "allow_pickle": FLAG,
    "preprocess": TEXT,
    "input": _check_tensors,
    "output": _check_tensors,
    "engine_options": TABLE,
    "auxiliary_cfg": TABLE,
}
"""Every key of a version."""
