"""Read and check ``endpoint.toml``: an error names the key, what was expected and what came."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import (
    DEFAULT_VERSION,
    EndpointSettings,
    MetricSettings,
    VersionSettings,
)
from lambda_serving.settings.engines import ENGINES
from lambda_serving.settings.version_keys import (
    ENDPOINT_KEYS,
    VERSION_KEYS,
    VIEWS,
    as_list,
    check_endpoint,
    refuse,
)

if TYPE_CHECKING:
    from lambda_serving.settings.auto_update import AutoUpdate
    from lambda_serving.settings.runtime import Runtime
    from lambda_serving.settings.traffic import Traffic


class EndpointFile:
    """The ``endpoint.toml`` of one function, read at the first use.

    Where it is wrong, the next use reads it again.
    """

    def __init__(
        self,
        runtime: Runtime,
        read: Callable[[Path], EndpointSettings] | None = None,
    ) -> None:
        """``read`` reads the file in a folder; defaults to ``read_endpoint``."""
        self._runtime = runtime
        self._read = read or read_endpoint
        self._settings: EndpointSettings | None = None

    @property
    def settings(self) -> EndpointSettings:
        """The settings in the file.

        Raises:
            SettingsError: the file is wrong, or an environment variable is.
        """
        if self._settings is None:
            if self._runtime.mistakes:
                raise SettingsError("; ".join(self._runtime.mistakes))
            self._settings = self._read(self._runtime.task_root)
        return self._settings


def read_endpoint(folder: Path) -> EndpointSettings:
    """Read and check ``endpoint.toml`` in ``folder``.

    Raises:
        SettingsError: it is wrong, or not there.
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
    """Check the content of an ``endpoint.toml``; raises SettingsError."""
    table = dict(table)
    endpoint = check_endpoint("endpoint", table.pop("endpoint", None))
    further = table.pop("version", {})
    budget = table.pop("memory_budget_mb", None)
    if budget is not None and (type(budget) is not int or budget <= 0):  # true is an int
        raise refuse("memory_budget_mb", "megabytes, a whole number above 0", budget)
    if not isinstance(further, dict):
        raise refuse("version", "tables like [version.2]", further)
    calls = tuple(check_endpoint("calls", name) for name in as_list(table.pop("calls", [])))
    metrics = MetricSettings()
    if "metrics" in table:
        from lambda_serving.settings.metric_types import parse_metrics

        metrics = parse_metrics(table.pop("metrics"))
    traffic, update, shared = None, None, None
    if "traffic" in table:
        from lambda_serving.settings.traffic import parse_traffic

        traffic = parse_traffic(table.pop("traffic"))
    if "auto_update" in table:
        from lambda_serving.settings.auto_update import parse_auto_update

        update = parse_auto_update(table.pop("auto_update"))
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
            raise refuse(key, "a version of A-Z a-z 0-9 _ . -, at most 48 long", name)
        if name in VIEWS:
            raise refuse(key, f"another name: /serve/<endpoint>/{name} is no version", name)
        if not isinstance(overrides, dict):
            raise refuse(key, "a table", overrides)
        inherited = {k: v for k, v in table.items() if k != "sha256" or "model" not in overrides}
        versions[name] = _parse_version(endpoint, name, inherited | overrides, f"{key}.")
    return versions


def _parse_shared(
    endpoint: str, table: Mapping[str, Any], further: Mapping[str, Any]
) -> VersionSettings:
    """The keys that all versions of the registry share. The registry holds the others."""
    given = [key for key in ("model", "sha256") if key in table] + ["version"] * bool(further)
    for key in given:
        raise refuse(key, "none beside [auto_update]: the registry says it", key)
    if table.get("engine") == "canary":
        raise refuse("engine", "one that runs a model, beside [auto_update]", "canary")
    return _parse_version(endpoint, "", table, "")


def _check_traffic(
    traffic: Traffic | None,
    engine: object,
    versions: Mapping[str, VersionSettings],
    update: AutoUpdate | None,
) -> None:
    """Check ``[traffic]``: between endpoints for a canary, else between the own versions."""
    if engine == "canary":
        if traffic is None:
            raise refuse("traffic", "a table for the engine 'canary'", None)
        _check_targets(traffic)
    elif traffic is not None:
        if traffic.prefix is not None:
            raise refuse("traffic.prefix", "it with the engine 'canary' alone", traffic.prefix)
        if update is not None and traffic.weights:
            expected = "latest = [...] beside [auto_update]: the versions change"
            raise refuse("traffic.weights", expected, dict(traffic.weights))
        if update is not None and len(traffic.latest) > update.max_versions:
            least = f"at least {len(traffic.latest)}, one for each share of traffic.latest"
            raise refuse("auto_update.max_versions", least, update.max_versions)
        for version in traffic.weights:
            if version not in versions:
                raise refuse("traffic.weights", f"of the versions {', '.join(versions)}", version)


def _parse_version(
    endpoint: str, version: str, table: Mapping[str, Any], prefix: str
) -> VersionSettings:
    """Check the keys of one version. ``model`` is optional: ``load`` may return one."""
    unknown = sorted(set(table) - set(VERSION_KEYS))
    if unknown:
        allowed = ", ".join(["endpoint", *VERSION_KEYS, *ENDPOINT_KEYS])
        raise refuse(prefix + unknown[0], f"one of the keys {allowed}", unknown[0])
    if "engine" not in table:
        raise refuse(prefix + "engine", f"one of {', '.join(ENGINES)}", None)
    values = {key: VERSION_KEYS[key](prefix + key, value) for key, value in table.items()}
    return VersionSettings(endpoint, version, **values)


def _check_targets(traffic: Traffic) -> None:
    """Check the targets of a canary: endpoints by name, or the versions of one ``prefix``."""
    if bool(traffic.latest) != (traffic.prefix is not None):
        came = "latest without prefix" if traffic.latest else "prefix and weights"
        raise refuse("traffic", "weights by target, or prefix and latest", came)
    if traffic.prefix is not None:
        check_endpoint("traffic.prefix", traffic.prefix)
    for target in traffic.weights:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,48}(/[A-Za-z0-9_.-]{1,48})?", target):
            raise refuse("traffic.weights", "targets like endpoint or endpoint/version", target)
