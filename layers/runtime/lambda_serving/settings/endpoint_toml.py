"""Read and check ``endpoint.toml``: every error names the key, what was expected and what came."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lambda_serving.errors import SettingsError
from lambda_serving.settings.auto_update import AutoUpdate, parse_auto_update
from lambda_serving.settings.engines import ENGINES
from lambda_serving.settings.location import ADDRESS, parse_uri
from lambda_serving.settings.runtime import (
    DEFAULT_VERSION,
    EndpointSettings,
    MetricSettings,
    Tensors,
    VersionSettings,
)
from lambda_serving.settings.traffic import Traffic, parse_traffic


def read_endpoint(folder: Path) -> EndpointSettings:
    """Read and check ``endpoint.toml`` in ``folder``.

    Raises:
        SettingsError: naming the key, what was expected and what came.
    """
    try:
        text = (folder / "endpoint.toml").read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError as error:
        raise SettingsError("endpoint.toml: there is none beside preprocess.py") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"endpoint.toml: not TOML: {error}") from error
    return parse_endpoint(table)


def parse_endpoint(table: Mapping[str, Any]) -> EndpointSettings:
    """Check the content of an ``endpoint.toml``.

    Raises:
        SettingsError: naming the key, what was expected and what came.
    """
    table = dict(table)
    endpoint = _check_endpoint("endpoint", table.pop("endpoint", None))
    further = table.pop("version", {})
    budget = table.pop("memory_budget_mb", None)
    if budget is not None and (type(budget) is not int or budget <= 0):  # true is an int
        raise _refuse("memory_budget_mb", "megabytes, a whole number above 0", budget)
    if not isinstance(further, dict):
        raise _refuse("version", "tables like [version.2]", further)
    calls = tuple(_check_endpoint("calls", name) for name in _as_list(table.pop("calls", [])))
    metrics = MetricSettings()
    if "metrics" in table:
        from lambda_serving.settings.metric_types import parse_metrics

        metrics = parse_metrics(table.pop("metrics"), _refuse)
    traffic = parse_traffic(table.pop("traffic"), _refuse) if "traffic" in table else None
    update, shared = None, None
    if "auto_update" in table:
        update = parse_auto_update(table.pop("auto_update"), _refuse)
        shared = _parse_shared(endpoint, table, further)
    versions = {} if update else _parse_versions(endpoint, table, further)
    _check_traffic(traffic, table.get("engine"), versions, update)
    return EndpointSettings(
        endpoint,
        versions,
        default="" if update else DEFAULT_VERSION,
        memory_budget_mb=budget,
        calls=calls,
        traffic=traffic,
        metrics=metrics,
        auto_update=update,
        shared=shared,
    )


def _parse_versions(
    endpoint: str, table: Mapping[str, Any], further: Mapping[str, Any]
) -> dict[str, VersionSettings]:
    versions = {DEFAULT_VERSION: _parse_version(endpoint, DEFAULT_VERSION, table, "")}
    for name, overrides in further.items():
        key = f"version.{name}"
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,48}", name):
            raise _refuse(key, "a version of A-Z a-z 0-9 _ . -, at most 48 long", name)
        if name in VIEWS:
            raise _refuse(key, f"another name: /serve/<endpoint>/{name} is no version", name)
        if not isinstance(overrides, dict):
            raise _refuse(key, "a table", overrides)
        inherited = {k: v for k, v in table.items() if k != "sha256" or "model" not in overrides}
        versions[name] = _parse_version(endpoint, name, inherited | overrides, f"{key}.")
    return versions


def _parse_shared(
    endpoint: str, table: Mapping[str, Any], further: Mapping[str, Any]
) -> VersionSettings:
    """What all versions of the registry share; the rest of each is the registry's."""
    for key, is_there in (
        ("model", "model" in table),
        ("sha256", "sha256" in table),
        ("version", bool(further)),
    ):
        if is_there:
            raise _refuse(key, "none beside [auto_update]: the registry says it", key)
    if table.get("engine") == "canary":
        raise _refuse("engine", "one that runs a model, beside [auto_update]", "canary")
    return _parse_version(endpoint, "", table, "")


def _check_traffic(
    traffic: Traffic | None,
    engine: object,
    versions: Mapping[str, VersionSettings],
    update: AutoUpdate | None,
) -> None:
    """Between endpoints for a canary, else between the endpoint's own versions."""
    if engine == "canary":
        if traffic is None:
            raise _refuse("traffic", "a table for the engine 'canary'", None)
        _check_targets(traffic)
    elif traffic is not None:
        if traffic.prefix is not None:
            raise _refuse("traffic.prefix", "it with the engine 'canary' alone", traffic.prefix)
        if update is not None and traffic.weights:
            expected = "latest = [...] beside [auto_update]: the versions change"
            raise _refuse("traffic.weights", expected, dict(traffic.weights))
        if update is not None and len(traffic.latest) > update.max_versions:
            least = f"at least {len(traffic.latest)}, one for each share of traffic.latest"
            raise _refuse("auto_update.max_versions", least, update.max_versions)
        for version in traffic.weights:
            if version not in versions:
                raise _refuse("traffic.weights", f"of the versions {', '.join(versions)}", version)


def _parse_version(
    endpoint: str, version: str, table: Mapping[str, Any], prefix: str
) -> VersionSettings:
    """One without a model may have a ``load`` that returns one."""
    unknown = sorted(set(table) - set(VERSION_KEYS))
    if unknown:
        allowed = ", ".join(["endpoint", *VERSION_KEYS, *ENDPOINT_KEYS])
        raise _refuse(prefix + unknown[0], f"one of the keys {allowed}", unknown[0])
    if "engine" not in table:
        raise _refuse(prefix + "engine", f"one of {', '.join(ENGINES)}", None)
    values = {key: VERSION_KEYS[key](prefix + key, value) for key, value in table.items()}
    return VersionSettings(endpoint, version, **values)


def _check_targets(traffic: Traffic) -> None:
    """A canary knows other endpoints by name, or the versions of one by its prefix."""
    if bool(traffic.latest) != (traffic.prefix is not None):
        came = "latest without prefix" if traffic.latest else "prefix and weights"
        raise _refuse("traffic", "weights by target, or prefix and latest", came)
    if traffic.prefix is not None:
        _check_endpoint("traffic.prefix", traffic.prefix)
    for target in traffic.weights:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,48}(/[A-Za-z0-9_.-]{1,48})?", target):
            raise _refuse("traffic.weights", "targets like endpoint or endpoint/version", target)


def _refuse(key: str, expected: str, got: object) -> SettingsError:
    came = "nothing" if got is None else repr(got)
    return SettingsError(f"endpoint.toml: {key}: expected {expected}, got {came}")


def _check_endpoint(key: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,48}", value):
        raise _refuse(key, "a name of A-Z a-z 0-9 _ -, 1 to 48 long", value)
    return value


def _check_engine(key: str, value: Any) -> str:
    if not isinstance(value, str) or value not in ENGINES:
        raise _refuse(key, f"one of {', '.join(ENGINES)}", value)
    return value


def _check_text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _refuse(key, "a text", value)
    return value


def _check_model(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse(key, ADDRESS, value)
    try:
        parse_uri(value)
    except ValueError as error:
        raise _refuse(key, str(error), value) from error
    return value


def _check_sha256(key: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise _refuse(key, "64 hexadecimal digits", value)
    return value.lower()


def _check_table(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refuse(key, "a table", value)
    return value


def _check_tensors(key: str, value: Any) -> Tensors:
    table = _check_table(key, value)
    unknown = sorted(set(table) - {"name", "type", "size"})
    if unknown:
        raise _refuse(f"{key}.{unknown[0]}", "one of the keys name, type, size", unknown[0])
    names, types, sizes = (_as_list(table.get(part, [])) for part in ("name", "type", "size"))
    for part, texts in (("name", names), ("type", types)):
        if not all(isinstance(text, str) for text in texts):
            raise _refuse(f"{key}.{part}", "a text or a list of texts", table[part])
    if sizes and all(isinstance(length, int) for length in sizes):
        sizes = [sizes]  # one tensor's shape, written without the outer list
    if not all(isinstance(s, list) and all(isinstance(n, int) for n in s) for s in sizes):
        raise _refuse(f"{key}.size", "a shape or a list of shapes, -1 for any length", sizes)
    lengths = {len(part) for part in (names, types, sizes) if part}
    if len(lengths) > 1:
        raise _refuse(key, "as many names as types and sizes", table)
    return Tensors(tuple(names), tuple(types), tuple(tuple(size) for size in sizes))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


VIEWS = ("docs", "health", "openapi.json")
"""What follows an endpoint in a path and is no version of it (``app``)."""

WITHOUT_MODEL = ("custom", "custom_async", "canary")
"""Engines that run none."""

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
    "preprocess": _check_text,
    "input": _check_tensors,
    "output": _check_tensors,
    "engine_options": _check_table,
    "auxiliary_cfg": _check_table,
}
"""Every key of a version, and who checks it."""
