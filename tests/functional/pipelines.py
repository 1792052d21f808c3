"""Endpoints that call others, the API that they call, and what they leave in logs and metrics."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from tests.conftest import CONTEXT, Handler
from tests.emf import read_records
from tests.events import load_event
from tests.servers.lambda_process import LambdaProcess
from tests.servers.lambda_service import LambdaService

STACK = "shop"
OUTSIDE = CONTEXT.aws_request_id
"""Lambda's own id of a request that came in no envelope."""

SECONDS = 1.5
"""The pipeline's own remaining time."""

SYNC = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        answer = self.send_request(data["endpoint"], data.get("version"), data.get("data"))
        return {"answer": answer, "type": type(answer).__name__}
"""
ASYNC = SYNC.replace("def process", "async def process").replace("self.send", "await self.send")
CODES = {"custom": SYNC, "custom_async": ASYNC}

PipelineMaker = Callable[..., Handler]
CanaryMaker = Callable[..., Handler]
ProcessMaker = Callable[..., LambdaProcess]


def make_context(seconds: float = SECONDS) -> SimpleNamespace:
    """What Lambda hands to a function with that much time left."""
    left = int(seconds * 1000)
    return SimpleNamespace(
        **vars(CONTEXT) | {"get_remaining_time_in_millis": lambda: left},
    )


@contextmanager
def serve_lambda(**functions: Callable[[Any], Any]) -> Iterator[LambdaService]:
    """The API with functions of that stack; every request to it must have been right."""
    with LambdaService({f"{STACK}-{name}": code for name, code in functions.items()}) as service:
        yield service
        assert service.defects == []


def find_failed_calls(output: str) -> list[dict[str, Any]]:
    """The records of ``FailedCalls`` on standard output."""
    return find_counts(output, "FailedCalls", ["Endpoint", "Callee", "Cause"])


def find_counts(output: str, name: str, dimensions: list[str]) -> list[dict[str, Any]]:
    """The EMF records of the single metric ``name`` on standard output, each a count of 1."""
    records = [record for record in read_records(output) if name in record]
    for record in records:
        (directive,) = record["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "LambdaServing"
        assert directive["Dimensions"] == [dimensions]
        assert directive["Metrics"] == [{"Name": name, "Unit": "Count"}]
        assert record[name] == 1
    return records


class Told(NamedTuple):
    """What one failed call left."""

    line: str
    callee: str
    cause: str


def ask_in_vain(
    handler: Handler,
    event: Any,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    seconds: float = SECONDS,
) -> Told:
    """The answer is None in time, with one log line and one metric."""
    started = time.monotonic()
    answer = handler(event)
    assert time.monotonic() - started < seconds
    assert answer["answer"] is None
    lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(lines) == 1, lines
    (failed,) = find_failed_calls(capsys.readouterr().out)
    assert failed["Endpoint"] == "pipeline"
    return Told(lines[0], failed["Callee"], failed["Cause"])


def post(
    path: str = "/serve/canary", headers: dict[str, str] | None = None, **body: Any
) -> dict[str, Any]:
    """An HTTP event with that JSON body."""
    event: dict[str, Any] = load_event("http_post_json")
    event["requestContext"]["http"]["path"] = event["rawPath"] = path
    event["headers"] |= headers or {}
    return event | {"body": json.dumps(body)}


def answer_whole(payload: Any) -> dict[str, Any]:
    """What an endpoint answers to a caller that passes it on, or to one that asks its versions."""
    if payload["serving"].get("answer") == "metadata":
        return {"endpoint": "any", "versions": {"9": {}, "10": {}, "1": {}}}
    body = json.dumps({"version": payload["serving"].get("version")})
    envelope = {"protocol": 1, "status": 200, "content_type": "application/json", "headers": []}
    return {"serving": envelope, "body": body}
