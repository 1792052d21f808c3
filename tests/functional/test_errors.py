"""Every row of the error table (contract, section 3), through the real handler with the
event files that `sam local invoke` takes too."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import Handler
from tests.events import load_event

FLOWER = 'endpoint = "iris_onnx"\nengine = "custom"\n'
"""An endpoint of that name, so that the event files fit, with any user code."""

PASS_ON = "class Preprocess:\n    pass\n"


def write_stage(stage: str, line: str) -> str:
    return (
        "class HTTPException(Exception):\n"
        "    def __init__(self, status_code, detail):\n"
        "        self.status_code, self.detail = status_code, detail\n"
        "        self.headers = {'X-Reason': 'teapot'}\n"
        "class Preprocess:\n"
        f"    def {stage}(self, data, state, collect_custom_statistics_fn=None):\n"
        f"        {line}\n"
    )


FAILED = [
    # stage, line of user code, status, type, detail
    ("preprocess", "raise ValueError('x0 is missing')", 422, "ValueError", "x0 is missing"),
    ("process", "raise ValueError('x0 is huge')", 422, "ValueError", "x0 is huge"),
    ("postprocess", "raise ValueError('no y')", 500, "ValueError", None),
    ("process", "open('/var/task/secret')", 500, "FileNotFoundError", None),
    ("postprocess", "return data['absent']", 500, "KeyError", None),
    ("preprocess", "raise SystemExit(1)", 500, "SystemExit", None),
    ("process", "import asyncio; raise asyncio.CancelledError", 500, "CancelledError", None),
    ("process", "raise HTTPException(418, {'tea': 1})", 418, "HTTPException", {"tea": 1}),
]


def read_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """The body of an HTTP error, which has the contract's four keys."""
    body: dict[str, Any] = json.loads(answer["body"])
    assert set(body) == {"detail", "type", "stage", "request_id"}
    return body


@pytest.fixture
def start_flower(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> Callable[..., Handler]:
    def start(code: str = PASS_ON, toml: str = FLOWER, **env: Any) -> Handler:
        return start_handler(make_folder(toml, code), **env)

    return start


@pytest.mark.parametrize(("stage", "line", "status", "type_name", "detail"), FAILED)
def test_user_failure(
    start_flower: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
    stage: str,
    line: str,
    status: int,
    type_name: str,
    detail: Any,
) -> None:
    """By HTTP an answer, by direct invoke the same raised; the traceback in the log alone."""
    handler = start_flower(write_stage(stage, line))
    answer = handler(load_event("http_post_json"))
    body = read_answer(answer)
    assert (answer["statusCode"], body["type"], body["stage"]) == (status, type_name, stage)
    if detail is not None:
        assert body["detail"] == detail
    assert "/" not in json.dumps(body["detail"])
    assert f"{type_name} {status} in {stage}: " in caplog.text
    assert "Traceback" in caplog.text
    with pytest.raises(Exception) as raised:
        handler(load_event("http_post_json") and {"sepal_length": 5.1})
    assert type(raised.value).__name__ == type_name
    message = json.loads(str(raised.value))
    del message["request_id"], body["request_id"]
    message.pop("headers", None)
    assert message == body | {"status": status}
    assert raised.value.__cause__ is None


CANCELLED = (
    "import asyncio\n"
    "class Preprocess:\n"
    "    async def process(self, data, state, collect_custom_statistics_fn=None):\n"
    "        task = asyncio.create_task(asyncio.sleep(9))\n"
    "        task.cancel()\n"
    "        await task\n"
)


def test_cancelled_task(start_flower: Callable[..., Handler]) -> None:
    """The error that awaiting it raises is user code's, and no Exception."""
    handler = start_flower(CANCELLED)
    answer = handler(load_event("http_post_json"))
    assert (answer["statusCode"], read_answer(answer)["type"]) == (500, "CancelledError")
    with pytest.raises(Exception, match="CancelledError in process"):
        handler({"a": 1})


def test_user_headers_pass(start_flower: Callable[..., Handler]) -> None:
    handler = start_flower(write_stage("process", "raise HTTPException(418, 'x')"))
    assert handler(load_event("http_post_json"))["headers"]["x-reason"] == "teapot"


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("Retry-After", 30, "30"),
        ("x-why", "a\r\nset-cookie: b", "a set-cookie: b"),
        ("x-why", "\u00e9 \u4e2d \u6587", "\u00e9"),
        ("x why\n", "a", None),
        (7, 7, "7"),
    ],
)
def test_user_headers_that_are_none(
    start_flower: Callable[..., Handler], name: Any, value: Any, sent: str | None
) -> None:
    """Numbers go as text; what HTTP cannot carry takes nothing else with it."""
    line = f"error = HTTPException(429, 'x'); error.headers = {{{name!r}: {value!r}}}; raise error"
    handler = start_flower(write_stage("process", line))
    answer = handler(load_event("http_post_json"))
    assert (answer["statusCode"], read_answer(answer)["detail"]) == (429, "x")
    assert answer["headers"].get(str(name).lower()) == sent
    assert set(answer["headers"]) <= {
        "content-type",
        "content-length",
        "x-request-id",
        "x-serving-version",
        str(name).lower(),
    }
    with pytest.raises(Exception, match="HTTPException") as raised:
        handler({"a": 1})
    assert json.loads(str(raised.value)).get("headers", {}).get(str(name)) == sent


@pytest.mark.parametrize("length", [6 * 1024 * 1024, 3_300_000])
def test_result_over_the_limit(start_flower: Callable[..., Handler], length: int) -> None:
    """Names size and limit; quotes are counted as Lambda escapes them by HTTP."""
    handler = start_flower(write_stage("process", f"return {{'text': '\"' * {length}}}"))
    body = read_answer(handler(load_event("http_post_json")))
    assert body["type"] == "ResultTooLargeError"
    assert str(6 * 1024 * 1024) in body["detail"]
    with pytest.raises(Exception, match="the limit is 6291456") as raised:
        handler({"a": 1})
    assert type(raised.value).__name__ == "ResultTooLargeError"


def test_binary_result_over_the_limit(start_flower: Callable[..., Handler]) -> None:
    """4.8 MB of bytes pass 6 MB once they are base64."""
    handler = start_flower(write_stage("process", "return bytes(4_800_000)"))
    assert handler(load_event("http_post_json"))["statusCode"] == 500
    with pytest.raises(Exception, match="ResultTooLargeError"):
        handler({"a": 1})


def test_list_over_the_limit(start_flower: Callable[..., Handler]) -> None:
    """2.9 million zeros are 5.8 MB, and 8.7 MB as Lambda writes them: `0, 0, 0`."""
    handler = start_flower(write_stage("process", "return {'y': [0] * data['length']}"))
    with pytest.raises(Exception, match="the result has 8700007 bytes, the limit is 6291456"):
        handler({"length": 2_900_000})
    assert handler({"length": 2_000_000}) == {"y": [0] * 2_000_000}


@pytest.mark.parametrize("value", ["{1, 2} and object()", "{'a': object()}", "{'b': 1j}"])
def test_result_is_no_json(start_flower: Callable[..., Handler], value: str) -> None:
    body = read_answer(
        start_flower(write_stage("process", f"return {value}"))(load_event("http_post_json"))
    )
    assert (body["type"], body["stage"]) == ("ResultError", "result")
    assert "got " in body["detail"]


def test_defect_of_ours_is_named_internal(
    start_flower: Callable[..., Handler], caplog: pytest.LogCaptureFixture
) -> None:
    handler = start_flower(context=SimpleNamespace(aws_request_id="no more than that"))
    with pytest.raises(Exception, match="InternalError"):
        handler({"a": 1})
    assert "Traceback" in caplog.text


def test_refusals_log_no_traceback(
    start_flower: Callable[..., Handler], caplog: pytest.LogCaptureFixture
) -> None:
    start_flower()(load_event("http_not_json"))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "Traceback" not in caplog.text
