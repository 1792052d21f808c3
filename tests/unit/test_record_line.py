"""The dev server's lines of statistics, made of the runtime's own records."""

import json

from lambda_serving_cli.dev_server.record_line import describe_record
from tests.unit.stats_log import Log, serve


def list_lines(log: Log) -> list[str]:
    return [describe_record(json.loads(event.message)) for event in log.events]


def test_a_request() -> None:
    log = Log()
    statistics = log.open()
    statistics.record_load("1", 41.4)
    serve(statistics, {"x": 1.5, "y": "b", "sold": 3})
    [line] = list_lines(log)
    assert line == f"e/1: {line[5:8]} ms (process 1.0), model load 41 ms, x=1.5, sold=3, y=b"


def test_many_values() -> None:
    log = Log()
    serve(log.open(), {"x": list(range(250)), "y": ["a", "a", "b", "c"]})
    first, *further = list_lines(log)
    assert first.endswith("x=[0, 1, 2, 3, 4, ... 100 values], y=b")
    assert further == [
        "e/1: x=[100, 101, 102, 103, 104, ... 100 values]",
        "e/1: x=[200, 201, 202, 203, 204, ... 50 values]",
        "e/1: y=a x2",
        "e/1: y=other x1",
    ]


def test_a_sampled_request() -> None:
    log = Log()
    statistics = log.open(frequency=0.25)
    for _ in range(4):
        serve(statistics, {"sold": 1})
    [line] = [line for line in list_lines(log) if " ms (" in line]
    assert line.endswith("for 4 requests, sold=4")


def test_undeclared_statistics_are_cut_where_they_are_long() -> None:
    log = Log()
    with log.open().begin_request("r") as record:
        record.version = "1"
        assert record.collect is not None
        record.collect({"note": "n" * 100})
    [line] = list_lines(log)
    assert line.endswith('note="' + "n" * 56 + "...")


def test_a_metric_of_its_own() -> None:
    log = Log()
    log.open().count("FailedCalls", {"Callee": "f", "Cause": "Timeout"})
    assert list_lines(log) == ["e: FailedCalls 1 (callee f, cause Timeout)"]
