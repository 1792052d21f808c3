"""What ``endpoint.toml`` says, as frozen values. ``endpoint_toml`` reads and checks the file.

The classes are named tuples: a dataclass takes seven times as long to define
(docs/decisions/0019-cold-start.md). Tables that few endpoints have (``[traffic]``,
``[auto_update]``) are imported only for those.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lambda_serving.settings.auto_update import AutoUpdate
    from lambda_serving.settings.traffic import Traffic

DEFAULT_VERSION = "1"
"""The version that the top level of endpoint.toml describes."""


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
    allow_pickle: bool = False
    preprocess: str | None = None
    input: Tensors = Tensors()
    output: Tensors = Tensors()
    engine_options: Mapping[str, Any] = MappingProxyType({})
    auxiliary_cfg: Mapping[str, Any] = MappingProxyType({})


class Variable(NamedTuple):
    """A declared variable. ``buckets`` are the ascending bounds of a scalar's distribution."""

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

    With ``[auto_update]`` the versions come from the registry: ``versions`` and ``default`` are
    empty here, and ``shared`` holds the keys that all of them have in common.
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
        """The settings in the file: those of each version, and ``shared``."""
        return (*self.versions.values(), *((self.shared,) if self.shared else ()))

    @property
    def is_canary(self) -> bool:
        """Whether the endpoint runs no model, and forwards requests to other endpoints."""
        return any(version.engine == "canary" for version in self.described)
