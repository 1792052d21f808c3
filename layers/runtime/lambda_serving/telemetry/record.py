"""Request metrics that are written: one request becomes one or more EMF records."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import orjson

from lambda_serving.messages.encoding import encode_json
from lambda_serving.messages.request_metrics import RequestMetrics
from lambda_serving.settings.metric_types import METRIC_TYPES, RESERVED
from lambda_serving.telemetry import emf
from lambda_serving.telemetry.writer import RecordWriter
from lambda_serving.user_values import get_text

MOST_PROPERTY_BYTES = 8 * 1024
"""Size of one undeclared value as JSON."""

MOST_PROPERTIES_BYTES = 64 * 1024
"""Size of all undeclared values of a request. A CloudWatch log event had at most 256 KB."""

MOST_PROPERTIES = 100

STAGES = {
    stage: f"{stage.capitalize()}Latency" for stage in ("preprocess", "process", "postprocess")
}


class RecordedMetrics(RequestMetrics):
    """Metrics of one request, written at the end of their ``with`` block.

    Values are read when they are given, so that user code may change its arrays afterwards.
    """

    def __init__(self, writer: RecordWriter, request_id: str, is_sampled: bool) -> None:
        self.stages = {}
        self._writer = writer
        self._is_sampled = is_sampled
        self._request_id = request_id
        if is_sampled:
            self.collect = self._collect
        self._error: tuple[str, int] | None = None
        self._found: dict[str, Any] = {}
        """Variable -> the reading of its value in the body or result."""
        self._custom: dict[str, Any] = {}
        """Variable -> the reading of its custom statistics."""
        self._properties: Properties | None = None
        self._started = perf_counter()
        self._is_written = False

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        seconds = perf_counter() - self._started
        super().__exit__(kind, error, trace)
        try:
            if isinstance(error, Exception):
                self.record_error(
                    getattr(error, "type", "InternalError"), getattr(error, "status", 500)
                )
            self._write(seconds)
        except Exception as failure:  # noqa: BLE001  (statistics never fail a request)
            self._writer.report_failure(failure)

    def record_error(self, type_name: str, status: int) -> None:
        self._error = (type_name, status)

    def give_up(self, type_name: str, status: int) -> None:
        try:
            self.record_error(type_name, status)
            self._write(perf_counter() - self._started)
        except Exception as failure:  # noqa: BLE001  (statistics never fail a request)
            self._writer.report_failure(failure)

    def pick_variables(self, values: Any) -> None:
        if not self._is_sampled:
            return
        try:
            if not isinstance(values, dict):
                return
            for name in self._writer.settings.variables:
                if name in values:
                    self._found.pop(name, None)
                    self._read(self._found, name, values[name])
        except BaseException as error:  # noqa: BLE001  (a user's value may raise anything)
            self._writer.warn_once(
                "pick", "the request's variables are dropped: %s", get_text(error)
            )

    def _collect(self, /, *values: Any, **named: Any) -> None:
        """Record custom statistics, declared or not. It takes what ``dict.update`` takes."""
        try:
            given: dict[Any, Any] = {}
            given.update(*values, **named)
            for key, value in given.items():
                name = str(key)
                if name in self._writer.settings.variables:
                    self._read(self._custom, name, value)
                else:
                    self._keep(name, value)
        except BaseException as error:  # noqa: BLE001  (a user's value may raise anything)
            told = (
                "custom statistics are dropped: collect_custom_statistics_fn: expected what"
                " dict.update takes, got %s (%s)"
            )
            came = ", ".join(type(value).__name__ for value in values)
            self._writer.warn_once("collect", told, came, get_text(error))

    def _read(self, readings: dict[str, Any], name: str, value: Any) -> None:
        """Read a declared variable's value, and add it to earlier values of this request."""
        variable = self._writer.settings.variables[name]
        kind = METRIC_TYPES[variable.type]
        try:
            read = kind.read(variable, value, self._writer.weight)
            readings[name] = kind.add(readings[name], read) if name in readings else read
        except BaseException as error:  # noqa: BLE001  (a user's value may raise anything)
            told = "the statistic %r (%s) is dropped: %s"
            self._writer.warn_once(f"value {name}", told, name, variable.type, get_text(error))

    def _keep(self, name: str, value: Any) -> None:
        """Keep an undeclared statistic. All share one warning, since their number is unbounded."""
        try:
            self._properties = self._properties or Properties()
            self._properties.add(name, value)
        except BaseException as error:  # noqa: BLE001  (a user's value may raise anything)
            told = "the statistic %r is dropped: %s; others that are not declared may be, too"
            self._writer.warn_once("property", told, name[:100], get_text(error))

    def _write(self, seconds: float) -> None:
        if self._is_written:
            return
        self._is_written = True
        writer = self._writer
        metrics = self._list_metrics(seconds)
        if not metrics:
            return
        classes: emf.Classes = {}
        for name, read in (self._found | self._custom).items():
            unit = METRIC_TYPES[writer.settings.variables[name].type].unit
            if unit is None:
                classes[name] = read
            elif read:
                metrics[name] = (unit, read)
        own = {"Endpoint": writer.endpoint, "Version": self.version}
        request = self._describe_request()
        properties = {} if self._properties is None else self._properties.fragments
        for record in emf.make_records(
            writer.namespace, own, metrics, classes, self._error, request, properties
        ):
            try:
                writer.write(record)
            except orjson.JSONEncodeError as failure:
                writer.report_failure(failure)
                dropped = request.keys() | properties.keys()
                writer.write({k: v for k, v in record.items() if k not in dropped})

    def _list_metrics(self, seconds: float) -> emf.Metrics:
        """The metrics of the request itself; empty if it is not sampled and did not fail."""
        writer = self._writer
        metrics: emf.Metrics = {}
        if self._is_sampled:
            metrics["Count"] = ("Count", [writer.weight])
            metrics["Latency"] = ("Milliseconds", [seconds * 1000])
            for stage, took in self.stages.items():
                metrics[STAGES[stage]] = ("Milliseconds", [took * 1000])
        if writer.weight:
            if writer.take_cold_start():
                metrics["ColdStart"] = ("Count", [1])
            load = writer.take_load(self.version)
            if load is not None:
                metrics["ModelLoad"] = ("Milliseconds", [load])
        if self._error is not None:
            metrics["Errors"] = ("Count", [1])
            if self._error[1] >= 500:
                metrics["Faults"] = ("Count", [1])
        return metrics

    def _describe_request(self) -> dict[str, Any]:
        """Properties of every record of the request: its id, engine and model."""
        request: dict[str, Any] = {"request_id": self._request_id}
        if self.engine:
            request["engine"] = self.engine
        if self.sha256:
            request["model_sha256"] = self.sha256
        return request


class Properties:
    """Undeclared statistics of one request: in the log, but no metrics; limited in size."""

    def __init__(self) -> None:
        self.fragments: dict[str, orjson.Fragment] = {}
        """Name -> JSON."""
        self._sizes: dict[str, int] = {}

    def add(self, name: str, value: Any) -> None:
        """Keep a value. It replaces an earlier one of the same name.

        Raises:
            ValueError: the name is reserved, or a limit is exceeded.
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
    """A value as JSON, if it is not too long; one that certainly is is not encoded."""
    size = getattr(value, "size", None)
    if not isinstance(size, int):
        size = len(value) if isinstance(value, str | bytes | list | tuple | dict) else 0
    encoded = encode_json(value) if size <= MOST_PROPERTY_BYTES else b""
    if max(size, len(encoded)) > MOST_PROPERTY_BYTES:
        raise ValueError(f"it is too long, at most {MOST_PROPERTY_BYTES} bytes of JSON are kept")
    return encoded
