"""Endpoints that call others, the API that they call, and what they leave in logs and metrics."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tests.conftest import CONTEXT, Handler
from tests.servers.lambda_service import LambdaService

STACK = "shop"
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
    """The EMF records on standard output, checked to be one metric ``FailedCalls`` each."""
    records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    for record in records:
        (directive,) = record["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "LambdaServing"
        assert directive["Dimensions"] == [["Endpoint", "Callee", "Cause"]]
        assert directive["Metrics"] == [{"Name": "FailedCalls", "Unit": "Count"}]
        assert record["FailedCalls"] == [1.0]
    return records
