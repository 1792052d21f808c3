"""What user code raises, returns and sends that nobody would expect: its own error, and counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Handler
from tests.emf import read_records
from tests.events import load_event

TOML = 'endpoint = "iris_onnx"\nengine = "custom"\n'
HEAD = """
import asyncio

class HTTPException(Exception):
    headers = None
    def __init__(self, status_code, detail="no"):
        self.status_code, self.detail = status_code, detail

class Untold(Exception):
    def __str__(self):
        raise KeyboardInterrupt
    __repr__ = __str__

class Property(Exception):
    detail = "x"
    @property
    def status_code(self):
        raise OSError("/var/task/secret")

class Text:
    def __str__(self):
        raise OSError
    __repr__ = __str__

def make(**methods):
    return type("Odd", (), {name: method for name, method in methods.items()})()

def raises(error):
    def method(*args, **more):
        raise error
    return method

class Response:
    status_code, raw_headers = 200, []
    def __init__(self, *messages):
        self.messages = messages
    async def __call__(self, scope, receive, send):
        for message in self.messages:
            await send(message)

def start(status=200, headers=(), **more):
    if isinstance(headers, list):
        headers = [(b"Content-Type", b"text/plain"), *headers]
    return {"type": "http.response.start", "status": status, "headers": headers, **more}

def send(body=b"x", **more):
    return {"type": "http.response.body", "body": body, **more}
"""

RAISED = [
    # line of `process`                                status  type, detail (None: the table's own)
    ("raise KeyboardInterrupt", 500, "KeyboardInterrupt", None),
    ("raise GeneratorExit", 500, "GeneratorExit", None),
    ("raise SystemExit", 500, "SystemExit", None),
    ("raise asyncio.CancelledError", 500, "CancelledError", None),
    ("raise StopIteration", 500, "StopIteration", None),
    ("raise BaseException", 500, "BaseException", None),
    ("raise Untold", 500, "Untold", None),
    ("raise Property", 500, "Property", None),
    ("raise HTTPException('abc')", 500, "HTTPException", None),
    ("raise HTTPException(0)", 500, "HTTPException", None),
    ("raise HTTPException(999)", 500, "HTTPException", None),
    ("raise HTTPException(100)", 500, "HTTPException", None),
    ("raise HTTPException(200)", 500, "HTTPException", None),
    ("raise HTTPException(204)", 500, "HTTPException", None),
    ("raise HTTPException(302)", 500, "HTTPException", None),
    ("raise HTTPException(None)", 500, "HTTPException", None),
    ("raise HTTPException(True)", 500, "HTTPException", None),
    ("raise HTTPException(Text())", 500, "HTTPException", None),
    ("raise HTTPException('404')", 404, "HTTPException", "no"),
    ("import http; raise HTTPException(http.HTTPStatus.CONFLICT)", 409, "HTTPException", "no"),
    ("raise HTTPException(400, None)", 400, "HTTPException", None),
    ("raise HTTPException(400, '\\ud800')", 400, "HTTPException", "\\ud800"),
    ("raise HTTPException(400, {'\\ud800': 1})", 400, "HTTPException", "{'\\ud800': 1}"),
    ("raise HTTPException(400, Text())", 400, "HTTPException", {}),
    ("e = HTTPException(400); e.headers = Text(); raise e", 400, "HTTPException", "no"),
    ("e = HTTPException(400); e.headers = {Text(): Text()}; raise e", 400, "HTTPException", "no"),
    ("e = HTTPException(400); e.headers = {'x\\ny': '1'}; raise e", 400, "HTTPException", "no"),
]

RESULTS = [
    # what `process` returns                                                  type
    ("make(__dict__=property(raises(RuntimeError('/var/task/secret'))))", "ResultError"),
    ("make(__getattr__=raises(KeyboardInterrupt))", "ResultError"),
    ("make(__dict__=property(raises(KeyboardInterrupt)))", "ResultError"),
    ("make(__iter__=raises(SystemExit))", "ResultError"),
    ("{'a': make(__dict__=property(raises(GeneratorExit)))}", "ResultError"),
    ("(1 / 0 for _ in 'x')", "ResultError"),
    ("make(__class__=property(raises(RuntimeError)))", "RuntimeError"),
    ("'\\ud800'", "ResultError"),
    ("{'\\ud800': 1}", "ResultError"),
    # responses
    ("Response()", "ResultError"),
    ("Response(None)", "ResultError"),
    ("Response('http.response.start')", "ResultError"),
    ("Response({})", "ResultError"),
    ("Response(send())", "ResultError"),
    ("Response(start(), start())", "ResultError"),
    ("Response(start(), {'type': 'http.response.trailers'})", "ResultError"),
    ("Response(start(), send('text'))", "ResultError"),
    ("Response(start(), send(None))", "ResultError"),
    ("Response(start('abc'), send())", "ResultError"),
    ("Response(start(0), send())", "ResultError"),
    ("Response(start(101), send())", "ResultError"),
    ("Response(start(999), send())", "ResultError"),
    ("Response(start(None), send())", "ResultError"),
    ("Response(start(True), send())", "ResultError"),
    ("Response(start(headers=[('a', 'b')]), send())", "ResultError"),
    ("Response(start(headers=7), send())", "TypeError"),
]

ODD_RESPONSES = [
    # response                                                             status, headers, body
    ("Response(start(204, [(b'content-length', b'1')]), send())", 204, {}, ""),
    ("Response(start(304, [(b'etag', b'1')]), send())", 304, {"etag": "1"}, ""),
    ("Response(start('201', [(b'X-A', b'1')]), send())", 201, {"x-a": "1"}, "x"),
    ("Response(start(200, [(b'x-a', b'\\xe9')]), send())", 200, {"x-a": "é"}, "x"),
    ("Response(start(200, [(b'x-a', b'a\\x00\\x7fb\\t')]), send())", 200, {"x-a": "a b"}, "x"),
    ("Response(start(200, [(b'x-a', b'1\\r\\nset-cookie: b')]), send())", 200,
     {"x-a": "1 set-cookie: b"}, "x"),
    ("Response(start(200, [(b'x-a\\r\\nb', b'1')]), send())", 200, {}, "x"),
    ("Response(start(404, []), send(), send(bytearray(b'y')))", 404, {}, "xy"),
]  # fmt: skip


def write(line: str, stage: str = "process") -> str:
    return f"""{HEAD}
class Preprocess:
    def {stage}(self, data, state, collect):
        if data.get("works"):
            return data
        {line}
"""


@pytest.fixture
def start(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> Callable[..., Handler]:
    return lambda code: start_handler(make_folder(TOML, code))


def post(**body: Any) -> dict[str, Any]:
    headers = {"content-type": "application/json"}
    return load_event("http_post_json") | {"body": json.dumps(body), "headers": headers}


def check_failure(
    handler: Handler, capsys: pytest.CaptureFixture[str], status: int, type_name: str
) -> dict[str, Any]:
    """By HTTP and by direct invoke; counted each time, and the environment lives."""
    capsys.readouterr()
    answer = handler(post())
    body: dict[str, Any] = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"]) == (status, type_name)
    assert "secret" not in answer["body"]
    with pytest.raises(Exception, match=f'"status": {status}') as raised:
        handler({})
    assert type(raised.value).__name__ == type_name
    records = read_records(capsys.readouterr().out)
    assert [record["ErrorType"] for record in records] == [type_name] * 2
    assert handler({"works": 1}) == {"works": 1}
    return body


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("line", "status", "type_name", "detail"), RAISED)
def test_raised(
    start: Callable[..., Handler],
    capsys: pytest.CaptureFixture[str],
    line: str,
    status: int,
    type_name: str,
    detail: Any,
    is_async: bool,
) -> None:
    code = write(line)
    if is_async:
        if "StopIteration" in line:
            type_name = "RuntimeError"  # Python's own rule for coroutines
        code = code.replace("    def process", "    async def process")
    body = check_failure(start(code), capsys, status, type_name)
    assert body["stage"] == "process"
    if detail is not None:
        assert body["detail"] == detail
    if type_name == "HTTPException" and status == 500:
        assert "expected an error's from 400 to 599" in body["detail"]


@pytest.mark.parametrize(("value", "type_name"), RESULTS)
def test_results(
    start: Callable[..., Handler], capsys: pytest.CaptureFixture[str], value: str, type_name: str
) -> None:
    body = check_failure(start(write(f"return {value}")), capsys, 500, type_name)
    # Whether it is awaitable is asked before the stage ends, by its class.
    assert body["stage"] == ("process" if "__class__" in value else "result")


@pytest.mark.parametrize(("value", "status", "headers", "text"), ODD_RESPONSES)
def test_odd_responses(
    start: Callable[..., Handler], value: str, status: int, headers: dict[str, str], text: str
) -> None:
    """They go out as far as HTTP can send them, and begin no header of their own."""
    handler = start(write(f"return {value}"))
    answer = handler(post())
    assert (answer["statusCode"], answer["body"]) == (status, text)
    assert answer["headers"] == {"content-type": "text/plain", "x-serving-version": "1"} | headers
    if status < 400:
        assert handler({}) is not None


STREAM = """
    async def __call__(self, scope, receive, send):
        await send(start())
        await asyncio.sleep(0)
        raise {error}
"""


@pytest.mark.parametrize(
    "error", ["KeyboardInterrupt", "GeneratorExit", "SystemExit", "asyncio.CancelledError"]
)
def test_streams(
    start: Callable[..., Handler], capsys: pytest.CaptureFixture[str], error: str
) -> None:
    code = write("return Stream()") + "\nclass Stream(Response):" + STREAM.format(error=error)
    check_failure(start(code), capsys, 500, error.removeprefix("asyncio."))


UNREADABLE_BODY = """
class Preprocess:
    def process(self, data, state, collect):
        class Odd(dict):
            def __contains__(self, key):
                raise KeyboardInterrupt
        class Text:
            def __str__(self):
                raise SystemExit
        collect({Text(): 1})
        collect(Odd(a=1))
        return Odd(y=2)
"""


def test_statistics_of_what_raises(
    make_folder: Callable[..., Path],
    start_handler: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
) -> None:
    toml = TOML + '[metrics.variables.y]\ntype = "value"\n'
    handler = start_handler(make_folder(toml, UNREADABLE_BODY))
    assert handler({}) == {"y": 2}
    assert "custom statistics are dropped" in caplog.text
    assert "the request's variables are dropped" in caplog.text
    assert handler(post())["statusCode"] == 200


AT_START = {
    "import": "{raised}\nclass Preprocess: pass",
    "__init__": "class Preprocess:\n    def __init__(self):\n        {raised}",
    "load": "class Preprocess:\n    def load(self, path):\n        {raised}",
    "async load": "class Preprocess:\n    async def load(self, path):\n        {raised}",
}


@pytest.mark.parametrize(
    "error", ["KeyboardInterrupt", "GeneratorExit", "SystemExit", "CancelledError"]
)
@pytest.mark.parametrize("place", AT_START)
def test_cold_starts(start: Callable[..., Handler], place: str, error: str) -> None:
    """503 by its name, and the environment lives and tries again."""
    head = "from asyncio import CancelledError\n" if error == "CancelledError" else ""
    handler = start(head + AT_START[place].format(raised=f"raise {error}"))
    answer = handler(post())
    body = json.loads(answer["body"])
    expected = "ModelLoadError" if place.endswith("load") else "UserCodeLoadError"
    assert (answer["statusCode"], body["type"]) == (503, expected)
    assert error in body["detail"]
    assert "retry-after" in answer["headers"]
    with pytest.raises(Exception, match='"status": 503'):
        handler({})
