"""What a soak asks an endpoint of any engine, good and bad, and what it must answer."""

import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tests.conftest import Handler
from tests.contract.engines import BODY
from tests.contract.running import (
    BYTES,
    JSON,
    call_directly,
    make_http_event,
    make_payload,
    read_http_answer,
)


class Ask(NamedTuple):
    """One request; ``type`` of the error and its stage, for what is refused."""

    raw: bytes
    status: int = 200
    type: str = ""
    stage: str = ""
    version: str | None = None
    content_type: str = JSON
    encoding: str = ""


GOOD = json.dumps(BODY).encode()
ASKS = (
    Ask(GOOD),
    Ask(GOOD, version="2"),
    Ask(gzip.compress(GOOD), encoding="gzip"),
    Ask(b'{"a": "x", "b": 2}', 422, "ValueError", "preprocess"),
    Ask(b'{"a": "raise", "b": 2}', 500, "OSError", "preprocess"),
    Ask(b"[1]", 422, "InputError", "request"),
    Ask(GOOD, 404, "UnknownVersionError", "request", version="9"),
    Ask(b"no gzip", 400, "MalformedBodyError", "request", content_type=BYTES, encoding="gzip"),
    Ask(b"x" * 1_000_001, 413, "BodyTooLargeError", "request", content_type=BYTES),
    Ask(b"x", 415, "UnsupportedEncodingError", "request", content_type=BYTES, encoding="br"),
)


CANARY_ASKS = tuple(ask for ask in ASKS if ask.version is None)
"""A canary knows no versions of its own."""


class Round:
    """All requests to one endpoint, by HTTP and by direct invoke."""

    def __init__(self, handler: Handler, expected: Any, asks: Sequence[Ask] = ASKS) -> None:
        """``expected`` are the numbers of the answer to BODY."""
        self._handler = handler
        self._asks = asks
        self._expected = np.ravel(expected)
        self._events = list(self._make_events())
        self._answers: dict[int, Any] = {}

    def _make_events(self) -> Iterator[tuple[Ask, bool, Any]]:
        for ask in self._asks:
            arguments = ask.raw, ask.version, ask.content_type, ask.encoding
            yield ask, True, make_http_event(*arguments)
            yield ask, False, make_payload(*arguments)

    def __len__(self) -> int:
        return len(self._events)

    def run(self) -> None:
        """Ask everything once.

        Raises:
            AssertionError: an answer is none of those that it may be, or another than before.
        """
        for number, (ask, is_http, event) in enumerate(self._events):
            if is_http:
                outcome = read_http_answer(self._handler(event))
            else:
                outcome = call_directly(self._handler, event)
            assert (outcome.status, outcome.type) == (ask.status, ask.type), (ask, outcome)
            if ask.type:
                assert outcome.value.keys() == {"detail", "type", "stage", "request_id"}, outcome
                assert outcome.value["stage"] == ask.stage, outcome
                assert "secret" not in json.dumps(outcome.value), outcome
            else:
                assert np.allclose(np.ravel(outcome.value), self._expected), outcome
            told = self._answers.setdefault(number, outcome.value)
            assert outcome.value == told, (ask, outcome, told)
