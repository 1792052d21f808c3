"""``send_request`` through the real handler: what goes out, and what comes back."""

import base64
import logging
import time
from functools import partial
from typing import Any

import pytest

from tests.functional.pipelines import (
    CODES,
    OUTSIDE,
    STACK,
    PipelineMaker,
    find_failed_calls,
)
from tests.servers.lambda_faults import throttled
from tests.servers.lambda_service import LambdaService

ECHO = f"{STACK}-echo"

BYTES = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        answer = self.send_request("echo", data=bytes(data["bytes"]))
        return {"answer": list(answer), "type": type(answer).__name__}
"""
NUMPY = """
import numpy as np

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        row = np.array([[1.5, np.nan]], dtype=np.float32)
        return {"answer": self.send_request("echo", data={"row": row, "count": np.int64(3)})}
"""
GATHER = """
import asyncio

class Preprocess:
    async def process(self, data, state, collect_custom_statistics_fn):
        calls = (self.send_request(name, data={}) for name in data["endpoints"])
        return {"answers": await asyncio.gather(*calls)}
"""
AT_LOAD = """
class Preprocess:
    def load(self, local_file_name):
        self.known = self.send_request("echo", data={"at": "load"})

    def process(self, data, state, collect_custom_statistics_fn):
        return {"known": self.known}
"""
both_engines = pytest.mark.parametrize("engine", list(CODES))


@both_engines
def test_what_goes_out(start_pipeline: PipelineMaker, service: LambdaService, engine: str) -> None:
    answer = start_pipeline(engine)({"endpoint": "echo", "data": {"a": [1, "ä"], "b": None}})
    assert answer["answer"]["body"] == {"a": [1, "ä"], "b": None}
    (sent,) = service.invokes
    assert (sent.function, sent.qualifier) == (ECHO, "live")
    assert sent.envelope == {"protocol": 1, "request_id": OUTSIDE, "depth": 1}


@both_engines
@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ({"endpoint": "echo"}, None),
        ({"endpoint": "/echo/"}, None),
        ({"endpoint": "echo/2"}, "2"),
        ({"endpoint": "/echo/2/"}, "2"),
        ({"endpoint": "echo", "version": "2"}, "2"),
        ({"endpoint": "echo", "version": 2}, "2"),
        ({"endpoint": "echo/1", "version": "2"}, "2"),
    ],
)
def test_names_and_versions(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    engine: str,
    asked: dict[str, Any],
    version: str | None,
) -> None:
    assert start_pipeline(engine)(asked)["type"] == "dict"
    (sent,) = service.invokes
    assert (sent.function, sent.envelope.get("version")) == (ECHO, version)
    assert sent.body == {}  # what no data becomes


def test_without_an_alias(start_pipeline: PipelineMaker, service: LambdaService) -> None:
    start_pipeline(SERVING_ALIAS="")({"endpoint": "echo"})
    assert service.invokes[0].qualifier == ""


@both_engines
@pytest.mark.parametrize(
    "value", [{"a": 1}, {}, [1, 2], "text", 7, 1.5, True, None, {"serving": {"a": 1}, "body": 3}]
)
def test_any_json_answer(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    capsys: pytest.CaptureFixture[str],
    engine: str,
    value: Any,
) -> None:
    service.functions[ECHO] = lambda payload: value
    assert start_pipeline(engine)({"endpoint": "echo"})["answer"] == value
    assert find_failed_calls(capsys.readouterr().out) == []


def test_bytes_there_and_back(start_pipeline: PipelineMaker, service: LambdaService) -> None:
    def reverse(payload: Any) -> Any:
        assert payload["serving"]["content_type"] == "application/octet-stream"
        body = base64.b64decode(payload["body"])[::-1]
        kind = {"protocol": 1, "content_type": "application/octet-stream"}
        return {"serving": kind, "body": base64.b64encode(body).decode()}

    service.functions[ECHO] = reverse
    answer = start_pipeline(code=BYTES)({"bytes": [0, 255, 10]})
    assert answer == {"answer": [10, 255, 0], "type": "bytes"}


def test_numpy_data(start_pipeline: PipelineMaker, service: LambdaService) -> None:
    start_pipeline(code=NUMPY)({})
    assert service.invokes[0].body == {"row": [[1.5, None]], "count": 3}


@both_engines
def test_throttling_passes(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    engine: str,
) -> None:
    service.faults[ECHO] = throttled(times=3)
    answer = start_pipeline(engine, seconds=10)({"endpoint": "echo", "data": {"a": 1}})
    assert answer["answer"]["body"] == {"a": 1}
    assert (len(service.invokes), service.runs[ECHO]) == (4, 1)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert find_failed_calls(capsys.readouterr().out) == []


def test_gather_overlaps(start_pipeline: PipelineMaker, service: LambdaService) -> None:
    """Four callees of 300 ms each are asked at once."""
    names = ["a", "b", "c", "d"]
    for name in names:
        service.functions[f"{STACK}-{name}"] = partial(sleep_and_say, name)
    handler = start_pipeline("custom_async", GATHER, seconds=20)
    assert handler({"endpoints": names}) == {"answers": names}
    assert service.most_at_once == 4


def sleep_and_say(name: str, payload: Any) -> str:
    time.sleep(0.3)
    return name


@both_engines
def test_connections_are_reused(
    start_pipeline: PipelineMaker, service: LambdaService, engine: str
) -> None:
    handler = start_pipeline(engine, seconds=20)
    for _ in range(5):
        handler({"endpoint": "echo"})
    assert len({call.port for call in service.invokes}) == 1


def test_connection_that_idled_too_long(
    start_pipeline: PipelineMaker, service: LambdaService
) -> None:
    """The API closes connections that idle, as between two requests of a frozen environment."""
    handler = start_pipeline(seconds=20)
    handler({"endpoint": "echo"})
    service.cut_connections()
    time.sleep(0.2)
    assert handler({"endpoint": "echo"})["type"] == "dict"
    assert len({call.port for call in service.invokes}) == 2


@both_engines
def test_call_at_cold_start(
    start_pipeline: PipelineMaker, service: LambdaService, engine: str
) -> None:
    """No request is there yet, so no deadline either; ``send_request`` is set before ``load``."""
    code = AT_LOAD
    if engine == "custom_async":
        code = code.replace("    def ", "    async def ").replace("self.send", "await self.send")
    answer = start_pipeline(engine, code)({})
    assert answer["known"]["body"] == {"at": "load"}
