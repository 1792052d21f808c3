"""An EMF record in one line, as a person reads it or as a program does."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from lambda_serving.settings.metric_types import RESERVED
from lambda_serving.telemetry.record import STAGES
from lambda_serving_cli.statistics.records import Metric, list_metrics
from lambda_serving_cli.terminal.controls import escape_json

logger = logging.getLogger("lambda_serving")

MOST_VALUES = 5
"""Numbers of a list that are shown."""

LONGEST_PROPERTY = 60


def log_record(record: Mapping[str, Any]) -> None:
    """For a person, among the other lines."""
    logger.info("statistics: %s", describe_record(record))


def make_line(record: Mapping[str, Any]) -> bytes:
    """For a program, as a line of JSON."""
    return escape_json(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE).decode()).encode()


def write_line(line: bytes) -> None:
    """To the process's own standard output."""
    assert sys.__stdout__ is not None
    sys.__stdout__.buffer.write(line)
    sys.__stdout__.buffer.flush()


def describe_record(record: Mapping[str, Any]) -> str:
    """For example "iris/1: 1.9 ms (process 1.6), species=setosa, sepal_length=5.1"."""
    # What the record holds as ready-made JSON is readable only then.
    plain = orjson.loads(orjson.dumps(record))
    metrics = list(list_metrics(plain))
    version = f"/{plain['Version']}" if "Version" in plain else ""
    return f"{plain['Endpoint']}{version}: {', '.join(_list_parts(plain, metrics))}"


def _list_parts(record: Mapping[str, Any], metrics: list[Metric]) -> Iterator[str]:
    own = {
        metric.name: metric
        for metric in metrics
        if metric.dimensions.keys() == {"Endpoint", "Version"}
    }
    if "Latency" in own:
        yield _describe_times(own)
    if "ErrorType" in record:
        yield f"{record['ErrorType']}{' (a fault)' * ('Faults' in own)}"
    if "ModelLoad" in own:
        yield f"model load {record['ModelLoad']:.0f} ms"
    count = record.get("Count", 1.0)
    if "Count" in own and count != 1:
        yield f"for {count:.3g} requests"
    named = set(RESERVED)
    for metric in metrics:
        further = {k: v for k, v in metric.dimensions.items() if k not in ("Endpoint", "Version")}
        if "Version" not in metric.dimensions and further:
            told = ", ".join(f"{key.lower()} {value}" for key, value in further.items())
            yield f"{metric.name} {metric.values[0]:g} ({told})"
        elif metric.name == "Count" and further:
            times = "" if "Count" in own else f" x{count:g}"
            yield from (f"{name}={label}{times}" for name, label in further.items())
        elif not further and metric.name not in named:
            yield f"{metric.name}={_shorten_numbers(metric.values)}"
        named |= {metric.name, *further}
    for name in [name for name in record if name not in named]:
        yield f"{name}={_shorten(json.dumps(record[name]))}"


def _describe_times(own: Mapping[str, Metric]) -> str:
    stages = [f"{stage} {own[name].values[0]:.1f}" for stage, name in STAGES.items() if name in own]
    return f"{own['Latency'].values[0]:.1f} ms" + (f" ({', '.join(stages)})" if stages else "")


def _shorten_numbers(values: list[float]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:MOST_VALUES])
    if len(values) == 1:
        return shown
    more = f", ... {len(values)} values" if len(values) > MOST_VALUES else ""
    return f"[{shown}{more}]"


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_PROPERTY else f"{text[: LONGEST_PROPERTY - 3]}..."
