"""What is known of one request, and the EMF records it becomes."""

from __future__ import annotations

from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

import orjson

from lambda_serving.messages.encoding import encode_json
from lambda_serving.messages.request_metrics import Notes
from lambda_serving.settings.metric_types import METRIC_TYPES, RESERVED
from lambda_serving.telemetry import emf
from lambda_serving.user_values import get_text

if TYPE_CHECKING:
    from lambda_serving.telemetry.statistics import Statistics

MOST_PROPERTY_BYTES = 8 * 1024
"""Of one undeclared value as JSON."""

MOST_PROPERTIES_BYTES = 64 * 1024
"""Of all of a request's; a CloudWatch log event ended at 256 KB for long."""

MOST_PROPERTIES = 100

STAGES = {
    stage: f"{stage.capitalize()}Latency" for stage in ("preprocess", "process", "postprocess")
}


class Record(Notes):
    """One request's, from ``Statistics.begin`` to the end of its ``with`` block.

    Values are read when they are given: what user code does to its arrays afterwards is its own.
    """

    def __init__(self, statistics: Statistics, request_id: str, is_sampled: bool) -> None:
        super().__init__()
        self._statistics = statistics
        self._is_sampled = is_sampled
        self._request_id = request_id
        if is_sampled:
            self.collect = self._collect
        self._error: tuple[str, int] | None = None
        self._found: dict[str, Any] = {}
        """Variable -> what its type has read in body or result."""
        self._custom: dict[str, Any] = {}
        """The same of custom statistics."""
        self._properties = Properties()
        self._started = perf_counter()

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
            self._write(seconds)
        except Exception as failure:  # noqa: BLE001  (statistics never fail a request)
            self._statistics.tell_failure(failure)

    def note_error(self, type_name: str, status: int) -> None:
        self._error = (type_name, status)

    def pick(self, values: Any) -> None:
        if not self._is_sampled:
            return
        try:
            if not isinstance(values, dict):
                return
            for name in self._statistics.settings.variables:
                if name in values:
                    self._found.pop(name, None)
                    self._read(self._found, name, values[name])
        except BaseException as error:  # noqa: BLE001  (a user's value may raise anything)
            self._statistics.tell(
                "pick", "the request's variables are dropped: %s", get_text(error)
            )

    def _collect(self, /, *values: Any, **named: Any) -> None:
        """Custom statistics: any number of times, declared or not; called as ``dict.update``."""
        try:
            given: dict[Any, Any] = {}
            given.update(*values, **named)
            for key, value in given.items():
                name = str(key)
                if name in self._statistics.settings.variables:
                    self._read(self._custom, name, value)
                else:
                    self._keep(name, value)
        except BaseException as error:  # noqa: BLE001  (a user's value may raise anything)
            told = (
                "custom statistics are dropped: collect_custom_statistics_fn: expected what"
                " dict.update takes, got %s (%s)"
            )
            came = ", ".join(type(value).__name__ for value in values)
            self._statistics.tell("collect", told, came, get_text(error))

    def _read(self, readings: dict[str, Any], name: str, value: Any) -> None:
        """What a declared variable's value says, beside what others of this request said."""
        variable = self._statistics.settings.variables[name]
        kind = METRIC_TYPES[variable.type]
        try:
            read = kind.read(variable, value, self._statistics.weight)
            readings[name] = kind.add(readings[name], read) if name in readings else read
        except BaseException as error:  # noqa: BLE001  (a user's value may raise anything)
            told = "the statistic %r (%s) is dropped: %s"
            self._statistics.tell(f"value {name}", told, name, variable.type, get_text(error))

    def _keep(self, name: str, value: Any) -> None:
        """An undeclared statistic. They share one line in the log: their names have no end."""
        try:
            self._properties.add(name, value)
        except BaseException as error:  # noqa: BLE001  (a user's value may raise anything)
            told = "the statistic %r is dropped: %s; others that are not declared may be, too"
            self._statistics.tell("property", told, name[:100], get_text(error))

    def _write(self, seconds: float) -> None:
        statistics = self._statistics
        metrics = self._list_metrics(seconds)
        if not metrics:
            return
        classes: emf.Classes = {}
        for name, read in (self._found | self._custom).items():
            unit = METRIC_TYPES[statistics.settings.variables[name].type].unit
            if unit is None:
                classes[name] = read
            elif read:
                metrics[name] = (unit, read)
        own = {"Endpoint": statistics.endpoint, "Version": self.version}
        error = None if self._error is None else self._error[0]
        request = self._describe_request()
        properties = self._properties.fragments
        for record in emf.make_records(
            statistics.namespace, own, metrics, classes, error, request, properties
        ):
            try:
                statistics.write(record)
            except orjson.JSONEncodeError as failure:
                statistics.tell_failure(failure)
                dropped = request.keys() | properties.keys()
                statistics.write({k: v for k, v in record.items() if k not in dropped})

    def _list_metrics(self, seconds: float) -> emf.Metrics:
        """The request's own; empty for one that is not sampled, and where nothing happened."""
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
        return metrics

    def _describe_request(self) -> dict[str, Any]:
        """Properties of every record of the request: what it was, and of which model."""
        request: dict[str, Any] = {"request_id": self._request_id}
        if self.engine:
            request["engine"] = self.engine
        if self.sha256:
            request["model_sha256"] = self.sha256
        return request


class Properties:
    """Undeclared statistics of one request: searchable in the log, never a metric, bounded."""

    def __init__(self) -> None:
        self.fragments: dict[str, orjson.Fragment] = {}
        """Name -> JSON."""
        self._sizes: dict[str, int] = {}

    def add(self, name: str, value: Any) -> None:
        """Keep a value, in the place of one of its name.

        Raises:
            ValueError: the name cannot be one, or there would be too much of it.
            ResultError: JSON cannot hold the value.
        """
        if name in RESERVED:
            raise ValueError("the record itself has that name")
        number = len(self._sizes.keys() | {name})
        if number > MOST_PROPERTIES or len(name) > 250:
            raise ValueError(f"expected at most {MOST_PROPERTIES} names of at most 250 characters")
        encoded = _encode(value)
        size = len(name.encode()) + len(encoded)  # a lone surrogate cannot be encoded
        if sum(self._sizes.values()) - self._sizes.get(name, 0) + size > MOST_PROPERTIES_BYTES:
            raise ValueError(f"at most {MOST_PROPERTIES_BYTES} bytes of a request are kept")
        self._sizes[name] = size
        self.fragments[name] = orjson.Fragment(encoded)


def _encode(value: Any) -> bytes:
    """A value as JSON; what is long beyond doubt is not even tried."""
    size = getattr(value, "size", None)
    if not isinstance(size, int):
        size = len(value) if isinstance(value, str | bytes | list | tuple | dict) else 0
    encoded = encode_json(value) if size <= MOST_PROPERTY_BYTES else b""
    if max(size, len(encoded)) > MOST_PROPERTY_BYTES:
        raise ValueError(f"it is too long, at most {MOST_PROPERTY_BYTES} bytes of JSON are kept")
    return encoded
