"""Errors in the statistics: by class and version, sampled or not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Handler
from tests.emf import read_records, sum_metric
from tests.events import load_event
from tests.functional.meter import post


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
    assert record["Count"] == 1


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
    for _ in range(3):
        with pytest.raises(Exception, match="endpoint"):
            handler({})
    records = read_records(capsys.readouterr().out)
    for record in records:
        assert (record["Endpoint"], record["ErrorType"]) == ("meter", "SettingsError")
    assert [record.get("ColdStart") for record in records] == [1, None, None]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Größe", r"Gr\xf6\xdfe"),
        ("Line\nbreak", r"Line\nbreak"),
        (" : Colon", "Colon"),
        ("E" * 300, "E" * 250),
        (":", "-"),
    ],
)
def test_any_name_of_a_class_is_a_dimension(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    handler = start_meter()
    with pytest.raises(Exception, match="the log has the traceback"):
        handler({"raises": name})
    (record,) = read_records(capsys.readouterr().out)
    assert record["ErrorType"] == told and record["Errors"] == 1


def test_a_wrong_name_counts(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str]
) -> None:
    assert start_meter()(post("/serve/another"))["statusCode"] == 404
    (record,) = read_records(capsys.readouterr().out)
    assert (record["Version"], record["ErrorType"]) == ("-", "UnknownEndpointError")
    assert record["Count"] == record["Errors"] == 1


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_answer_that_is_too_long_is_its_versions(
    start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str], version: str
) -> None:
    """It is measured after the request's record is written."""
    handler = start_meter()
    handler(post())
    capsys.readouterr()
    answer = handler(post(f"/serve/meter/{version}", long=7 * 1024 * 1024))
    assert answer["statusCode"] == 500
    served, failed = read_records(capsys.readouterr().out)
    assert served["Count"] == 1 and "Errors" not in served
    assert (failed["Version"], failed["ErrorType"]) == (version, "ResultTooLargeError")
    assert failed["Faults"] == 1 and "Count" not in failed


STREAM = """
from starlette.responses import StreamingResponse

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        def read():
            yield b"a"
            if data.get("fails"):
                raise KeyError("midway")
            yield b"b"
        return StreamingResponse(read(), 201, {"x-own": "1"})
"""


def test_a_stream_that_fails_midway(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """It is an error of the user's code by both event sources: answered and counted as one."""
    handler = start_handler(make_folder('endpoint = "meter"\nengine = "custom"\n', STREAM))
    whole = handler(post())
    assert (whole["statusCode"], whole["headers"]["x-own"]) == (201, "1")
    assert whole["body"] == "ab"
    capsys.readouterr()
    answer = handler(post(fails=True))
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"], body["stage"]) == (500, "KeyError", "result")
    with pytest.raises(Exception, match="KeyError in result") as raised:
        handler({"fails": True})
    assert type(raised.value).__name__ == "KeyError"
    for record in read_records(capsys.readouterr().out):
        assert (record["Version"], record["ErrorType"]) == ("1", "KeyError")
        assert record["Faults"] == record["Count"] == 1
