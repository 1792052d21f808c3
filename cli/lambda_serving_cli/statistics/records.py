"""EMF records: found among the lines of a log, and added up by endpoint and version.

``lambda_serving.telemetry.emf`` says what a record of ours holds; one of any namespace counts whose
metrics have the dimension Endpoint. What is no such record, or no number in it, is passed over.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from lambda_serving.settings.metric_types import RESERVED
from lambda_serving.telemetry.emf import OVER_ALL_VERSIONS
from lambda_serving.telemetry.record import STAGES
from lambda_serving_cli.files.content import parse_json
from lambda_serving_cli.statistics.sample import Sample

Json = dict[str, Any]

TIMES = ("Latency", *STAGES.values(), "ModelLoad")
"""Metrics in milliseconds whose distribution is kept."""


class LogEvent(NamedTuple):
    """A line of a log stream, which one execution environment writes."""

    stream: str
    message: str
    timestamp: int = 0
    """Milliseconds, as CloudWatch has it."""
    id: str = ""
    """CloudWatch's own; the local cloud gives none."""


class Metric(NamedTuple):
    """One metric under one set of dimensions."""

    name: str
    unit: str
    values: list[float]
    dimensions: dict[str, str]


class Sums:
    """What the records of one endpoint, or of one of its versions, add up to."""

    def __init__(self) -> None:
        self.totals: defaultdict[str, float] = defaultdict(float)
        """Count, Errors, Faults, ColdStart and the counters."""
        self.errors: defaultdict[str, float] = defaultdict(float)
        """Class of error -> how many."""
        self.classes: defaultdict[str, dict[str, float]] = defaultdict(dict)
        """Enum -> class -> how many."""
        self.samples: defaultdict[str, Sample] = defaultdict(Sample)
        """Times (ms), scalars and values."""
        self.others: defaultdict[tuple[str, tuple[tuple[str, str], ...]], float]
        self.others = defaultdict(float)
        """Further metrics by name and dimensions, such as FailedCalls by callee and cause."""

    def add(self, metric: Metric, weight: float, timestamp: float) -> None:
        """``weight`` is the number of requests that the record stands for."""
        name, total = metric.name, math.fsum(metric.values)
        further = {k: v for k, v in metric.dimensions.items() if k not in ("Endpoint", "Version")}
        if "Version" not in metric.dimensions:
            if further or name not in OVER_ALL_VERSIONS:
                self.others[name, tuple(further.items())] += total
        elif name == "Errors" and "ErrorType" in further:
            self.errors[further["ErrorType"]] += total
        elif name == "Count" and len(further) == 1:
            [(variable, label)] = further.items()
            counts = self.classes[variable]
            counts[label] = counts.get(label, 0.0) + total
        elif further:
            self.others[name, tuple(further.items())] += total
        elif name in TIMES or (name not in RESERVED and metric.unit != "Count"):
            # A load is recorded whether its request is sampled or not.
            self.samples[name].add(metric.values, 1.0 if name == "ModelLoad" else weight, timestamp)
        else:
            self.totals[name] += total


class EndpointSums(NamedTuple):
    """Over all versions, and by version."""

    total: Sums
    versions: defaultdict[str, Sums]


class Tally:
    """Adds up the records of log events; of one version alone where it names one."""

    def __init__(self, version: str | None = None) -> None:
        self.records = 0
        self.endpoints = defaultdict[str, EndpointSums](
            lambda: EndpointSums(Sums(), defaultdict(Sums))
        )
        self._version = version
        self._weights: dict[str, tuple[object, float]] = {}

    def add(self, event: LogEvent) -> None:
        """Take the event's record, if it is one."""
        record = find_record(event.message)
        if record is None or self._version not in (None, record.get("Version")):
            return
        metrics = list(list_metrics(record))
        if not metrics:
            return
        self.records += 1
        weight = self._find_weight(event.stream, record, metrics)
        timestamp = record["_aws"].get("Timestamp")
        timestamp = timestamp if isinstance(timestamp, int | float) else 0
        for metric in metrics:
            sums = self.endpoints[metric.dimensions["Endpoint"]]
            sums.total.add(metric, weight, timestamp)
            if "Version" in metric.dimensions:
                sums.versions[metric.dimensions["Version"]].add(metric, weight, timestamp)

    def _find_weight(self, stream: str, record: Json, metrics: list[Metric]) -> float:
        """A request's first record says it by its Count; those that hold the rest follow it."""
        request = record.get("request_id")
        for metric in metrics:
            if metric.name == "Count" and metric.dimensions.keys() == {"Endpoint", "Version"}:
                self._weights[stream] = (request, math.fsum(metric.values) or 1.0)
        latest, weight = self._weights.get(stream, (None, 1.0))
        return weight if request == latest else 1.0


def find_record(message: str) -> Json | None:
    """The EMF record of a log line: the line, or the ``message`` of Lambda's JSON log format."""
    if "CloudWatchMetrics" not in message:
        return None
    found: Any = message
    for _ in range(2):
        if isinstance(found, str):
            found = parse_json(found)
        if not isinstance(found, dict):
            return None
        head = found.get("_aws")
        if isinstance(head, dict) and isinstance(head.get("CloudWatchMetrics"), list):
            return found
        found = found.get("message")
    return None


def list_metrics(record: Json) -> Iterator[Metric]:
    """The record's metrics that have the dimension Endpoint, once for each set of dimensions."""
    for directive in record["_aws"]["CloudWatchMetrics"]:
        if not isinstance(directive, dict):
            continue
        for names in _list(directive.get("Dimensions")):
            dimensions = {
                name: _clean(record[name])
                for name in _list(names)
                if isinstance(name, str) and isinstance(record.get(name), str)
            }
            if "Endpoint" not in dimensions or len(dimensions) != len(_list(names)):
                continue
            for told in _list(directive.get("Metrics")):
                if isinstance(told, dict) and isinstance(told.get("Name"), str):
                    values = _read_numbers(record.get(told["Name"]))
                    if values:
                        unit = str(told.get("Unit", "None"))
                        yield Metric(_clean(told["Name"]), unit, values, dimensions)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _clean(text: str) -> str:
    """Without what would steer a terminal: a function may log anything."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _read_numbers(value: Any) -> list[float]:
    return [
        float(item)
        for item in (value if isinstance(value, list) else [value])
        if type(item) in (int, float) and abs(item) <= 1e300
    ]
