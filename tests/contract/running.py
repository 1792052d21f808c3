"""One run of a shape: the real handler on its folder, asked through one event source."""

import base64
import gzip
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.contract.engines import BODY, EngineCase
from tests.events import load_event
from tests.servers import forked

EVENT_SOURCES = ("http", "invoke")
JSON, BYTES = "application/json", "application/octet-stream"
PROCESS = """
import json, os, signal, sys
from types import SimpleNamespace
from lambda_serving.handler import lambda_handler
context = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 9000)
for event in json.load(sys.stdin):
    answer = lambda_handler(event, context)
    assert answer.get("statusCode", 200) == 200, answer
os.kill(os.getpid(), signal.SIGTERM)
"""
Handler = Callable[[Any], Any]


class Outcome(NamedTuple):
    """An answer, the same for all event sources; ``headers`` only where there are some."""

    status: int
    value: Any
    headers: Mapping[str, str] | None = None
    type: str = ""


def make_http_event(
    raw: bytes, version: str | None, content_type: str, encoding: str
) -> dict[str, Any]:
    """A POST as API Gateway sends it; everything but plain JSON travels as base64."""
    event: dict[str, Any] = load_event("http_post_json")
    path = "/serve/shape" + (f"/{version}" if version else "")
    event["requestContext"]["http"]["path"] = event["rawPath"] = path
    event["headers"] |= {"content-type": content_type, "content-length": str(len(raw))}
    if encoding:
        event["headers"]["content-encoding"] = encoding
    is_text = content_type == JSON and not encoding
    body = raw.decode() if is_text else base64.b64encode(raw).decode()
    return event | {"body": body, "isBase64Encoded": not is_text}


def read_http_answer(answer: dict[str, Any]) -> Outcome:
    body = answer["body"]
    raw = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
    is_json = answer["headers"]["content-type"] == JSON
    value = json.loads(raw) if is_json else raw
    is_error = answer["statusCode"] >= 400 and isinstance(value, dict)
    type_name = value.get("type", "") if is_error else ""
    return Outcome(answer["statusCode"], value, answer["headers"], type_name)


def make_payload(raw: bytes, version: str | None, content_type: str, encoding: str) -> Any:
    """A direct invoke's payload: the body, or the envelope where more must travel."""
    if content_type == JSON:
        body = json.loads(gzip.decompress(raw) if encoding else raw)
        if version is None:
            return body
        return {"serving": {"protocol": 1, "version": version}, "body": body}
    envelope = {"protocol": 1, "version": version, "content_type": content_type}
    if encoding:
        envelope["content_encoding"] = encoding
    return {"serving": envelope, "body": base64.b64encode(raw).decode()}


def call_directly(handler: Handler, payload: Any) -> Outcome:
    try:
        answer = handler(payload)
    except Exception as error:  # noqa: BLE001  (what the handler raises is the answer)
        body = json.loads(str(error))
        assert type(error).__name__ == body["type"]
        status = body.pop("status")
        body.pop("headers", None)
        return Outcome(status, body, type=body["type"])
    json.dumps(answer)  # Lambda's encoder must be able to send it
    if isinstance(answer, dict) and "protocol" in (answer.get("serving") or ()):
        return Outcome(200, base64.b64decode(answer["body"]))
    return Outcome(200, answer)


def approximate(value: Any) -> Any:
    """``value`` with each float equal to what differs from it by rounding only."""
    if isinstance(value, dict):
        return {key: approximate(item) for key, item in value.items()}
    if isinstance(value, list):
        return [approximate(item) for item in value]
    return pytest.approx(value, rel=1e-5) if isinstance(value, float) else value


@cache
def ask_library(ask: Callable[[Path], Any], model: Path) -> Any:
    """What the library of an engine itself answers; the same each time."""
    return ask(model)


class Run:
    """What a shape's check works with."""

    def __init__(
        self,
        engine: EngineCase,
        source: str,
        folder: Path,
        models: Path,
        start: Callable[..., Handler],
        caplog: pytest.LogCaptureFixture,
        pass_seconds: Callable[[float], None],
    ) -> None:
        self.engine = engine
        self.source = source
        self.folder = folder
        self.models = models
        self.caplog = caplog
        self.pass_seconds = pass_seconds
        self.raw_output = ask_library(engine.ask, models / engine.model)
        self.y = float(self.raw_output.ravel()[0])
        self.handler = start(folder, SERVING_MODEL_BUCKET=f"file://{models}")

    @property
    def environment(self) -> Any:
        return sys.modules["lambda_serving.handler"].environment

    @property
    def notes(self) -> list[str]:
        """What the user's code wrote to ``notes.txt`` beside itself."""
        file = self.folder / "notes.txt"
        return file.read_text().split() if file.exists() else []

    def make_event(
        self,
        body: Any = BODY,
        version: str | None = None,
        content_type: str = JSON,
        encoding: str = "",
    ) -> Any:
        """An event of this run's event source; ``body`` is bytes or a JSON value."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if encoding == "gzip":
            raw = gzip.compress(raw)
        make = make_http_event if self.source == "http" else make_payload
        return make(raw, version, content_type, encoding)

    def ask(self, *args: Any, **options: Any) -> Outcome:
        """One request, as ``make_event``."""
        event = self.make_event(*args, **options)
        if self.source == "http":
            return read_http_answer(self.handler(event))
        return call_directly(self.handler, event)

    def serve_in_process(
        self, *versions: str | None, origin: forked.Origin = forked.ENGINES
    ) -> None:
        """A cold start in a process of its own, a request to each of the versions, by the event
        sources in turn, then the signal that Lambda sends.

        ``notes`` are those of this process alone, which is forked from ``origin``.
        """
        raw, makers = json.dumps(BODY).encode(), cycle((make_http_event, make_payload))
        events = [
            make(raw, version, JSON, "") for make, version in zip(makers, versions, strict=False)
        ]
        (self.folder / "notes.txt").unlink(missing_ok=True)
        done = forked.run(
            [sys.executable, "-c", PROCESS],
            origin=origin,
            input=json.dumps(events),
            env={
                **os.environ,
                "LAMBDA_TASK_ROOT": str(self.folder),
                "SERVING_MODEL_BUCKET": f"file://{self.models}",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == -signal.SIGTERM, done.stderr

    def expect(self, value: Any, *args: Any, **options: Any) -> None:
        """One request must be answered with ``value``; floats may differ by rounding."""
        outcome = self.ask(*args, **options)
        assert outcome.status == 200, outcome
        assert outcome.value == approximate(value), outcome

    def expect_error(self, status: int, type_name: str, stage: str = "") -> Any:
        """One request must fail so; gives the error's detail."""
        outcome = self.ask()
        assert (outcome.status, outcome.type) == (status, type_name), outcome
        assert set(outcome.value) == {"detail", "type", "stage", "request_id"}
        assert outcome.value["stage"] == (stage or outcome.value["stage"])
        text = json.dumps(outcome.value)
        assert "Traceback" not in text and str(self.folder) not in text
        return outcome.value["detail"]
