"""Statistics of values that do not fit, or are too many: bounded, told, and none loses the rest."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import CONTEXT, Handler
from tests.emf import read_records, sum_metric
from tests.functional.meter import CODE, OWN, TOML, Meter


@pytest.mark.parametrize(
    ("value", "told", "lines"),
    [
        ("text", "expected finite numbers, got a value of type str", 3),
        ("nan", "expected finite numbers of at most 2^360, got nan", 1),
        ("huge", "expected at most 1000 values, got 10000000", 1),
        ("evil", "no list", 3),
        ("reserved", "the record itself has that name", 1),
        ("long", "at most 8192 bytes of JSON are kept", 1),
        ("no_dict", "expected what dict.update takes, got list", 1),
    ],
)
def test_bad_values_are_dropped_with_one_line(
    ask: Meter, caplog: pytest.LogCaptureFixture, value: str, told: str, lines: int
) -> None:
    """A line for each name, however many requests bring it."""
    for _ in range(3):
        (record,) = ask(collect=[value, {"temperature": 20}])
        assert record["temperature"] == 20 and "x0" not in record
        assert record["request_id"] == CONTEXT.aws_request_id
    assert told in caplog.text
    assert len(caplog.records) == lines


def test_properties_are_bounded(ask: Meter, caplog: pytest.LogCaptureFixture) -> None:
    (record,) = ask(collect=["many"])
    assert len(record) < 120
    assert "expected at most 100 names" in caplog.text


@pytest.mark.parametrize("variable", ["x0", "animal", "bytes"])
def test_nested_lists_are_not_walked(
    ask: Meter, caplog: pytest.LogCaptureFixture, variable: str
) -> None:
    """A body may hold a million lists, full or empty; what is looked at stays near what is kept."""
    for nested in ("lists", "empty"):
        (record,) = ask(collect=[f"{nested} {variable}", "looks"])
        assert 500 <= record["looks"][0] <= 3000
        assert record["animal"] == "cat" and not {"x0", "bytes"} & record.keys()
    assert "expected at most" in caplog.text


def test_shapes_are_no_matter(ask: Meter) -> None:
    """1,000 values in rows of one, as models give them; 1,000 are kept, in ten records."""
    records = ask(collect=["column"])
    assert [value for record in records for value in record["x0"]] == [
        float(n) for n in range(1000)
    ]


def test_many_calls_are_one_variable(ask: Meter, caplog: pytest.LogCaptureFixture) -> None:
    """The bound is a request's. A sum and counts by class have no need of one."""
    calls = [{"x0": number, "bytes": 2, "animal": "dog"} for number in range(5000)]
    records = ask(collect=calls)
    assert sum_metric(records, "x0", **OWN) == sum(range(1000))
    assert sum_metric(records, "bytes", **OWN) == 10_000
    assert sum_metric(records, "Count", **OWN, animal="dog") == 5000
    assert len(records) == 11
    assert "'x0' (scalar) is dropped: expected at most 1000 values, got 1001" in caplog.text


@pytest.mark.parametrize(
    "values",
    [{"bytes": [1e108, 1e108, 1e108]}, {"x0": 1e300}, {"x0": [1.0, -1e300]}, {"x0": 10**400}],
)
def test_numbers_are_cloudwatchs(ask: Meter, values: dict[str, Any]) -> None:
    (record,) = ask(collect=[values])
    assert not values.keys() & record.keys()


def test_sums_are_cloudwatchs(ask: Meter) -> None:
    (record,) = ask(collect=[{"bytes": 2e108}, {"bytes": 2e108}])
    assert record["bytes"] == 2e108


def test_properties_are_bounded_together(ask: Meter) -> None:
    """By what they take in the log; a record that is split repeats none."""
    first, second, third = ask(collect=[{f"n{i}": "y" * 8000 for i in range(60)}, "array"])
    assert 50_000 < len(json.dumps(first)) < 70_000
    assert first["n0"] == "y" * 8000 and len(json.dumps(second)) < 5_000
    assert second["request_id"] == third["request_id"] == first["request_id"]


def test_many_names_are_one_line(ask: Meter, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        ask(collect=["many"])
    assert len(caplog.records) == 1


@pytest.mark.parametrize("name", ["\ud800", "x" * 251, "Count"])
def test_a_bad_name_costs_nothing_else(ask: Meter, name: str) -> None:
    (record,) = ask(collect=[{name: 1, "note": 2}])
    assert record["note"] == 2 and record["Count"] == 1


def test_an_id_that_is_no_text_costs_nothing_else(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    context = SimpleNamespace(**vars(CONTEXT) | {"aws_request_id": "\ud800"})
    handler = start_handler(make_folder(TOML.format(frequency=1), CODE), context)
    handler({"x0": 3, "collect": [{"note": 1}]})
    (record,) = read_records(capsys.readouterr().out)
    assert record["Count"] == 1 and record["x0"] == 3 and record["animal"] == "cat"
    assert "note" not in record and "request_id" not in record


@pytest.mark.parametrize("given", ["\ud800", "z" * 129, "a\nb", 7, "ü"])
def test_request_ids_of_callers_are_checked(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str], given: object
) -> None:
    handler = start_meter()
    for request_id in (given, "z" * 128):
        handler({"serving": {"protocol": 1, "request_id": request_id}, "body": {}})
    first, second = read_records(capsys.readouterr().out)
    assert first["request_id"] == CONTEXT.aws_request_id
    assert second["request_id"] == "z" * 128


def test_values_are_read_when_they_are_given(ask: Meter) -> None:
    (record,) = ask(collect=["reused"])
    assert record["x0"] == [1, 2] and record["note"] == [1, 2]


def test_integral_floats_are_their_class(ask: Meter) -> None:
    (record,) = ask(collect=["seven"])
    assert record["animal"] == "7"
