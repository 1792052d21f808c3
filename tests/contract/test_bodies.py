"""What user code gets of a body: as ClearML's own application reads it, from every event source."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import Handler
from tests.contract import clearml_answers
from tests.contract.clearml_answers import FAILS
from tests.events import load_event
from tests.servers.dev_server import DevServer, write_endpoint

SOURCES = ("http", "rest", "alb", "url")
JSON = "application/json"
CODE = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        return ascii(data)
"""


class Body(NamedTuple):
    raw: bytes
    content_type: str | None = JSON
    got: Any = None
    """What user code gets where ClearML's application differs; an int is a status."""
    reason: str = ""


OBJECT = b'{"a": [1, 2.5, "\\u00fc", null]}'
ONLY_OBJECTS = "only objects are bodies"
TEXT = "no JSON: bytes, where it fails"
SAME = (
    *(
        Body(OBJECT, content_type)
        for content_type in (
            JSON, "Application/JSON ; charset=utf-8", "application/vnd.api+json", None,
            "text/plain", "text/json", "image/svg+json", "application/json/x", "json",
            "application/octet-stream", "application/x-www-form-urlencoded",
        )
    ),
    *(
        Body(raw, content_type)
        for content_type in (JSON, None)
        for raw in (
            b'{"a": NaN, "b": [Infinity, -Infinity]}',
            b'{"a": 1e400, "b": -1e400, "c": 1e-400, "d": -0, "e": -0.0}',
            b"\xef\xbb\xbf" + OBJECT,
            *(OBJECT.decode().encode(code) for code in ("utf-16", "utf-16-le", "utf-32-be")),
            b'{"a": "\\ud800", "\\udfff": 1}',
            b'{"a": "\xed\xa0\x80"}',
            b'{"a": 1, "b": 2, "a": 3}',
            b'{"a": 18446744073709551615, "b": -9223372036854775808}',
            b'{"a": 18446744073709551616, "b": -9223372036854775809}',
            b'{"a":[18446744073709551616]}',
            b'{"a": 1234567890123456789012345678901234567890}',
            b'{"a": 1.12345678901234567890123, "b": 12345678901234567890123.5}',
            b'{"a": 12345678901234567890123e-3, "b": 1e-00000000000000000000001}',
            b'{"a": "18446744073709551616", "b": 1700000000000000000}',
            b'{"a": ' + b"1" * 400 + b"}",
            b'{"a": ' + b"[" * 1100 + b"]" * 1100 + b"}",
        )
    ),
)  # fmt: skip
OTHER = (
    *(Body(raw, JSON, 422, ONLY_OBJECTS) for raw in (b"[1]", b"NaN", b"18446744073709551616")),
    *(Body(raw, JSON, 400, "as there, by another status") for raw in (b"{", b"\xff", b"{'a': 1}")),
    Body(b'{"a": ' + b"1" * 5000 + b"}", JSON, 400, "as there, by another status"),
    Body(b"[" * 100_000, JSON, 400, "as there, by another status"),
    *(Body(raw, None, raw, TEXT) for raw in (b"plain", b"\x00\xff", b"[1, 2]", b"{", b"1")),
)


def name(body: Body) -> str:
    return f"{body.content_type}-{body.raw[:40]!r}"


def make_event(source: str, body: Body) -> Any:
    event = load_event(f"{source}_post_json")
    event |= {"body": base64.b64encode(body.raw).decode(), "isBase64Encoded": True}
    for kind in event.keys() & {"headers", "multiValueHeaders"}:
        headers = {k: v for k, v in event[kind].items() if k.lower() != "content-type"}
        if body.content_type is not None:
            value = body.content_type
            headers["Content-Type"] = value if kind == "headers" else [value]
        event[kind] = headers
    return event


@pytest.fixture
def handler(make_folder: Callable[..., Path], start_handler: Callable[..., Handler]) -> Handler:
    return start_handler(make_folder('endpoint = "iris_onnx"\nengine = "custom"\n', CODE))


def expect(body: Body, status: int, text: str) -> None:
    if isinstance(body.got, int):
        assert status == body.got, (name(body), text)
        return
    got = ascii(body.got) if body.reason else clearml_answers.read_body(body.raw, body.content_type)
    assert (status, json.loads(text)) == (200, got), name(body)


@pytest.mark.parametrize("source", SOURCES)
def test_body(handler: Handler, source: str) -> None:
    for body in SAME + OTHER:
        answer = handler(make_event(source, body))
        expect(body, answer["statusCode"], answer["body"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    folder = tmp_path_factory.mktemp("bodies")
    write_endpoint(folder / "functions", "e", 'engine = "custom"', CODE)
    with DevServer(folder / "functions", folder, folder / "log", is_quick=True) as server:
        yield server


def test_body_of_the_dev_server(server: DevServer) -> None:
    for body in SAME + OTHER:
        headers = {} if body.content_type is None else {"content-type": body.content_type}
        answer = server.http.post("/serve/e", content=body.raw, headers=headers)
        expect(body, answer.status_code, answer.text)


@pytest.mark.parametrize("body", SAME, ids=name)
def test_body_is_one_there(body: Body) -> None:
    assert clearml_answers.read_body(body.raw, body.content_type) != FAILS


@pytest.mark.parametrize("body", OTHER, ids=name)
def test_what_differs_fails_there(body: Body) -> None:
    assert clearml_answers.read_body(body.raw, body.content_type) == FAILS
