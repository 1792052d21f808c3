"""The envelope: what is put in is what comes out, and what is none is refused."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lambda_serving.errors import (
    BodyTooLargeError,
    CallDepthError,
    InputError,
    MalformedBodyError,
    ResultError,
    ResultTooLargeError,
    ServingError,
)
from lambda_serving.messages.envelope import (
    find_envelope,
    make_answer,
    make_payload,
    open_answer,
    open_whole_answer,
    read_request,
)
from lambda_serving.messages.request import Request
from lambda_serving.messages.responses import Answer
from lambda_serving.settings.runtime import PAYLOAD_LIMIT, Runtime, read_runtime

CALLER = Request({}, "r-1", depth=2)
JSON, BYTES = "application/json", "application/octet-stream"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runtime:
    monkeypatch.setenv("SERVING_MAX_BODY_BYTES", "1000")
    monkeypatch.setenv("SERVING_CALL_DEPTH", "3")
    return read_runtime()


def send(payload: bytes, runtime: Runtime) -> Request:
    """The request that a callee makes of a payload."""
    return read_request(json.loads(payload), "own-id", time.monotonic() + 10, runtime)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"a": [1, "ä", None]}, {"a": [1, "ä", None]}),
        (None, {}),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (b"", b""),
        ({"row": np.array([1.5, np.nan])}, {"row": [1.5, None]}),
        ({"serving": {"protocol": 1}, "body": 3}, {"serving": {"protocol": 1}, "body": 3}),
    ],
)
@pytest.mark.parametrize("version", [None, "2"])
def test_requests_there_and_back(
    runtime: Runtime, data: Any, body: Any, version: str | None
) -> None:
    request = send(make_payload(CALLER, version, data), runtime)
    assert (request.body, request.version, request.depth) == (body, version, 3)
    assert not request.wants_whole_answer


@pytest.mark.parametrize("data", [[1], "text", 3, np.array([1])])
def test_only_objects_are_bodies(runtime: Runtime, data: Any) -> None:
    with pytest.raises(InputError, match="expected a JSON object"):
        send(make_payload(CALLER, None, data), runtime)


def test_what_json_cannot_hold() -> None:
    with pytest.raises(ResultError):
        make_payload(CALLER, None, {"a": object()})


def test_a_whole_answer_is_asked_for(runtime: Runtime) -> None:
    assert send(make_payload(CALLER, None, {}, "whole"), runtime).wants_whole_answer


def test_depth(runtime: Runtime) -> None:
    assert send(make_payload(CALLER, None, {}), runtime).depth == 3
    with pytest.raises(CallDepthError, match="4 endpoints called each other, the limit is 3"):
        send(make_payload(CALLER._replace(depth=3), None, {}), runtime)


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        ({"serving": {"protocol": 2}}, MalformedBodyError, "expected protocol 1, got 2"),
        ({"serving": {"protocol": 1, "depth": "x"}, "body": {}}, MalformedBodyError, "depth"),
        ({"serving": {"protocol": 1}}, InputError, "expected a JSON object, got null"),
        ({"serving": {"protocol": 1}, "body": []}, InputError, "got an array"),
        ({"serving": {"protocol": 1, "content_type": BYTES}}, MalformedBodyError, "base64"),
        (
            {"serving": {"protocol": 1, "content_type": BYTES}, "body": "!"},
            MalformedBodyError,
            "not base64",
        ),
        (
            {"serving": {"protocol": 1, "content_type": BYTES}, "body": "AAAA" * 400},
            BodyTooLargeError,
            "1200 bytes, the limit is 1000",
        ),
        ([1], InputError, "got an array"),
        ("text", InputError, "got a string"),
        (None, InputError, "got null"),
    ],
)
def test_refused(runtime: Runtime, event: Any, error: type[ServingError], message: str) -> None:
    with pytest.raises(error, match=message):
        read_request(event, "r", time.monotonic(), runtime)


@pytest.mark.parametrize("event", [{}, {"serving": 1}, {"serving": {}}, {"serving": None}, [], 1])
def test_no_envelope(event: Any) -> None:
    assert find_envelope(event) == {}


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ({"a": 1}, {"a": 1}),
        ([1, "ä"], [1, "ä"]),
        ("text", "text"),
        (3, 3),
        (None, None),
        (b"\x00\xff", b"\x00\xff"),
        (b"", b""),
        (np.float32(1.5), 1.5),
        (float("nan"), None),
    ],
)
def test_results_there_and_back(result: Any, answer: Any) -> None:
    assert open_answer(json.dumps(make_answer(result, whole=False, version="1")).encode()) == answer


def test_an_empty_answer_is_none() -> None:
    assert open_answer(b"") is None


@pytest.mark.parametrize(
    "payload",
    [
        b"<html>",
        b'{"a": ',
        b'{"serving": {"protocol": 1}}',
        b'{"serving": {"protocol": 1}, "body": 3}',
        b'{"serving": {"protocol": 1}, "body": "no base64!"}',
    ],
)
def test_unreadable_answers(payload: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        open_answer(payload)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, JSON, b'{ "a" : 1 }'),
        Answer(201, BYTES, b"\x00\xff", (("x-own", "1"), ("set-cookie", "a"), ("set-cookie", "b"))),
        Answer(422, JSON, '{"detail":"ä"}'.encode()),
        Answer(200, "text/plain; charset=latin-1", "ä".encode("latin-1")),
        Answer(204, BYTES, b""),
    ],
)
def test_whole_answers_there_and_back(answer: Answer) -> None:
    assert (
        open_whole_answer(json.dumps(make_answer(answer, whole=True, version="1")).encode())
        == answer
    )


@pytest.mark.parametrize("payload", [b"{}", b"[]", b"null", b"3", b'{"serving": {}, "body": ""}'])
def test_unreadable_whole_answers(payload: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        open_whole_answer(payload)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "result", ["x" * PAYLOAD_LIMIT, bytes(PAYLOAD_LIMIT * 3 // 4 + 9), '"' * (PAYLOAD_LIMIT // 2)]
)
def test_results_over_the_limit(result: Any, whole: bool) -> None:
    with pytest.raises(ResultTooLargeError, match=f"the limit is {PAYLOAD_LIMIT}"):
        make_answer(result, whole, "1")


def test_a_response_that_is_an_error() -> None:
    with pytest.raises(ServingError) as raised:
        make_answer(Answer(409, "text/plain", b"no", (("x-own", "1"),)), whole=False, version="1")
    error = raised.value
    assert (error.status, error.type, error.detail, error.headers) == (
        409,
        "ResponseError",
        "no",
        {"x-own": "1"},
    )


def test_a_callees_error_keeps_its_name() -> None:
    body = {"detail": "x0", "type": "ValueError", "stage": "preprocess", "request_id": "r"}
    with pytest.raises(ServingError) as raised:
        make_answer(Answer(422, JSON, json.dumps(body).encode()), whole=False, version="1")
    error = raised.value
    assert (error.status, error.type, error.stage, error.detail) == (
        422,
        "ValueError",
        "preprocess",
        "x0",
    )


def test_bytes_answer_is_the_documented_envelope() -> None:
    assert make_answer(b"ab", whole=False, version="1") == {
        "serving": {"protocol": 1, "content_type": BYTES},
        "body": base64.b64encode(b"ab").decode(),
    }


def test_integers_of_any_size_arrive_as_they_were_sent() -> None:
    """Over 64 bits too, on the way out of a callee and into its caller."""
    answer = make_answer({"big": 2**70}, whole=False, version="1")
    assert open_answer(json.dumps(answer).encode()) == {"big": 2**70}
