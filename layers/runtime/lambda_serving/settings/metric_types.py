"""``[metrics]``: the variables that become metrics, and their types.

A new type is one entry of METRIC_TYPES.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from lambda_serving.settings.endpoint import MetricSettings, Variable
from lambda_serving.settings.version_keys import TABLE, Check, check_table, expect, refuse

OTHER = "other"
"""Class of an enum for every value that is not declared, so that the cost is bounded."""

MOST_VALUES = 1_000
"""Values of one variable in one request; ten records of EMF's 100 values a metric."""

MOST_MAGNITUDE = 2.0**360
"""Of a number, of either sign (CloudWatch API reference, "MetricDatum")."""

RESERVED = frozenset(
    "_aws Endpoint Version ErrorType ErrorStatus Count Latency PreprocessLatency ProcessLatency"
    " PostprocessLatency Errors Faults ColdStart ModelLoad request_id engine model_sha256".split()
)
"""Keys of a record that are its own."""


class MetricType(NamedTuple):
    """Keys of its table beside ``type``, with who checks them; unit; what values become.

    ``read`` takes the variable, a value and the number of requests that a record stands for. It
    gives numbers; or, for a type whose ``unit`` is None, a count for each class. ``add`` joins
    what was read of two values of one request.

    Raises (``read``, ``add``):
        ValueError: the value is none of the type's; says what was expected and what came.
    """

    keys: Mapping[str, Check]
    unit: str | None
    read: Callable[[Variable, Any, float], Any]
    add: Callable[[Any, Any], Any]


def flatten(value: Any) -> list[Any]:
    """Every item of a value: itself, or those of lists and NumPy arrays, nested or not.

    Raises:
        ValueError: over MOST_VALUES items, or over three times that with the lists around them:
            one body may hold millions.
    """
    items: list[Any] = []
    pending, steps = [value], 0
    while pending:
        item = pending.pop()
        steps += 1
        if steps > 3 * MOST_VALUES:
            raise ValueError(f"expected at most {3 * MOST_VALUES} values and lists, got more")
        if hasattr(item, "tolist"):
            _check_number(getattr(item, "size", 0))
            item = item.tolist()
        if isinstance(item, list | tuple):
            _check_number(len(items) + len(pending) + len(item))
            pending.extend(reversed(item))
        else:
            items.append(item)
    return items


def _check_number(number: int) -> None:
    if number > MOST_VALUES:
        raise ValueError(f"expected at most {MOST_VALUES} values, got {number}")


def read_numbers(variable: Variable, value: Any, weight: float) -> list[float]:
    """The values as they are: CloudWatch keeps their distribution."""
    if type(value) is float:
        return [_check_magnitude(value)]
    # A flat list, as most are, in a tenth of the time. NaN and infinities fail the sum.
    is_flat = type(value) is list and len(value) <= MOST_VALUES
    if is_flat and set(map(type, value)) <= {float, int} and sum(map(abs, value)) <= MOST_MAGNITUDE:
        return list(map(float, value))
    return [_read_number(item) for item in flatten(value)]


def _read_number(item: Any) -> float:
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise ValueError(f"expected finite numbers, got {_shorten(item)}")
    return float(_check_magnitude(item))


def _check_magnitude(number: float) -> float:
    if abs(number) <= MOST_MAGNITUDE:  # NaN is not
        return number
    raise ValueError(f"expected finite numbers of at most 2^360, got {number:.3g}")


def add_numbers(before: list[float], more: list[float]) -> list[float]:
    """All of them, up to as many as one value may hold."""
    _check_number(len(before) + len(more))
    return before + more


def read_count(variable: Variable, value: Any, weight: float) -> list[float]:
    """The sum; a sampled request stands for ``weight`` requests."""
    return [_check_magnitude(sum(read_numbers(variable, value, weight)) * weight)]


def add_counts(before: list[float], more: list[float]) -> list[float]:
    return [_check_magnitude(before[0] + more[0])]


def read_classes(variable: Variable, value: Any, weight: float) -> dict[str, float]:
    """Class -> count; what is not declared is ``other``."""
    counts: dict[str, float] = {}
    for item in [value] if type(value) is str else flatten(value):
        if item is None or isinstance(item, dict | bytes):
            raise ValueError(f"expected a value or a list of values, got {_shorten(item)}")
        label = _find_class(variable, item)
        counts[label] = counts.get(label, 0.0) + weight
    return counts


def _find_class(variable: Variable, item: Any) -> str:
    text = str(item)
    if text not in variable.values and isinstance(item, float) and item.is_integer():
        text = str(int(item))  # a class that went through an array of floats
    return text if text in variable.values else OTHER


def add_classes(before: dict[str, float], more: dict[str, float]) -> dict[str, float]:
    return before | {label: before.get(label, 0.0) + count for label, count in more.items()}


def _shorten(value: Any) -> str:
    """A value in a message: of a text only that it is one, since it may be anything."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return f"a value of type {type(value).__name__}"


def _check_buckets(key: str, value: Any) -> tuple[float, ...]:
    are_numbers = isinstance(value, list) and value and not any(map(_is_no_number, value))
    if not are_numbers or any(low >= high for low, high in pairwise(value)):
        raise refuse(key, "numbers, each above the one before", value)
    return tuple(map(float, value))


def _is_no_number(value: Any) -> bool:
    return isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)


def _check_values(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(map(_is_class, value)):
        # CloudWatch refuses other dimension values (PutMetricData, Dimension).
        raise refuse(key, "texts, numbers or booleans, printable ASCII of 1 to 250", value)
    return tuple(str(item) for item in value)


def _is_class(value: Any) -> bool:
    text = str(value)
    fits = text.isascii() and text.isprintable() and text.strip() != "" and len(text) <= 250
    return isinstance(value, str | int | float | bool) and fits and not text.startswith(":")


METRIC_TYPES: Mapping[str, MetricType] = {
    "scalar": MetricType({"buckets": _check_buckets}, "None", read_numbers, add_numbers),
    "enum": MetricType({"values": _check_values}, None, read_classes, add_classes),
    "value": MetricType({}, "None", read_numbers, add_numbers),
    "counter": MetricType({}, "Count", read_count, add_counts),
}
"""ClearML's types: distribution, classes, gauge, sum."""


def parse_metrics(table: Any) -> MetricSettings:
    """Check a ``[metrics]`` table."""
    return MetricSettings(**check_table("metrics", table, KEYS))


def _check_variables(key: str, value: Any) -> dict[str, Variable]:
    if not isinstance(value, dict):
        raise refuse(key, "tables like [metrics.variables.y]", value)
    if len(value) > 90:
        raise refuse(key, "at most 90 variables", len(value))
    return {name: _parse_variable(name, f"{key}.{name}", each) for name, each in value.items()}


def _parse_variable(name: str, key: str, table: Any) -> Variable:
    if name in RESERVED:
        raise refuse(key, "a name that the record itself does not use", name)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_ ./-]{0,99}", name):
        raise refuse(key, "a name of A-Z a-z 0-9 _ . / - and blanks, at most 100 long", name)
    kind = TABLE(key, table).get("type")
    if not isinstance(kind, str) or kind not in METRIC_TYPES:
        raise refuse(f"{key}.type", f"one of {', '.join(METRIC_TYPES)}", kind)
    checks = METRIC_TYPES[kind].keys
    for own in sorted(set(table) - {"type"} - set(checks)):
        allowed = ", ".join(["type", *checks])
        raise refuse(f"{key}.{own}", f"of the type {kind} only the keys {allowed}", own)
    options = {own: checks[own](f"{key}.{own}", table[own]) for own in checks if own in table}
    if kind == "enum" and not options:
        raise refuse(f"{key}.values", "the classes that are counted by name", None)
    return Variable(name, kind, **options)


KEYS: Mapping[str, Check] = {
    "log_frequency": expect(
        "a share of the requests from 0 to 1",
        lambda value: not _is_no_number(value) and 0 <= value <= 1,
    ),
    "variables": _check_variables,
}
