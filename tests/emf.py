"""CloudWatch's rules for EMF records; every record that a test makes is held to them (conftest).

Source: Amazon CloudWatch user guide, "Specification: Embedded metric format": its JSON schema, and
what the text says beyond it.
"""

import json
from functools import cache
from typing import Any

import jsonschema

NAME = {"type": "string", "minLength": 1, "pattern": r"^[\x20-\x7e]*$"}
UNITS = (
    "Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits"
    " Megabits Gigabits Terabits Percent Count None Bytes/Second Kilobytes/Second Megabytes/Second"
    " Gigabytes/Second Terabytes/Second Bits/Second Kilobits/Second Megabits/Second Gigabits/Second"
    " Terabits/Second Count/Second"
).split()
DIMENSION_SET = {
    "type": "array",
    "minItems": 1,
    "maxItems": 30,
    "uniqueItems": True,
    "items": NAME | {"maxLength": 250},
}
METRIC = {
    "type": "object",
    "required": ["Name"],
    "properties": {
        "Name": NAME | {"maxLength": 1024},
        "Unit": {"enum": UNITS},
        "StorageResolution": {"enum": [1, 60]},
    },
}
DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "properties": {
        "Namespace": NAME | {"maxLength": 1024},
        "Dimensions": {"type": "array", "minItems": 1, "items": DIMENSION_SET},
        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": METRIC},
    },
}
DIRECTIVES = {"type": "array", "minItems": 1, "items": DIRECTIVE}
VALIDATOR = jsonschema.Draft202012Validator(DIRECTIVES)
EARLIEST = 1_500_000_000_000

MOST_BYTES = 256 * 1024
"""A log event of CloudWatch, as it was before 2025; none may be cut by any tool on the way."""


@cache
def check_directives(text: str) -> None:
    """Hold them to the schema: most records have the same."""
    VALIDATOR.validate(json.loads(text))


def check_record(record: dict[str, Any]) -> None:
    """Hold one record to the schema and to what the specification says beyond it."""
    timestamp, directives = record["_aws"]["Timestamp"], record["_aws"]["CloudWatchMetrics"]
    assert type(timestamp) is int and timestamp >= EARLIEST, timestamp
    check_directives(json.dumps(directives))
    assert len(json.dumps(record)) <= MOST_BYTES
    told: set[tuple[str, tuple[str, ...]]] = set()
    for directive in directives:
        for dimensions in directive["Dimensions"]:
            for name in dimensions:
                value = record[name]  # a reference to a member of the root
                assert isinstance(value, str) and value.strip(), (name, value)
                assert len(value) <= 1024 and value.isascii() and not value.startswith(":"), value
        for metric in directive["Metrics"]:
            values = record[metric["Name"]]
            values = values if isinstance(values, list) else [values]
            assert 1 <= len(values) <= 100, metric
            # The bound excludes infinities and NaN too (API reference, "MetricDatum").
            assert all(type(v) in (int, float) and abs(v) <= 2**360 for v in values), metric
            for dimensions in directive["Dimensions"]:
                key = (metric["Name"], tuple(dimensions))
                assert key not in told, f"{key} is counted twice"
                told.add(key)


def read_records(output: str) -> list[dict[str, Any]]:
    """The EMF records among the lines of an output, each checked."""
    lines = [line for line in output.splitlines() if line.startswith('{"_aws"')]
    records = [json.loads(line) for line in lines]
    for record in records:
        check_record(record)
    return records


def sum_metric(records: list[dict[str, Any]], name: str, **dimensions: str) -> float:
    """The sum that CloudWatch shows for a metric of exactly these dimensions."""
    total = 0.0
    for record in records:
        for directive in record["_aws"]["CloudWatchMetrics"]:
            is_there = any(metric["Name"] == name for metric in directive["Metrics"])
            for names in directive["Dimensions"]:
                if is_there and {each: record[each] for each in names} == dimensions:
                    value = record[name]
                    total += sum(value) if isinstance(value, list) else value
    return total
