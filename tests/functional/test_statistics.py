"""Statistics through the real handler: what a request leaves on standard output."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambda_serving import environment
from lambda_serving import record as record_module
from lambda_serving.metric_types import METRIC_TYPES, MetricType
from lambda_serving.statistics import Sampler
from tests.conftest import CONTEXT, Handler
from tests.emf import read_records, sum_metric
from tests.events import load_event

TOML = """
endpoint = "meter"
engine = "custom"
[metrics]
log_frequency = {frequency}
[metrics.variables.x0]
type = "scalar"
buckets = [0, 1, 10]
[metrics.variables.animal]
type = "enum"
values = ["cat", "dog"]
[metrics.variables.temperature]
type = "value"
[metrics.variables.bytes]
type = "counter"
[version.2]
"""
CODE = """
import numpy as np

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        if data.get("fails"):
            raise {"value": ValueError, "key": KeyError}[data["fails"]]("as asked")
        state["sampled"] = collect_custom_statistics_fn is not None
        for values in data.get("collect", []):
            if collect_custom_statistics_fn:
                collect_custom_statistics_fn(VALUES[values] if isinstance(values, str) else values)
        return {"animal": data.get("animal", "cat"), "sampled": state["sampled"]}

class Evil:
    def tolist(self):
        raise RuntimeError("no list")
    def __str__(self):
        raise RuntimeError("no text")

VALUES = {
    "array": {"x0": np.arange(250, dtype=np.float32)},
    "scalar": {"x0": np.float64(2.5), "temperature": np.int64(7)},
    "huge": {"x0": np.zeros(10**7)},
    "nan": {"x0": float("nan")},
    "evil": {"x0": Evil(), "animal": Evil(), "note": Evil()},
    "classes": {"animal": np.array(["cat", "dog", "cat", "newt"])},
    "no_dict": ["x0", 1],
    "reserved": {"Latency": 1, "_aws": {}, "request_id": "mine"},
    "text": {"x0": "5.1", "temperature": None, "bytes": True},
    "undeclared": {"note": "hello", "numbers": np.array([1.5, float("inf")]), 7: {"a": (1, 2)}},
    "long": {"note": "x" * 100_000, "kept": "y"},
    "many": {f"note{number}": number for number in range(500)},
}
"""
Meter = Callable[..., list[dict[str, Any]]]
OWN = {"Endpoint": "meter", "Version": "1"}


@pytest.fixture
def start_meter(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> Callable[..., Handler]:
    def start(frequency: float = 1.0, **env: str) -> Handler:
        return start_handler(make_folder(TOML.format(frequency=frequency), CODE), **env)

    return start


@pytest.fixture
def ask(start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str]) -> Meter:
    """The records of one request after the first, by direct invoke."""
    handler = start_meter()
    handler({})
    capsys.readouterr()

    def ask(**body: Any) -> list[dict[str, Any]]:
        answer = handler(body)
        assert answer == {"animal": body.get("animal", "cat"), "sampled": True}
        return read_records(capsys.readouterr().out)

    return ask


def list_metrics(record: dict[str, Any]) -> set[tuple[str, ...]]:
    """(metric, dimension, ...) of everything that the record counts."""
    return {
        (metric["Name"], *dimensions)
        for directive in record["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def post(path: str = "/serve/meter", **body: Any) -> dict[str, Any]:
    event = load_event("http_post_json") | {"body": json.dumps(body), "rawPath": path}
    event["requestContext"] = event["requestContext"] | {"requestId": "from-gateway"}
    event["requestContext"]["http"] = event["requestContext"]["http"] | {"path": path}
    return event


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
    assert record["x0"] == [2, 3] and record["bytes"] == [10, 5]


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


@pytest.mark.parametrize(
    ("value", "told", "lines"),
    [
        ("text", "expected finite numbers, got a value of type str", 3),
        ("nan", "expected finite numbers, got nan", 1),
        ("huge", "expected at most 1000 values, got 10000000", 1),
        ("evil", "no list", 3),
        ("reserved", "the record itself has that name", 3),
        ("long", "at most 8192 are kept", 1),
        ("no_dict", "expected a dict, got list", 1),
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


@pytest.mark.parametrize("by", ["invoke", "http"])
def test_errors_are_counted_by_class(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str], by: str
) -> None:
    handler = start_meter()

    def fail(version: str | None = None, **body: Any) -> None:
        if by == "http":
            path = "/serve/meter" if version is None else f"/serve/meter/{version}"
            assert handler(post(path, **body))["statusCode"] >= 400
            return
        serving = {"protocol": 1, "version": version}
        with pytest.raises(Exception, match="detail"):
            handler({"serving": serving, "body": body} if version else body)

    fail(fails="value")
    fail(fails="value")
    fail(fails="key")
    fail("2", fails="key")
    fail("9")
    records = read_records(capsys.readouterr().out)
    count = {
        (version, name): sum_metric(
            records, "Errors", Endpoint="meter", Version=version, ErrorType=name
        )
        for version, name in [("1", "ValueError"), ("1", "KeyError"), ("2", "KeyError")]
    }
    assert count == {("1", "ValueError"): 2, ("1", "KeyError"): 1, ("2", "KeyError"): 1}
    unknown = {"Endpoint": "meter", "Version": "-", "ErrorType": "UnknownVersionError"}
    assert sum_metric(records, "Errors", **unknown) == 1
    assert sum_metric(records, "Errors", Endpoint="meter") == 5
    assert sum_metric(records, "Faults", Endpoint="meter") == 2  # a ValueError is the caller's
    assert sum_metric(records, "Count", Endpoint="meter") == 5
    assert sum_metric(records, "ModelLoad", Endpoint="meter", Version="2") > 0


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("http_not_json", "MalformedBodyError"),
        ("http_bad_base64", "MalformedBodyError"),
        ("http_not_object", "InputError"),
        ("http_unsupported_encoding", "UnsupportedEncodingError"),
    ],
)
def test_errors_before_the_pipeline_count(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str], event: str, name: str
) -> None:
    handler = start_meter()
    made = load_event(event)
    made["rawPath"] = made["requestContext"]["http"]["path"] = "/serve/meter"
    assert handler(made)["statusCode"] >= 400
    (record,) = read_records(capsys.readouterr().out)
    assert record["ErrorType"] == name and record["Errors"] == 1 and "Faults" not in record


def test_a_load_that_fails_is_counted(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    handler = start_handler(make_folder('endpoint = "meter"\nengine = "onnx"\nmodel = "none.onnx"'))
    handler(post())
    (record,) = read_records(capsys.readouterr().out)
    assert (record["ErrorType"], record["Version"]) == ("ModelFetchError", "1")
    assert record["Faults"] == record["ColdStart"] == 1


def test_settings_that_fail_are_counted(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """By the function's name: the endpoint's own is not known."""
    env = {"AWS_LAMBDA_FUNCTION_NAME": "shop-meter", "SERVING_STACK": "shop"}
    handler = start_handler(make_folder("engine = 7"), **env)
    with pytest.raises(Exception, match="endpoint"):
        handler({})
    (record,) = read_records(capsys.readouterr().out)
    assert (record["Endpoint"], record["ErrorType"]) == ("meter", "SettingsError")


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


def fail(*arguments: Any, **options: Any) -> Any:
    raise RuntimeError("injected")


FAILURES: dict[str, tuple[Any, str, Any]] = {
    "sample": (Sampler, "take", fail),
    "read": (
        record_module,
        "METRIC_TYPES",
        {name: MetricType(each.keys, each.unit, fail) for name, each in METRIC_TYPES.items()},
    ),
    "list": (record_module.Record, "_list_properties", fail),
    "property": (record_module, "encode_json", fail),
    "make": (record_module.emf, "make_records", fail),
    "print": (environment, "write_line", fail),
}


@pytest.mark.parametrize("where", FAILURES)
def test_a_failure_leaves_every_response_unchanged(
    start_meter: Callable[..., Handler], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, where: str,
) -> None:  # fmt: skip
    def answer() -> list[Any]:
        handler = start_meter()
        answers: list[Any] = [handler({"x0": 1, "collect": [{"note": 1}]})["animal"]]
        answers += [handler(post(x0=1))["statusCode"] for _ in range(3)]
        answers += [handler(post(fails="key"))]
        with pytest.raises(Exception, match="KeyError") as raised:
            handler({"fails": "key"})
        return [*answers, type(raised.value).__name__, str(raised.value)]

    expected = answer()
    caplog.clear()
    owner, name, broken = FAILURES[where]
    monkeypatch.setattr(owner, name, broken, raising=False)
    assert answer() == expected
    told = [line for line in caplog.records if "statistic" in line.getMessage()]
    assert 1 <= len(told) <= 2  # x0 and animal
