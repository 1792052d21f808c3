"""What an endpoint is told: the environment and ``endpoint.toml``, read once and frozen.

This is the only module that reads ``os.environ``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambda_serving.engines import ENGINES
from lambda_serving.errors import SettingsError

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of a synchronous Lambda payload, both ways (AWS Lambda quotas)."""

DEFAULT_VERSION = "1"
"""The version that the top level of endpoint.toml describes."""


@dataclass(frozen=True)
class Runtime:
    """The execution environment, as Lambda describes it."""

    task_root: Path
    memory_mb: int
    region: str
    model_bucket: str
    s3_endpoint: str | None
    credentials: Mapping[str, str] = field(repr=False)
    stack: str
    initialization_type: str
    function_name: str
    max_body_bytes: int
    scratch: Path

    @property
    def vcpus(self) -> int:
        """Whole virtual CPUs: one per 1,769 MB (AWS Lambda, "Configure function memory")."""
        return max(1, round(self.memory_mb / 1769))

    @property
    def fails_at_init(self) -> bool:
        """Whether a failed load must fail the init, and with it the deployment."""
        return self.initialization_type in ("snap-start", "provisioned-concurrency")


@dataclass(frozen=True)
class Tensors:
    """ClearML's ``input_*`` or ``output_*``: name, NumPy type and shape of each tensor."""

    name: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    size: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class VersionSettings:
    """One version of an endpoint: its engine, its model and its code."""

    endpoint: str
    version: str
    engine: str
    model: str | None = None
    sha256: str | None = None
    preprocess: str | None = None
    input: Tensors = Tensors()
    output: Tensors = Tensors()
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    auxiliary_cfg: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EndpointSettings:
    """An endpoint and its versions; ``default`` answers the unversioned URL."""

    endpoint: str
    versions: Mapping[str, VersionSettings]
    default: str = DEFAULT_VERSION
    memory_budget_mb: int | None = None


def read_runtime() -> Runtime:
    """Read the environment variables that Lambda and the template set.

    Raises:
        SettingsError: a number is none.
    """
    env = os.environ
    return Runtime(
        task_root=Path(env.get("LAMBDA_TASK_ROOT", ".")),
        memory_mb=_read_number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 1769),
        region=env.get("AWS_REGION", "us-east-1"),
        model_bucket=env.get("SERVING_MODEL_BUCKET", ""),
        s3_endpoint=env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL"),
        credentials={
            name: env[variable]
            for name, variable in (
                ("access_key_id", "AWS_ACCESS_KEY_ID"),
                ("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
                ("session_token", "AWS_SESSION_TOKEN"),
            )
            if env.get(variable)
        },
        stack=env.get("SERVING_STACK", ""),
        initialization_type=env.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        function_name=env.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        max_body_bytes=_read_number("SERVING_MAX_BODY_BYTES", 10 * PAYLOAD_LIMIT),
        scratch=Path(env.get("SERVING_SCRATCH", "/tmp")),  # noqa: S108  (Lambda's only writable folder)
    )


def _read_number(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"{variable}: expected a whole number above 0, got {text!r}")
    return int(text)


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
    if budget is not None and (not isinstance(budget, int) or budget <= 0):
        raise _refuse("memory_budget_mb", "megabytes, a whole number above 0", budget)
    if not isinstance(further, dict):
        raise _refuse("version", "tables like [version.2]", further)
    versions = {DEFAULT_VERSION: _parse_version(endpoint, DEFAULT_VERSION, table, "")}
    for name, overrides in further.items():
        key = f"version.{name}"
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,48}", name):
            raise _refuse(key, "a version of A-Z a-z 0-9 _ . -, at most 48 long", name)
        if not isinstance(overrides, dict):
            raise _refuse(key, "a table", overrides)
        inherited = {k: v for k, v in table.items() if k != "sha256" or "model" not in overrides}
        versions[name] = _parse_version(endpoint, name, inherited | overrides, f"{key}.")
    return EndpointSettings(endpoint, versions, memory_budget_mb=budget)


def _parse_version(
    endpoint: str, version: str, table: Mapping[str, Any], prefix: str
) -> VersionSettings:
    unknown = sorted(set(table) - set(VERSION_KEYS))
    if unknown:
        allowed = ", ".join(["endpoint", *VERSION_KEYS, "memory_budget_mb", "version.<name>"])
        raise _refuse(prefix + unknown[0], f"one of the keys {allowed}", unknown[0])
    if "engine" not in table:
        raise _refuse(prefix + "engine", f"one of {', '.join(ENGINES)}", None)
    values = {key: VERSION_KEYS[key](prefix + key, value) for key, value in table.items()}
    settings = VersionSettings(endpoint, version, **values)
    if settings.model is None and settings.engine not in ("custom", "custom_async"):
        raise _refuse(prefix + "model", f"a model for the engine {settings.engine!r}", None)
    return settings


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
    if not isinstance(value, str) or not re.fullmatch(
        r"s3://[^/?]+/.+|file:///.+|(?!/)(?!.*://).+", value
    ):
        raise _refuse(
            key, "a key of the stack's bucket, s3://bucket/key, a prefix/ or file:///path", value
        )
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
