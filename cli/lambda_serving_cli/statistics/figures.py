"""What is told of an endpoint: figures made of sums, as the terminal and ``--json`` show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lambda_serving.settings.endpoint import Variable
from lambda_serving.settings.metric_types import RESERVED
from lambda_serving.telemetry.record import STAGES
from lambda_serving_cli.statistics.records import EndpointSums, Sums
from lambda_serving_cli.statistics.sample import Bucket, Sample

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True)
class Scalar:
    """A distribution; ``buckets`` are those of endpoint.toml where it declares some."""

    count: float
    min: float
    p50: float
    max: float
    buckets: list[Bucket]
    type: Literal["scalar"] = "scalar"


@dataclass(frozen=True)
class Enum:
    """Class -> how many: the declared ones in their order, or the most frequent first."""

    classes: dict[str, float]
    type: Literal["enum"] = "enum"


@dataclass(frozen=True)
class Value:
    """A gauge."""

    last: float
    min: float
    mean: float
    max: float
    type: Literal["value"] = "value"


@dataclass(frozen=True)
class Counter:
    """A sum."""

    sum: float
    type: Literal["counter"] = "counter"


@dataclass(frozen=True)
class Other:
    """A metric of further dimensions, such as FailedCalls by callee and cause."""

    name: str
    dimensions: dict[str, str]
    sum: float


@dataclass(frozen=True)
class Figures:
    """One endpoint's, or one version's. Times are in milliseconds.

    ``count`` is an estimate where requests are sampled; errors, faults and cold starts are exact.
    """

    count: float
    errors: int
    errors_by_class: dict[str, int]
    faults: int
    latency_ms: dict[str, float] | None
    stages_ms: dict[str, float]
    cold_starts: int
    model_loads: int
    model_load_ms: float | None
    variables: dict[str, Scalar | Enum | Value | Counter]
    others: list[Other]


@dataclass(frozen=True)
class EndpointFigures(Figures):
    """Over all versions, and by version."""

    versions: dict[str, Figures]


@dataclass(frozen=True)
class Origin:
    """Where the logs are. ``endpoint_url`` is None for AWS's own."""

    cloud: Literal["local", "aws"]
    stack: str
    region: str
    endpoint_url: str | None


@dataclass(frozen=True)
class Report:
    """All that the command tells."""

    target: Origin
    since: datetime
    until: datetime
    records: int
    endpoints: dict[str, EndpointFigures]
    without_records: list[str]


def describe_endpoint(sums: EndpointSums, declared: Mapping[str, Variable]) -> EndpointFigures:
    """``declared`` are the variables of endpoint.toml, as far as it is known."""
    versions = {name: describe(sums.versions[name], declared) for name in sorted(sums.versions)}
    return EndpointFigures(**vars(describe(sums.total, declared)), versions=versions)


def describe(sums: Sums, declared: Mapping[str, Variable]) -> Figures:
    loads, latency = sums.samples.get("ModelLoad"), sums.samples.get("Latency")
    errors = sorted(sums.errors.items(), key=lambda item: (-item[1], item[0]))
    quantiles = latency.find_quantiles(*PERCENTILES.values()) if latency else []
    return Figures(
        count=sums.totals["Count"],
        errors=round(sums.totals["Errors"]),
        errors_by_class={name: round(number) for name, number in errors},
        faults=round(sums.totals["Faults"]),
        latency_ms=dict(zip(PERCENTILES, quantiles, strict=True)) if latency else None,
        stages_ms={
            stage: sums.samples[metric].find_quantiles(0.5)[0]
            for stage, metric in STAGES.items()
            if metric in sums.samples
        },
        cold_starts=round(sums.totals["ColdStart"]),
        model_loads=len(loads.values) if loads else 0,
        model_load_ms=loads.find_quantiles(0.5)[0] if loads else None,
        variables=describe_variables(sums, declared),
        others=[Other(name, dict(own), total) for (name, own), total in sums.others.items()],
    )


def describe_variables(
    sums: Sums, declared: Mapping[str, Variable]
) -> dict[str, Scalar | Enum | Value | Counter]:
    """The variables that were recorded: the declared ones in their order, then the others."""
    found: dict[str, Scalar | Enum | Value | Counter] = {}
    for name, counts in sums.classes.items():
        known = declared[name].values if name in declared else ()
        frequent = sorted(counts, key=lambda label: (-counts[label], label))
        found[name] = Enum({label: counts.get(label, 0.0) for label in [*known, *frequent]})
    for name, sample in sums.samples.items():
        if name not in RESERVED:
            found[name] = describe_sample(sample, declared.get(name))
    for name, total in sums.totals.items():
        if name not in RESERVED:
            found[name] = Counter(total)
    return {name: found[name] for name in [*declared, *sorted(found)] if name in found}


def describe_sample(sample: Sample, variable: Variable | None) -> Scalar | Value:
    least, greatest = min(sample.values), max(sample.values)
    if variable is not None and variable.type == "value":
        return Value(sample.last, least, sample.mean, greatest)
    bounds = variable.buckets if variable else ()
    buckets = sample.count_buckets(bounds) if bounds else sample.find_buckets()
    return Scalar(sample.weight, least, sample.find_quantiles(0.5)[0], greatest, buckets)
