"""What Lambda and the template tell a function by its environment variables.

This is the only module that reads ``os.environ``. ``Runtime`` is a named tuple: a dataclass takes
seven times as long to define, 0.6 to 1.5 ms of a cold start (docs/decisions/0019-cold-start.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

MEGABYTE = 1024 * 1024

PAYLOAD_LIMIT = 6 * MEGABYTE
"""Bytes of a synchronous Lambda payload, both ways (AWS Lambda quotas)."""

BODY_SHARE = 8
"""A decoded body may have an eighth of the function's memory, unless SERVING_MAX_BODY_BYTES says
otherwise."""

SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")


class Runtime(NamedTuple):
    """The environment variables of one function, parsed."""

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
    has_client: bool = False
    """Whether Lambda's runtime client runs this process, or an emulator's."""
    secrets: tuple[str, ...] = ()
    """Credentials that no log line and no answer may contain."""
    is_traced: bool = False
    xray_daemon: str = "127.0.0.1:2000"
    credentials_uri: str = ""
    """URL of the credentials under SnapStart."""
    credentials_token: str = ""
    mistakes: tuple[str, ...] = ()
    """Environment variables with wrong values. While there are any, no request is served."""
    isolate_modules: Callable[[Path, Path, str], Any] | None = None
    """Makes the finder of a version's modules, of their folder, the endpoint's and the version.
    Set only by a process that serves several endpoints (the dev server)."""

    def __repr__(self) -> str:
        """Without credentials, since it may appear in a log."""
        return f"Runtime({self.stack!r}, {self.function_name!r})"

    @property
    def vcpus(self) -> int:
        """Whole virtual CPUs: one per 1,769 MB (AWS Lambda, "Configure function memory")."""
        return max(1, round(self.memory_mb / 1769))

    @property
    def is_snapshot(self) -> bool:
        """Whether Lambda takes a snapshot after the initialization (SnapStart)."""
        return self.initialization_type == "snap-start"

    @property
    def starts_ahead(self) -> bool:
        """Whether the initialization runs before any request: SnapStart, provisioned concurrency.

        It may take longer then, and an error must fail the deployment.
        """
        return self.initialization_type in ("snap-start", "provisioned-concurrency")


def read_runtime() -> Runtime:
    """Read the environment variables that Lambda and the template set.

    A value that is not a number is listed in ``mistakes``. Raising would end the cold start,
    whereas every other wrong setting is answered with 503.
    """
    env = os.environ
    mistakes: list[str] = []
    memory_mb = _read_number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 1769, mistakes)
    return Runtime(
        task_root=Path(env.get("LAMBDA_TASK_ROOT", ".")),
        memory_mb=memory_mb,
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
        max_body_bytes=_read_number(
            "SERVING_MAX_BODY_BYTES", memory_mb * MEGABYTE // BODY_SHARE, mistakes
        ),
        scratch=Path(env.get("SERVING_SCRATCH", "/tmp")),  # noqa: S108  (Lambda's only writable folder)
        # Lambda sets its own to INFO by itself: where both are there, Powertools' is meant.
        log_level=env.get("POWERTOOLS_LOG_LEVEL") or env.get("AWS_LAMBDA_LOG_LEVEL") or "INFO",
        has_client="AWS_LAMBDA_RUNTIME_API" in env,
        secrets=tuple(_list_secrets(env)),
        is_traced=env.get("SERVING_TRACING") == "Active",
        xray_daemon=env.get("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
        credentials_uri=env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", ""),
        credentials_token=env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", ""),
        mistakes=tuple(mistakes),
    )


def read_trace_header() -> str:
    """The trace header of the current invocation; Lambda sets it anew for each.

    For example ``Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1``. It
    is empty during the cold start (AWS X-Ray developer guide, "Tracing header").
    """
    return os.environ.get("_X_AMZN_TRACE_ID", "")


def _list_secrets(env: Mapping[str, str]) -> Iterator[str]:
    """Credentials in the environment, plain and URL-encoded, of at least 16 characters."""
    for variable in SECRETS:
        value = env.get(variable, "")
        if len(value) >= 16:
            yield from {value, quote(value, safe="")}


def find_lambda_endpoint(env: Mapping[str, str]) -> str:
    """URL of the Lambda API: the region's, unless AWS's standard variables override it."""
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
