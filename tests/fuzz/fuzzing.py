"""Puts events to handlers, and holds each answer to the table of errors."""

import json
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, seed, settings

from lambda_serving.events import http, schedule
from tests.conftest import Handler
from tests.fuzz.events import ANY_EVENT
from tests.leaks import find_leaks

NAME = "iris_onnx"
"""An endpoint of this name, since the event files have it in their paths."""
TRAFFIC = """
[version.2]
[traffic]
weights = { "1" = 0.5, "2" = 0.5 }
sticky = "body:sepal_length"
"""
REFUSALS = {
    "MalformedEventError", "MalformedBodyError", "InputError", "UnknownVersionError",
    "UnknownEndpointError", "UnknownPathError", "MethodNotAllowedError", "UnsupportedEncodingError",
    "BodyTooLargeError", "ValueError", "XGBoostError",
}  # fmt: skip
CALLERS = {("CallDepthError", 508), ("ResultError", 500), ("OSError", 500)}
"""Errors of 500 and more that an event asks for: endpoints that call each other without end, user
code that gives back text that is no Unicode, user code that raises."""
BATCH = 2000
"""Hypothesis remembers each input of a run: a run is no longer than this."""


class Fuzz:
    """Handlers by the names of their engines, and what came of the events that they got.

    Hypothesis takes ten times as long to make an event as a handler to answer it: each goes to all.
    """

    def __init__(self, handlers: Mapping[str, Handler], folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._handlers = handlers
        self._folder = folder

    def run(self, events: int, start: int = 0) -> None:
        """Put ``events`` to each handler; the seed is ``start``, then one more each batch.

        Raises:
            AssertionError: an answer that must not be; Hypothesis shows the smallest event.
        """

        def check(event: Any) -> None:
            for engine, handler in self._handlers.items():
                note(engine)
                self._check(handler, event)

        for number, done in enumerate(range(0, events, BATCH)):
            configured = settings(
                max_examples=min(BATCH, events - done),
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what NumPy says of an overflow
                seed(start + number)(configured(given(ANY_EVENT)(check)))()

    def _check(self, handler: Handler, event: Any) -> None:
        if http.infer(event):
            self._check_http(handler(event), event)
        elif schedule.infer(event):
            handler(event)
            self.counts["schedule"] += 1
        else:
            self._check_invoke(handler, event)

    def _check_http(self, answer: dict[str, Any], event: dict[str, Any]) -> None:
        text = json.dumps(answer, ensure_ascii=False)
        text.encode()
        status, context = answer["statusCode"], event["requestContext"]
        if "elb" in context:
            shape = {"multiValueHeaders" if "multiValueHeaders" in event else "headers"}
        else:
            shape = {"headers"} if "http" in context else {"headers", "multiValueHeaders"}
        assert {"headers", "multiValueHeaders"} & answer.keys() == shape
        for value in answer.get("headers", {}).values():
            assert isinstance(value, str) and value.isprintable()
        if status >= 400:
            self._check_error(json.loads(answer["body"]), status)
        self._count("HTTP", status, text)

    def _check_invoke(self, handler: Handler, event: Any) -> None:
        try:
            text = json.dumps(handler(event))
            status = 200
        except Exception as error:  # noqa: BLE001  (any: it must be one of the table)
            text = str(error)
            body = json.loads(text)
            status = body.pop("status")
            body.pop("headers", None)
            self._check_error(body, status)
            assert body["type"] == type(error).__name__
            assert error.__cause__ is None
        self._count("invoke", status, text)

    def _check_error(self, body: dict[str, Any], status: int) -> None:
        assert set(body) == {"detail", "type", "stage", "request_id"}
        if status >= 500:
            assert (body["type"], status) in CALLERS, body
        else:
            assert body["type"] in REFUSALS, body
        assert len(str(body["detail"])) < 20_000

    def _count(self, source: str, status: int, text: str) -> None:
        assert find_leaks(text, self._folder) == []
        self.counts[f"{source} {status}"] += 1
