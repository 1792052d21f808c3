"""Statistics through the real handler: what a request leaves on standard output."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambda_serving.telemetry.statistics import Sampler
from tests.conftest import CONTEXT, Handler
from tests.emf import read_records, sum_metric
from tests.events import load_event
from tests.functional.meter import OWN, Meter, list_metrics, post


def test_a_request_is_one_record(
    start_handler: Callable[..., Handler], make_folder: Callable[..., Path], models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Of a model: stages, load, its version and sha256; the second has no cold start."""
    handler = start_handler(make_folder())
    for _ in range(2):
        handler({"a": 1, "b": 2})
    first, second = read_records(capsys.readouterr().out)
    stages = ["PreprocessLatency", "ProcessLatency", "PostprocessLatency"]
    versioned = {(name, "Endpoint", "Version") for name in ["Count", "Latency", *stages]}
    shared = {("Count", "Endpoint"), ("Latency", "Endpoint")}
    assert list_metrics(second) == versioned | shared
    load = {("ColdStart", "Endpoint", "Version"), ("ModelLoad", "Endpoint", "Version")}
    assert list_metrics(first) == versioned | shared | load
    assert first["Endpoint"] == "adder" and first["Version"] == "1" and first["Count"] == 1
    assert first["engine"] == "onnx" and first["request_id"] == CONTEXT.aws_request_id
    import hashlib

    digest = hashlib.sha256((models / "adder.onnx").read_bytes()).hexdigest()
    assert first["model_sha256"] == second["model_sha256"] == digest
    assert first["ModelLoad"] > 0 and first["ColdStart"] == 1
    assert 0 < sum(second[stage] for stage in stages) <= second["Latency"]


def test_http_and_invoke_leave_the_same(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str]
) -> None:
    handler = start_meter()
    handler({})
    handler(post(x0=5))
    handler({"x0": 5})
    _, by_http, by_invoke = read_records(capsys.readouterr().out)
    assert list_metrics(by_http) == list_metrics(by_invoke)
    assert by_http.keys() == by_invoke.keys()
    assert by_http["request_id"] == "from-gateway"


def test_request_and_result_keys_are_picked_up(ask: Meter) -> None:
    (record,) = ask(x0=5.5, animal="dog", other="a body never goes into a record")
    assert record["x0"] == 5.5 and record["animal"] == "dog"
    assert ("x0", "Endpoint", "Version") in list_metrics(record)
    assert ("Count", "Endpoint", "Version", "animal") in list_metrics(record)
    assert "other" not in record
    assert sum_metric([record], "Count", **OWN, animal="dog") == 1


def test_a_custom_statistic_replaces_a_key_of_its_name(ask: Meter) -> None:
    (record,) = ask(x0=1, collect=[{"x0": 2}, {"x0": 3, "bytes": 10}, {"bytes": 5}])
    assert record["x0"] == [2, 3] and record["bytes"] == 15


def test_lists_are_split_and_none_is_lost(ask: Meter) -> None:
    first, second, third = ask(collect=["array"])
    assert [len(part["x0"]) for part in (first, second, third)] == [100, 100, 50]
    assert first["x0"] + second["x0"] + third["x0"] == [float(n) for n in range(250)]
    assert sum_metric([first, second, third], "Count", **OWN) == 1  # it stays one request
    assert second["request_id"] == first["request_id"]


def test_numpy_scalars(ask: Meter) -> None:
    (record,) = ask(collect=["scalar"])
    assert record["x0"] == 2.5 and record["temperature"] == 7


def test_classes_are_capped_to_the_declared_ones(ask: Meter) -> None:
    (record,) = ask(animal="zebra")
    assert record["animal"] == "other"
    records = ask(collect=["classes"])
    counts = {n: sum_metric(records, "Count", **OWN, animal=n) for n in ("cat", "dog", "other")}
    assert counts == {"cat": 2, "dog": 1, "other": 1}
    assert sum_metric(records, "Count", **OWN) == 1


def test_what_is_not_declared_is_a_property(ask: Meter) -> None:
    (record,) = ask(collect=["undeclared"])
    assert record["note"] == "hello" and record["numbers"] == [1.5, None]
    assert record["7"] == {"a": [1, 2]}
    assert not {"note", "numbers", "7"} & {name for name, *_ in list_metrics(record)}


def test_sampling(start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 requests at 0.25: weighted counts within 5 %, errors exact."""
    handler = start_meter(0.25)
    sampled = 0
    for number in range(1000):
        body = {"animal": ["cat", "dog"][number % 2], "bytes": 3}
        if number % 10 == 0:
            with pytest.raises(Exception, match="as asked"):
                handler(body | {"fails": "value"})
        else:
            sampled += handler(body)["sampled"]
    records = read_records(capsys.readouterr().out)
    assert sum_metric(records, "Count", **OWN) == pytest.approx(1000, rel=0.05)
    assert sum_metric(records, "Count", Endpoint="meter") == pytest.approx(1000, rel=0.05)
    assert sum_metric(records, "bytes", **OWN) == pytest.approx(3000, rel=0.05)
    assert sum_metric(records, "Errors", **OWN, ErrorType="ValueError") == 100
    assert sum_metric(records, "ColdStart", **OWN) == 1
    # What takes turns is seen in turns too; a sample of 125 errs by 9 % at one sigma.
    for animal in ("cat", "dog"):
        assert sum_metric(records, "Count", **OWN, animal=animal) == pytest.approx(500, rel=0.5)
    assert sampled * 4 == pytest.approx(900, rel=0.2)  # collect is None for the others


@pytest.mark.parametrize("frequency", [0.001, 0.25, 1 / 3, 0.5, 0.75, 0.99, 1])
def test_samples_are_even(frequency: float) -> None:
    sampler = Sampler(frequency)
    taken = [sampler.take() for _ in range(10_000)]
    assert abs(sum(taken) - 10_000 * frequency) <= 2


def test_frequency_zero_keeps_errors_alone(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str]
) -> None:
    handler = start_meter(0)
    assert handler({"x0": 1}) == {"animal": "cat", "sampled": False}
    with pytest.raises(Exception, match="KeyError"):
        handler({"fails": "key"})
    (record,) = read_records(capsys.readouterr().out)
    assert record["ErrorType"] == "KeyError" and "Count" not in record


def test_switched_off(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str]
) -> None:
    handler = start_meter(POWERTOOLS_METRICS_DISABLED="true")
    assert handler({"x0": 1})["sampled"] is False
    with pytest.raises(Exception, match="KeyError"):
        handler({"fails": "key"})
    assert capsys.readouterr().out == ""


def test_a_warm_up_takes_the_cold_start(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str]
) -> None:
    """As the log says it: the request after it waited for nothing."""
    handler = start_meter()
    for event in [load_event("schedule_warmup")] * 2 + [{}]:
        handler(event)
    warm_up, request = read_records(capsys.readouterr().out)
    assert warm_up["ColdStart"] == 1 and warm_up["ModelLoad"] > 0 and "Count" not in warm_up
    assert warm_up["Version"] == "1"
    assert request["Count"] == 1 and "ColdStart" not in request and "ModelLoad" not in request


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"arguments": []}, {}),
        (
            {"arguments": [], "named": {"note": 1, "self": 2, "values": 3}},
            {"note": 1, "self": 2, "values": 3},
        ),
        ({"arguments": [{"note": 1}], "named": {"other": 2}}, {"note": 1, "other": 2}),
        ({"arguments": [{"note": 1}], "named": {"note": 2}}, {"note": 2}),
        ({"arguments": [[["note", 1], ["other", 2]]]}, {"note": 1, "other": 2}),
        ({"arguments": [[]]}, {}),
        ({"arguments": [{"x0": 3}], "named": {"temperature": 20}}, {"x0": 3, "temperature": 20}),
    ],
)
def test_custom_statistics_are_given_as_to_dict_update(
    ask: Meter, caplog: pytest.LogCaptureFixture, body: Any, kept: dict[str, Any]
) -> None:
    (record,) = ask(**body)
    assert {name: record[name] for name in record.keys() & {"x0", "temperature", *kept}} == kept
    assert not caplog.records


@pytest.mark.parametrize("arguments", [[None], [5], ["note"], [[1]], [{"a": 1}, {"b": 2}]])
def test_what_dict_update_refuses_is_dropped_with_one_line(
    ask: Meter, caplog: pytest.LogCaptureFixture, arguments: list[Any]
) -> None:
    for _ in range(2):
        (record,) = ask(arguments=arguments, named={"note": 1})
        assert not record.keys() & {"note", "a", "b"}
    assert ["expected what dict.update takes" in each.getMessage() for each in caplog.records] == [
        True
    ]
