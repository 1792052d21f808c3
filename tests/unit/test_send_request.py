"""Calls over a transport of the test's own: names, limits, and which request a call belongs to."""

import asyncio
import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lambda_serving.calls.send_request import (
    ANSWER_MARGIN,
    LONGEST_SECONDS,
    CallError,
    Calls,
    describe_function_error,
    split_name,
)
from lambda_serving.messages.request import Request, enter_request


class Recorder:
    """A transport that answers with what it got, and notes how much time it was given."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.threads: set[int] = set()

    def invoke(self, endpoint: str, payload: bytes, seconds: float) -> bytes:
        self.seconds.append(seconds)
        self.threads.add(threading.get_ident())
        envelope = json.loads(payload)["serving"]
        answer = {"endpoint": endpoint, "id": envelope["request_id"], "depth": envelope["depth"]}
        return json.dumps(answer).encode()


Failed = list[tuple[str, str]]


@pytest.fixture
def transport() -> Recorder:
    return Recorder()


@pytest.fixture
def failed() -> Failed:
    """Callee and cause of each call that failed."""
    return []


@pytest.fixture
def calls(transport: Recorder, failed: Failed) -> Calls:
    return Calls(transport.invoke, 3, lambda callee, cause: failed.append((callee, cause)))


def enter(request_id: str = "r", depth: int = 0, seconds: float = 10) -> None:
    enter_request(Request({}, request_id, depth=depth, deadline=time.monotonic() + seconds))


@pytest.mark.parametrize(
    ("endpoint", "version", "expected"),
    [
        ("iris", None, ("iris", None)),
        ("iris/2", None, ("iris", "2")),
        ("iris/2", "3", ("iris", "3")),
        ("iris/2", "", ("iris", "2")),
        ("iris/2", False, ("iris", "2")),
        ("iris/2", 0, ("iris", "0")),
        ("iris", 3, ("iris", "3")),
        ("iris/", None, ("iris", None)),
        ("I-r_1", None, ("I-r_1", None)),
        ("iris/v1.0", None, ("iris", "v1.0")),
    ],
)
def test_names(endpoint: str, version: Any, expected: tuple[str, str | None]) -> None:
    assert split_name(endpoint, version) == expected


@pytest.mark.parametrize("endpoint", ["", "a b", "ä", "x" * 49, "a:b", "../a", "http://a", "a\n"])
def test_names_that_are_none(endpoint: str) -> None:
    with pytest.raises(CallError) as raised:
        split_name(endpoint, None)
    assert raised.value.cause == "NoSuchEndpoint"


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"errorType": "KeyError", "errorMessage": "'x'"}, "KeyError: 'x'"),
        ({"errorMessage": "Task timed out"}, "unknown: Task timed out"),
        ({"errorType": "X", "errorMessage": None}, "X: None"),
        ({"errorType": "X", "errorMessage": "[1]"}, "X: [1]"),
        ({"errorType": "X", "errorMessage": '{"type": "T"}'}, 'X: {"type": "T"}'),
        ({"errorType": "T", "errorMessage": '{"type": "T", "detail": "d"}'}, "T: d"),
        ([], "unreadable"),
        (None, "unreadable"),
    ],
)
def test_function_errors(payload: Any, text: str) -> None:
    assert describe_function_error(json.dumps(payload).encode()) == text


def test_function_error_that_is_no_json() -> None:
    assert describe_function_error(b"<html>") == "unreadable"


def test_a_call_leaves_the_caller_a_margin(calls: Calls, transport: Recorder) -> None:
    enter(seconds=2)
    assert calls.send_request("a") == {"endpoint": "a", "id": "r", "depth": 1}
    (seconds,) = transport.seconds
    assert 1 < seconds <= 2 - ANSWER_MARGIN


def test_without_a_deadline_there_is_one_all_the_same(calls: Calls, transport: Recorder) -> None:
    enter_request(Request({}, "r", deadline=math.inf))
    calls.send_request("a")
    assert transport.seconds == [LONGEST_SECONDS]


@pytest.mark.parametrize("seconds", [ANSWER_MARGIN, 0, -5])
def test_no_call_without_time(
    calls: Calls, transport: Recorder, failed: Failed, seconds: float
) -> None:
    enter(seconds=seconds)
    assert calls.send_request("a") is None
    assert (failed, transport.seconds) == ([("a", "Timeout")], [])


@pytest.mark.parametrize(("depth", "allowed"), [(2, True), (3, False), (4, False)])
def test_depth(calls: Calls, failed: Failed, depth: int, allowed: bool) -> None:
    enter(depth=depth)
    assert (calls.send_request("a") is not None) == allowed
    assert failed == ([] if allowed else [("a", "DepthLimit")])


def test_no_invented_names_in_metrics(calls: Calls, failed: Failed) -> None:
    enter()
    for name in ("no name", "", None):
        assert calls.send_request(name) is None or name is None  # type: ignore[arg-type]
    assert failed == [("-", "NoSuchEndpoint")] * 2


def test_gather_keeps_each_tasks_request(calls: Calls, transport: Recorder) -> None:
    """Tasks of two requests on one loop: each call carries its own request's id."""

    async def serve(request_id: str, depth: int) -> list[Any]:
        enter(request_id, depth)
        await asyncio.sleep(0)
        return await asyncio.gather(*(calls.send_request_async("a") for _ in range(4)))

    async def both() -> tuple[list[Any], list[Any]]:
        return await asyncio.gather(serve("one", 0), serve("two", 1))

    one, two = asyncio.run(both())
    assert {(answer["id"], answer["depth"]) for answer in one} == {("one", 1)}
    assert {(answer["id"], answer["depth"]) for answer in two} == {("two", 2)}
    assert threading.get_ident() not in transport.threads


def test_threads_of_the_user_belong_to_the_request(calls: Calls) -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(3):
            enter(f"r{number}", number % 2)
            answers = list(pool.map(calls.send_request, ["a"] * 4))
            assert {(a["id"], a["depth"]) for a in answers} == {(f"r{number}", number % 2 + 1)}


def test_a_pool_of_ones_own(transport: Recorder, failed: Failed) -> None:
    """The dev server's: calls run where it says."""
    with ThreadPoolExecutor(1) as pool:
        own = pool.submit(threading.get_ident).result()
        calls = Calls(transport.invoke, 3, lambda callee, cause: None, pool)
        enter()
        asyncio.run(calls.send_request_async("a"))
    assert transport.threads == {own}
