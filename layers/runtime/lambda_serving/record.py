"""What is known of one request, and the EMF records it becomes."""

from __future__ import annotations

from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from lambda_serving import emf
from lambda_serving.encoding import encode_json
from lambda_serving.metric_types import METRIC_TYPES, RESERVED

if TYPE_CHECKING:
    from lambda_serving.statistics import Statistics

NO_VERSION = "-"
"""Version of a request that names none there is: never a text that anyone may make up."""

MOST_PROPERTY_BYTES = 8 * 1024
"""Of one undeclared value as JSON; a CloudWatch log event ends at 256 KB."""

MOST_PROPERTIES = 100

STAGES = {
    stage: f"{stage.capitalize()}Latency" for stage in ("preprocess", "process", "postprocess")
}


class Record:
    """One request's, from ``Statistics.begin`` to the end of its ``with`` block."""

    def __init__(self, statistics: Statistics, request_id: str, is_sampled: bool) -> None:
        self._statistics = statistics
        self._is_sampled = is_sampled
        self._request_id = request_id
        self.version = NO_VERSION
        self.engine = ""
        self.sha256: str | None = None
        self.collect = self._collect if is_sampled else None
        """``collect_custom_statistics_fn`` of this request; None where it is not sampled."""
        self.stages: dict[str, float] = {}
        """Seconds of each stage."""
        self._error: tuple[str, int] | None = None
        self._found: dict[str, list[Any]] = {}
        self._custom: dict[str, list[Any]] = {}
        self._started = perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        seconds = perf_counter() - self._started
        try:
            if isinstance(error, Exception):
                self.note_error(
                    getattr(error, "type", "InternalError"), getattr(error, "status", 500)
                )
            if not self._statistics.is_off:
                self._write(seconds)
        except Exception as failure:  # noqa: BLE001  (statistics never fail a request)
            self._statistics.tell_failure(failure)

    def note_error(self, type_name: str, status: int) -> None:
        """The request failed, by the error's class and HTTP status."""
        self._error = (type_name, status)

    def pick(self, values: Any) -> None:
        """Take the declared variables out of a body or a result; a later one replaces them."""
        if not self._is_sampled or not isinstance(values, dict):
            return
        try:
            for name in self._statistics.settings.variables:
                if name in values:
                    self._found[name] = [values[name]]
        except Exception as error:  # noqa: BLE001  (statistics never fail a request)
            self._statistics.tell_failure(error)

    def _collect(self, values: dict[str, Any]) -> None:
        """Custom statistics: any number of times, declared or not."""
        try:
            if not isinstance(values, dict):
                raise TypeError(
                    f"collect_custom_statistics_fn: expected a dict, got {type(values).__name__}"
                )
            for name, value in values.items():
                self._custom.setdefault(str(name), []).append(value)
        except Exception as error:  # noqa: BLE001  (statistics never fail a request)
            self._statistics.tell("collect", "custom statistics are dropped: %s", error)

    def _write(self, seconds: float) -> None:
        statistics = self._statistics
        metrics: emf.Metrics = {}
        if self._is_sampled:
            metrics["Count"] = ("Count", [statistics.weight])
            metrics["Latency"] = ("Milliseconds", [seconds * 1000])
            for stage, took in self.stages.items():
                metrics[STAGES[stage]] = ("Milliseconds", [took * 1000])
        if statistics.weight:
            if statistics.take_cold_start():
                metrics["ColdStart"] = ("Count", [1])
            load = statistics.take_load(self.version)
            if load is not None:
                metrics["ModelLoad"] = ("Milliseconds", [load])
        if self._error is not None:
            metrics["Errors"] = ("Count", [1])
            if self._error[1] >= 500:
                metrics["Faults"] = ("Count", [1])
        if not metrics:
            return
        classes = self._read_variables(metrics) if self._is_sampled else {}
        properties = self._list_properties()
        own = {"Endpoint": statistics.endpoint, "Version": self.version}
        error = None if self._error is None else self._error[0]
        for record in emf.make_records(
            statistics.namespace, own, metrics, classes, error, properties
        ):
            statistics.write(record)

    def _read_variables(self, metrics: emf.Metrics) -> emf.Classes:
        """Put the variables' numbers into ``metrics``; gives the counts of their classes."""
        statistics = self._statistics
        classes: emf.Classes = {}
        variables = statistics.settings.variables
        for name, values in (self._found | self._custom).items():
            variable = variables.get(name)
            if variable is None:
                continue
            kind = METRIC_TYPES[variable.type]
            for value in values:
                try:
                    read = kind.read(variable, value, statistics.weight)
                except Exception as error:  # noqa: BLE001  (a user's value may raise anything)
                    told = "the statistic %r (%s) is dropped: %s"
                    statistics.tell(f"value {name}", told, name, variable.type, error)
                    continue
                if kind.unit is None:
                    counts = classes.setdefault(name, {})
                    for label, count in read.items():
                        counts[label] = counts.get(label, 0.0) + count
                elif read:
                    metrics.setdefault(name, (kind.unit, []))[1].extend(read)
        return classes

    def _list_properties(self) -> dict[str, Any]:
        """What is searchable but no metric: the request, the model, undeclared statistics."""
        properties: dict[str, Any] = {"request_id": self._request_id}
        if self.engine:
            properties["engine"] = self.engine
        if self.sha256:
            properties["model_sha256"] = self.sha256
        for name, values in self._custom.items():
            if name in self._statistics.settings.variables:
                continue
            try:
                properties[name] = self._encode_property(name, values[-1], len(properties))
            except Exception as error:  # noqa: BLE001  (a user's value may raise anything)
                told = "the statistic %r is dropped: %s"
                self._statistics.tell(f"property {name[:100]}", told, name[:100], error)
        return properties

    def _encode_property(self, name: str, value: Any, number: int) -> orjson.Fragment:
        if name in RESERVED:
            raise ValueError("the record itself has that name")
        if number >= MOST_PROPERTIES or len(name) > 250:
            raise ValueError(f"expected at most {MOST_PROPERTIES} names of at most 250 characters")
        encoded = encode_json(value)
        if len(encoded) > MOST_PROPERTY_BYTES:
            raise ValueError(
                f"{len(encoded)} bytes as JSON, at most {MOST_PROPERTY_BYTES} are kept"
            )
        return orjson.Fragment(encoded)
