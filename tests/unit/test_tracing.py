"""Subsegments: which is whose child, and where they go; test_traces.py has whole functions."""

import asyncio
import json
import socket
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from lambda_serving.settings.runtime import read_runtime
from lambda_serving.telemetry import tracing
from lambda_serving.telemetry.tracing import Tracer, make_header, parse_header

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"
HEADER = f"Root={ROOT};Parent={PARENT};Sampled=1;Lineage=25:a87bd80c:1"


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.setblocking(False)
        yield daemon


@pytest.fixture
def tracer(daemon: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracer]:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", HEADER)
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{daemon.getsockname()[1]}")
    tracer = Tracer(read_runtime(), endpoint="e")
    yield tracer
    tracer._socket.close()


def receive(daemon: socket.socket) -> dict[str, dict[str, Any]]:
    """Name -> document, of all that came."""
    documents = {}
    while True:
        try:
            document = json.loads(daemon.recv(2**16).partition(b"\n")[2])
        except BlockingIOError:
            return documents
        documents[document["name"]] = document


def run_in_new_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """``asyncio.run`` would take from this thread the loop that other tests' environments use."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


def test_header() -> None:
    assert parse_header(HEADER)["Root"] == ROOT
    for none in ("", "Root=1-2", "garbage", ";;="):
        assert parse_header(none) == {}


def test_nested(tracer: Tracer, daemon: socket.socket) -> None:
    def outer() -> str:
        inner()
        return make_header()

    inner = tracer.trace("inner", lambda: None, version="2")
    header = tracer.trace("outer", outer)()
    found = receive(daemon)
    assert found["outer"]["parent_id"] == PARENT
    assert found["inner"]["parent_id"] == found["outer"]["id"]
    assert found["inner"]["annotations"] == {"endpoint": "e", "version": "2"}
    assert header == HEADER.replace(PARENT, found["outer"]["id"])
    assert make_header() == HEADER


def test_side_by_side(tracer: Tracer, daemon: socket.socket) -> None:
    """Children of one gather are siblings, each with children of its own."""

    async def child(number: int) -> None:
        await asyncio.sleep(0.01 * (3 - number))
        tracer.trace(f"leaf {number}", lambda: None)()
        await asyncio.sleep(0.01 * number)

    async def parent() -> None:
        await asyncio.gather(*(tracer.trace(f"child {n}", child)(n) for n in range(3)))

    async def serve() -> None:
        # Made in one task and awaited in another one, as where an event loop is lent.
        await asyncio.create_task(tracer.trace("parent", parent)())

    run_in_new_loop(serve())
    found = receive(daemon)
    assert len(found) == 7
    assert found["parent"]["parent_id"] == PARENT
    for number in range(3):
        assert found[f"child {number}"]["parent_id"] == found["parent"]["id"]
        assert found[f"leaf {number}"]["parent_id"] == found[f"child {number}"]["id"]
    assert tracing._current.get() is None


def test_asynchronous_errors(tracer: Tracer, daemon: socket.socket) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError("x" * 5000)

    with pytest.raises(ZeroDivisionError):
        run_in_new_loop(tracer.trace("fails", fail)())
    document = receive(daemon)["fails"]
    assert document["fault"] is True
    assert len(document["cause"]["exceptions"][0]["message"]) == tracing.MOST_CHARACTERS


def test_deep_stacks_fit_a_document(tracer: Tracer, daemon: socket.socket) -> None:
    def dig(depth: int) -> None:
        if depth == 0:
            raise RecursionError
        dig(depth - 1)

    with pytest.raises(RecursionError):
        tracer.trace("digs", dig)(500)
    exception = receive(daemon)["digs"]["cause"]["exceptions"][0]
    assert len(exception["stack"]) == tracing.MOST_FRAMES


def test_load_waits_for_a_trace(
    tracer: Tracer, daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is in it; what is no load belongs to no later trace."""
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    call = tracer.trace("send_request", make_header)
    assert tracer.trace("load", call)() == ""
    tracer.trace("process", lambda: None)()
    assert receive(daemon) == {}
    monkeypatch.setenv("_X_AMZN_TRACE_ID", HEADER)
    tracer.trace("preprocess", lambda: None)()
    found = receive(daemon)
    assert list(found) == ["send_request", "load", "preprocess"]
    assert {document["trace_id"] for document in found.values()} == {ROOT}
    assert found["load"]["parent_id"] == PARENT
    assert found["send_request"]["parent_id"] == found["load"]["id"]


def test_old_loads_belong_to_no_trace(
    tracer: Tracer, daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot's, or those of an environment that was provisioned long ago."""
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    tracer.trace("load", lambda: None)()
    monkeypatch.setattr(tracing, "LONGEST_WAIT", 0)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", HEADER)
    tracer.trace("process", lambda: None)()
    assert list(receive(daemon)) == ["process"]


def test_an_earlier_invocation_is_no_parent(
    tracer: Tracer, daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = HEADER.replace(PARENT, "0" * 16)

    def go_on() -> None:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", later)
        tracer.trace("late", lambda: None)()
        assert make_header() == later

    tracer.trace("earlier", go_on)()
    assert receive(daemon)["late"]["parent_id"] == "0" * 16


def test_failures_are_told_once(tracer: Tracer, caplog: pytest.LogCaptureFixture) -> None:
    tracer._daemon = "nonsense"
    for number in range(3):
        assert tracer.trace("process", lambda value: value)(number) == number
    assert [record.getMessage() for record in caplog.records] == [
        "tracing failed; the requests do not"
    ]
