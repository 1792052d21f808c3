"""Traces of real execution environments, as the X-Ray daemon gets them."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from lambda_serving.telemetry.tracing import parse_header
from tests.functional.pipelines import ProcessMaker, post
from tests.servers.lambda_process import LambdaProcess
from tests.servers.lambda_service import LambdaService
from tests.servers.xray_daemon import XRayDaemon

Document = dict[str, Any]

STAGES = """
import os

class Preprocess:
    def load(self, local_file_name): pass

    def preprocess(self, body, state, collect_custom_statistics_fn):
        if body.get("fails"):
            raise ValueError("the key is ASIAQQQQQQQQQQQQQQQQ")
        return body

    {prefix}def process(self, data, state, collect_custom_statistics_fn):
        if data.get("dies"):
            try:
                data["none"]
            except KeyError as error:
                raise RuntimeError("no such key") from error
        return data

    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {{"header": os.environ["_X_AMZN_TRACE_ID"]}}
"""


@pytest.fixture
def daemon() -> Iterator[XRayDaemon]:
    with XRayDaemon() as daemon:
        yield daemon


def start_traced(
    start_process: ProcessMaker, daemon: XRayDaemon, *arguments: str, **environment: str
) -> LambdaProcess:
    own = {"SERVING_TRACING": "Active", "AWS_XRAY_DAEMON_ADDRESS": daemon.address}
    process = start_process(*arguments, **own | environment)
    process.api.is_sampled = True
    return process


@pytest.mark.parametrize("engine", ["custom", "custom_async"])
def test_stages(start_process: ProcessMaker, daemon: XRayDaemon, engine: str) -> None:
    """Each a child of Lambda's own segment; the load of the cold start is in the first trace."""
    code = STAGES.format(prefix="async " * (engine == "custom_async"))
    process = start_traced(start_process, daemon, "staged", code, f'engine = "{engine}"\n')
    for names in (
        ["load", "preprocess", "process", "postprocess"],
        ["preprocess", "process", "postprocess"],
    ):
        daemon.documents.clear()
        answer = process.invoke(post("/serve/staged")).json()
        place = parse_header(json.loads(answer["body"])["header"])
        documents = daemon.wait_for(len(names))
        assert [document["name"] for document in documents] == names
        assert {document["trace_id"] for document in documents} == {place["Root"]}
        assert {document["parent_id"] for document in documents} == {place["Parent"]}
        assert len({document["id"] for document in documents}) == len(names)
        for document in documents:
            assert document["annotations"] == {"endpoint": "staged", "version": "1"}
            assert not document.keys() & {"error", "fault", "cause"}


def test_errors(start_process: ProcessMaker, daemon: XRayDaemon) -> None:
    process = start_traced(start_process, daemon, "staged", STAGES.format(prefix=""))
    assert process.invoke({"fails": True}).error_type == "ValueError"
    *_, refused = daemon.wait_for(2)
    assert (refused["name"], refused["error"]) == ("preprocess", True)
    [exception] = refused["cause"]["exceptions"]
    assert (exception["type"], exception["message"]) == ("ValueError", "the key is …")
    assert exception["stack"][0]["label"] == "preprocess"
    assert exception["stack"][0]["path"].endswith("/preprocess.py")

    daemon.documents.clear()
    assert process.invoke({"dies": True}).error_type == "RuntimeError"
    _, died = daemon.wait_for(2)
    assert (died["name"], died["fault"]) == ("process", True)
    assert [each["type"] for each in died["cause"]["exceptions"]] == ["RuntimeError", "KeyError"]


def test_failed_load(start_process: ProcessMaker, daemon: XRayDaemon) -> None:
    """That of the cold start is in the trace of the next try."""
    code = STAGES.replace("): pass", "): raise OSError('no')").format(prefix="")
    process = start_traced(start_process, daemon, "staged", code)
    deadline = time.monotonic() + 10
    while not daemon.documents and time.monotonic() < deadline:
        assert process.invoke(post("/serve/staged")).json()["statusCode"] == 503
        time.sleep(0.2)
    first, second = daemon.wait_for(2)
    assert first["trace_id"] == second["trace_id"]
    for load in (first, second):
        assert (load["name"], load["fault"]) == ("load", True)
        types = [exception["type"] for exception in load["cause"]["exceptions"]]
        assert types == ["ModelLoadError", "OSError"]


SYNC = """
import os

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        answers = [self.send_request(name, data={}) for name in data["callees"]]
        return {"header": os.environ["_X_AMZN_TRACE_ID"], "answers": answers}
"""
GATHER = """
import asyncio, os

class Preprocess:
    async def process(self, data, state, collect_custom_statistics_fn):
        asked = [self.send_request(name, data={}) for name in data["callees"]]
        answers = await asyncio.gather(*asked)
        return {"header": os.environ["_X_AMZN_TRACE_ID"], "answers": answers}
"""
THREADS = """
import os
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(4)

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        answers = list(pool.map(lambda name: self.send_request(name, data={}), data["callees"]))
        return {"header": os.environ["_X_AMZN_TRACE_ID"], "answers": answers}
"""
CALLEES = ["echo", "echo", "gone", "echo"]


@pytest.mark.parametrize(
    ("engine", "code", "is_child_of_process"),
    [
        ("custom", SYNC, True),
        ("custom_async", GATHER, True),
        ("custom", THREADS, False),
    ],
    ids=["sync", "gather", "threads"],
)
def test_calls(
    start_process: ProcessMaker,
    service: LambdaService,
    daemon: XRayDaemon,
    engine: str,
    code: str,
    is_child_of_process: bool,
) -> None:
    """A callee continues the trace below the call; a thread of the user's own has no stage."""
    toml = f'engine = "{engine}"\ncalls = ["echo"]\n'
    process = start_traced(start_process, daemon, "calls", code, toml, **service.environment)
    for count in (6, 5):  # a second time with threads that know the first trace
        daemon.documents.clear()
        service.invokes.clear()
        result = process.invoke({"callees": CALLEES}).json()
        assert [answer is None for answer in result["answers"]] == [False, False, True, False]
        place = parse_header(result["header"])
        documents = daemon.wait_for(count)
        calls = [document for document in documents if document["name"] == "send_request"]
        (stage,) = [document for document in documents if document["name"] == "process"]
        assert Counter(call["annotations"]["callee"] for call in calls) == Counter(CALLEES)
        assert {call["namespace"] for call in calls} == {"remote"}
        parent = stage["id"] if is_child_of_process else place["Parent"]
        assert {call["parent_id"] for call in calls} == {parent}
        assert {call["trace_id"] for call in calls} == {place["Root"]}
        (failed,) = [call for call in calls if call.get("fault")]
        assert failed["annotations"]["callee"] == "gone"
        assert failed["cause"]["exceptions"][0]["type"] == "CallError"
        headers = [parse_header(invoke.trace) for invoke in service.invokes]
        assert {header["Parent"] for header in headers} == {call["id"] for call in calls}
        assert all(place | {"Parent": header["Parent"]} == header for header in headers)


@pytest.mark.parametrize("tracing", ["Active", "Disabled"])
def test_without_a_sample_nothing_is_sent(
    start_process: ProcessMaker, service: LambdaService, daemon: XRayDaemon, tracing: str
) -> None:
    """But the trace header travels, as it is."""
    environment = service.environment | {"SERVING_TRACING": tracing}
    toml = 'engine = "custom"\ncalls = ["echo"]\n'
    process = start_traced(start_process, daemon, "calls", SYNC, toml, **environment)
    process.api.is_sampled = tracing == "Disabled"
    result = process.invoke({"callees": ["echo"]}).json()
    assert daemon.wait_for(0) == []
    assert [invoke.trace for invoke in service.invokes] == [result["header"]]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_no_daemon_fails_nothing(start_process: ProcessMaker, address: str) -> None:
    environment = {"SERVING_TRACING": "Active", "AWS_XRAY_DAEMON_ADDRESS": address}
    process = start_process("staged", STAGES.format(prefix=""), **environment)
    process.api.is_sampled = True
    for _ in range(3):
        assert "header" in process.invoke({}).json()
    told = [line for line in process.read_records() if "tracing failed" in line.get("message", "")]
    assert len(told) == (address != "127.0.0.1:1")
