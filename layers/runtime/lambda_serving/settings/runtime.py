"""What an endpoint is told, frozen: by its environment and by its ``endpoint.toml``.

This is the only module that reads ``os.environ``; ``endpoint_toml`` reads the file. The classes
are named tuples: to make a dataclass takes a cold start 0.6 to 1.5 ms, seven times as long
(docs/decisions/0019-cold-start.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

from lambda_serving.settings.auto_update import AutoUpdate
from lambda_serving.settings.traffic import Traffic

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of a synchronous Lambda payload, both ways (AWS Lambda quotas)."""

DEFAULT_VERSION = "1"
"""The version that the top level of endpoint.toml describes."""

SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")


class Runtime(NamedTuple):
    """The execution environment, as Lambda describes it."""

    task_root: Path
    memory_mb: int
    region: str
    model_bucket: str
    s3_endpoint: str | None
    credentials: Mapping[str, str]
    lambda_endpoint: str
    stack: str
    alias: str
    depth_limit: int
    namespace: str
    metrics_off: bool
    initialization_type: str
    function_name: str
    max_body_bytes: int
    scratch: Path
    log_level: str = "INFO"
    secrets: tuple[str, ...] = ()
    """Credentials of our own, as they may stand in an error's text."""
    is_traced: bool = False
    xray_daemon: str = "127.0.0.1:2000"
    credentials_uri: str = ""
    """Where Lambda gives the credentials under SnapStart."""
    credentials_token: str = ""
    mistakes: tuple[str, ...] = ()
    """What is wrong in the environment: no request is served, and each is told."""
    module_prefix: str = ""
    """Keeps the user modules of several endpoints in one process apart."""

    def __repr__(self) -> str:
        """Without credentials: it may stand in a log."""
        return f"Runtime({self.stack!r}, {self.function_name!r})"

    @property
    def vcpus(self) -> int:
        """Whole virtual CPUs: one per 1,769 MB (AWS Lambda, "Configure function memory")."""
        return max(1, round(self.memory_mb / 1769))

    @property
    def is_snapshot(self) -> bool:
        """Whether a snapshot is taken after the init, from which others start."""
        return self.initialization_type == "snap-start"

    @property
    def starts_ahead(self) -> bool:
        """Whether no request waits for the init, but a deployment: SnapStart, provisioned
        concurrency. There is time for more, and what fails must fail the deployment."""
        return self.initialization_type in ("snap-start", "provisioned-concurrency")


class Tensors(NamedTuple):
    """ClearML's ``input_*`` or ``output_*``: name, NumPy type and shape of each tensor."""

    name: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    size: tuple[tuple[int, ...], ...] = ()


class VersionSettings(NamedTuple):
    """One version of an endpoint: its engine, its model and its code."""

    endpoint: str
    version: str
    engine: str
    model: str | None = None
    sha256: str | None = None
    preprocess: str | None = None
    input: Tensors = Tensors()
    output: Tensors = Tensors()
    engine_options: Mapping[str, Any] = MappingProxyType({})
    auxiliary_cfg: Mapping[str, Any] = MappingProxyType({})


class Variable(NamedTuple):
    """A declared variable. ``buckets`` (ascending bounds) draw a scalar's distribution."""

    name: str
    type: str
    buckets: tuple[float, ...] = ()
    values: tuple[str, ...] = ()


class MetricSettings(NamedTuple):
    """``[metrics]`` of endpoint.toml; ``log_frequency`` is the share of requests recorded."""

    log_frequency: float = 1.0
    variables: Mapping[str, Variable] = MappingProxyType({})


class EndpointSettings(NamedTuple):
    """An endpoint and its versions; ``default`` answers the unversioned URL.

    One that follows the registry has no versions here, and no default; ``shared`` is what all
    that the registry brings have in common.
    """

    endpoint: str
    versions: Mapping[str, VersionSettings]
    default: str = DEFAULT_VERSION
    memory_budget_mb: int | None = None
    calls: tuple[str, ...] = ()
    traffic: Traffic | None = None
    metrics: MetricSettings = MetricSettings()
    auto_update: AutoUpdate | None = None
    shared: VersionSettings | None = None

    @property
    def described(self) -> tuple[VersionSettings, ...]:
        """All that the file describes: its versions, or what those of the registry share."""
        return (*self.versions.values(), *((self.shared,) if self.shared else ()))

    @property
    def is_canary(self) -> bool:
        """Whether it only passes requests on to other endpoints."""
        return any(version.engine == "canary" for version in self.described)


def read_runtime() -> Runtime:
    """Read the environment variables that Lambda and the template set.

    A number that is none is told in ``mistakes``: to raise would end a cold start, which answers
    503 for what else is wrong in the settings.
    """
    env = os.environ
    mistakes: list[str] = []
    return Runtime(
        task_root=Path(env.get("LAMBDA_TASK_ROOT", ".")),
        memory_mb=_read_number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 1769, mistakes),
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
        lambda_endpoint=find_lambda_endpoint(env),
        stack=env.get("SERVING_STACK", ""),
        alias=env.get("SERVING_ALIAS", ""),
        depth_limit=_read_number("SERVING_CALL_DEPTH", 10, mistakes),
        namespace=env.get("SERVING_METRICS_NAMESPACE", "LambdaServing"),
        # Powertools' own variable for the same thing.
        metrics_off=env.get("POWERTOOLS_METRICS_DISABLED", "").lower() in ("1", "true", "yes"),
        initialization_type=env.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        function_name=env.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        max_body_bytes=_read_number("SERVING_MAX_BODY_BYTES", 10 * PAYLOAD_LIMIT, mistakes),
        scratch=Path(env.get("SERVING_SCRATCH", "/tmp")),  # noqa: S108  (Lambda's only writable folder)
        # Lambda sets its own to INFO by itself: where both are there, Powertools' is meant.
        log_level=env.get("POWERTOOLS_LOG_LEVEL") or env.get("AWS_LAMBDA_LOG_LEVEL") or "INFO",
        secrets=tuple(_list_secrets(env)),
        is_traced=env.get("SERVING_TRACING") == "Active",
        xray_daemon=env.get("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
        credentials_uri=env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", ""),
        credentials_token=env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", ""),
        mistakes=tuple(mistakes),
    )


def read_trace_header() -> str:
    """Where the current invocation stands in its trace; Lambda changes it with each of them.

    Like ``Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1``; empty
    during the cold start (AWS X-Ray developer guide, "Tracing header").
    """
    return os.environ.get("_X_AMZN_TRACE_ID", "")


def _list_secrets(env: Mapping[str, str]) -> Iterator[str]:
    """Credentials in the environment, as they are and as in a URL; none that is a mere word."""
    for variable in SECRETS:
        value = env.get(variable, "")
        if len(value) >= 16:
            yield from {value, quote(value, safe="")}


def find_lambda_endpoint(env: Mapping[str, str]) -> str:
    """Where the Lambda API is: the region's, unless the standard variables say otherwise."""
    override = env.get("AWS_ENDPOINT_URL_LAMBDA") or env.get("AWS_ENDPOINT_URL")
    if override:
        return override.rstrip("/")
    region = env.get("AWS_REGION", "us-east-1")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://lambda.{region}.{suffix}"


def _read_number(variable: str, default: int, mistakes: list[str]) -> int:
    text = os.environ.get(variable, str(default))
    if text.isdecimal() and int(text) > 0:
        return int(text)
    mistakes.append(f"{variable}: expected a whole number above 0, got {text!r}")
    return default
