"""Every event source and route, through the real handler with event files."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ADDER_TOML, Handler
from tests.events import load_event

CODE = """
class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn):
        state["kind"] = type(body).__name__
        return body

    def process(self, data, state, collect_custom_statistics_fn):
        return {"kind": state["kind"], "size": len(data)}
"""
RESPONSES = """
import asyncio
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

async def count():
    for number in range(3):
        await asyncio.sleep(0)
        yield str(number).encode()

class Preprocess:
    def process(self, data, state, collect):
        return {
            "json": lambda: JSONResponse({"a": 1}, status_code=201, headers={"x-own": "1"}),
            "text": lambda: PlainTextResponse("hello"),
            "stream": lambda: StreamingResponse(count(), media_type="text/event-stream"),
            "failed": lambda: PlainTextResponse("no", status_code=409),
            "bytes": lambda: b"\\x00\\xff",
            "memoryview": lambda: memoryview(b"\\x00\\xff"),
        }[data["answer"]]()
"""
TOML = 'endpoint = "iris_onnx"\nengine = "custom"\n'


@pytest.fixture
def flower(make_folder: Callable[..., Path], start_handler: Callable[..., Handler]) -> Handler:
    return start_handler(make_folder(TOML, CODE))


@pytest.fixture
def responder(make_folder: Callable[..., Path], start_handler: Callable[..., Handler]) -> Handler:
    return start_handler(make_folder(TOML, RESPONSES))


def post(**body: Any) -> dict[str, Any]:
    return load_event("http_post_json") | {"body": json.dumps(body)}


def post_to(path: str) -> dict[str, Any]:
    event = load_event("http_post_json")
    event["requestContext"]["http"]["path"] = path
    return event | {"rawPath": path}


@pytest.mark.parametrize(
    "event",
    [
        "http_post_json",
        "http_post_json_base64",
        "http_gzip",
        "http_vendor_json",
        "http_version",
        "http_trailing_slash",
        "http_version_trailing_slash",
        "rest_post_json",
        "rest_gzip",
        "rest_version",
        "alb_gzip",
        "alb_multi_value_headers",
        "url_post_json",
        "url_gzip",
        "url_version",
    ],
)
def test_json_by_http(flower: Handler, event: str) -> None:
    answer = flower(load_event(event))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"kind": "dict", "size": 4})


def test_bytes_by_http(flower: Handler) -> None:
    event = load_event("http_bytes")
    size = len(base64.b64decode(event["body"]))
    assert json.loads(flower(event)["body"]) == {"kind": "bytes", "size": size}


def test_direct_invoke(flower: Handler) -> None:
    assert flower({"a": 1, "b": 2}) == {"kind": "dict", "size": 2}
    assert flower({}) == {"kind": "dict", "size": 0}


def test_a_body_that_looks_like_an_event_or_envelope(flower: Handler) -> None:
    """Only API Gateway's own shape is an HTTP event, only `protocol` makes an envelope."""
    for body in ({"requestContext": "x", "version": "2.0"}, {"serving": {"a": 1}, "body": 3}):
        assert flower(body) == {"kind": "dict", "size": 2}


def test_envelopes(flower: Handler) -> None:
    assert flower(load_event("envelope_version"))["kind"] == "dict"
    assert flower(load_event("envelope_bytes"))["kind"] == "bytes"
    event = load_event("envelope_version")
    event["serving"]["protocol"] = 2
    with pytest.raises(Exception, match="expected protocol 1, got 2"):
        flower(event)
    event = load_event("envelope_bytes") | {"body": {"a": 1}}
    with pytest.raises(Exception, match="expected base64"):
        flower(event)


def test_envelope_carries_the_request_id(flower: Handler) -> None:
    event = load_event("envelope_not_object")
    event["serving"]["request_id"] = "from-the-caller"
    with pytest.raises(Exception, match='"request_id": "from-the-caller"'):
        flower(event)


def test_warm_up_runs_no_model(flower: Handler) -> None:
    assert flower(load_event("schedule_warmup")) == {"status": "warm"}


@pytest.mark.parametrize("source", ["http", "rest", "alb", "url"])
def test_health(flower: Handler, source: str) -> None:
    answer = flower(load_event(f"{source}_health_live"))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "live"})


def test_metadata(make_folder: Callable[..., Path], start_handler: Callable[..., Handler]) -> None:
    folder = make_folder(ADDER_TOML.replace('"adder"', '"iris_onnx"'))
    answer = start_handler(folder)(load_event("http_metadata"))
    assert json.loads(answer["body"]) == {
        "endpoint": "iris_onnx",
        "default": "1",
        "versions": {
            "1": {
                "engine": "onnx",
                "loaded": True,
                "inputs": [{"name": "row", "type": "float32", "shape": [-1, 2]}],
                "outputs": [{"name": "sum", "type": "float32", "shape": [-1, 1]}],
            }
        },
    }


def test_openapi_and_docs(flower: Handler) -> None:
    document = json.loads(flower(load_event("http_openapi"))["body"])
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) == {
        "/serve/iris_onnx",
        "/serve/iris_onnx/1",
        "/serve/iris_onnx/health/live",
        "/serve/iris_onnx/health/ready",
    }
    posted = document["paths"]["/serve/iris_onnx"]["post"]
    assert set(posted["requestBody"]["content"]) == {
        "application/json",
        "application/octet-stream",
    }
    assert {"400", "404", "413", "415", "422", "500", "503"} <= set(posted["responses"])
    page = flower(load_event("http_docs"))
    assert page["headers"]["content-type"].startswith("text/html")
    assert "'openapi.json'" in page["body"]


@pytest.mark.parametrize(
    ("files", "content"),
    [
        ({"sample.json": '{"a": 1}'}, {"application/json": {"sample": {"value": {"a": 1}}}}),
        (
            {"samples/two.json": '{"a": 2}', "samples/one.json": '{"a": 1}', "sample.csv": "a,b"},
            {
                "text/csv": {"sample": {"value": "a,b"}},
                "application/json": {"one": {"value": {"a": 1}}, "two": {"value": {"a": 2}}},
            },
        ),
        ({"sample.png": "x", "samples/a.json": '{"a": "' + "x" * 70_000 + '"}'},
         {"image/png": None, "application/json": None}),
        ({"sample.json": "[1]"}, {}),
    ],
    ids=["one", "several", "not shown", "wrong"],
)  # fmt: skip
def test_openapi_shows_the_samples(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    files: dict[str, str], content: dict[str, Any],
) -> None:  # fmt: skip
    """The content types of the samples come first; the two usual ones are always there."""
    toml = 'endpoint = "iris_onnx"\nengine = "custom"\n'
    handler = start_handler(make_folder(toml, "class Preprocess:\n    pass\n", files))
    document = json.loads(handler(load_event("http_openapi"))["body"])
    shown = document["paths"]["/serve/iris_onnx"]["post"]["requestBody"]["content"]
    usual = dict.fromkeys(("application/json", "application/octet-stream"))
    assert list(shown) == list(content | {key: 1 for key in usual if key not in content})
    assert {key: each.get("examples") for key, each in shown.items()} == usual | content


@pytest.mark.parametrize(
    ("name", "context", "kind"),
    [
        ("http_openapi", {"authorizer": {"iam": {"accessKey": "AKIA"}}}, "apiKey"),
        ("http_openapi", {"authorizer": {"jwt": {"claims": {"sub": "me"}}}}, "http"),
        ("http_openapi", {"identity": {"userArn": "arn:aws:iam::1:user/me"}}, "apiKey"),
        ("http_openapi", {"authorizer": {"claims": {"sub": "me"}}}, "http"),
        ("http_openapi", {"authorizer": None, "identity": None}, None),
        ("http_openapi", {}, None),
    ],
)
def test_openapi_tells_who_may_call(
    flower: Handler, name: str, context: dict[str, Any], kind: str | None
) -> None:
    event = load_event(name)
    event["requestContext"] |= context
    document = json.loads(flower(event)["body"])
    schemes = document["components"].get("securitySchemes", {})
    assert [scheme["type"] for scheme in schemes.values()] == ([kind] if kind else [])
    assert document.get("security", []) == [{name: []} for name in schemes]


def test_stage_before_the_path(flower: Handler) -> None:
    """A named stage or a base path mapping stands before /serve."""
    assert flower(post_to("/prod/v1/serve/iris_onnx"))["statusCode"] == 200


def test_other_endpoints_name(flower: Handler) -> None:
    answer = flower(post_to("/serve/other"))
    assert json.loads(answer["body"])["type"] == "UnknownEndpointError"


def test_request_id_is_answered(flower: Handler) -> None:
    event = load_event("http_post_json")
    assert flower(event)["headers"]["x-request-id"] == event["requestContext"]["requestId"]


def test_response_objects_by_http(responder: Handler) -> None:
    answer = responder(post(answer="json"))
    assert (answer["statusCode"], answer["body"]) == (201, '{"a":1}')
    assert answer["headers"]["x-own"] == "1"
    assert responder(post(answer="text"))["body"] == "hello"
    assert responder(post(answer="stream"))["body"] == "012"
    for kind in ("bytes", "memoryview"):
        answer = responder(post(answer=kind))
        assert answer["headers"]["content-type"] == "application/octet-stream"
        assert base64.b64decode(answer["body"]) == b"\x00\xff"


def test_response_objects_by_invoke(responder: Handler) -> None:
    assert responder({"answer": "json"}) == {"a": 1}
    for kind, content_type, body in (
        ("text", "text/plain; charset=utf-8", b"hello"),
        ("stream", "text/event-stream; charset=utf-8", b"012"),
        ("bytes", "application/octet-stream", b"\x00\xff"),
    ):
        answer = responder({"answer": kind})
        assert answer["serving"] == {"protocol": 1, "content_type": content_type}
        assert base64.b64decode(answer["body"]) == body
    with pytest.raises(Exception, match='"status": 409') as raised:
        responder({"answer": "failed"})
    assert type(raised.value).__name__ == "ResponseError"


OWN_LOOP = """
import asyncio

class Preprocess:
    def preprocess(self, body, state, collect):
        if body.get("runs"):
            asyncio.run(asyncio.sleep(0))
        return body

    async def process(self, data, state, collect):
        return {"loop": id(asyncio.get_running_loop())}
"""


def test_asyncio_run_in_user_code_takes_no_loop_away(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    """Clients that are bound to the environment's loop work at every later request."""
    handler = start_handler(make_folder(TOML, OWN_LOOP))
    loops = [handler({"runs": True})["loop"]]
    loops += [json.loads(handler(post())["body"])["loop"], handler({"runs": True})["loop"]]
    loops += [json.loads(handler(post())["body"])["loop"]]
    assert len(set(loops)) == 1


MANGUM = """
def serve(event):
    from mangum import Mangum

    async def app(scope, receive, send):
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return Mangum(app, lifespan="off")(event, None)

class Preprocess:
    def process(self, data, state, collect):
        return serve(data["event"])["body"]
"""


def test_user_code_has_the_whole_of_mangum(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    """Its event sources alone are imported for a request by HTTP."""
    handler = start_handler(make_folder(TOML, MANGUM))
    event = load_event("http_post_json") | {"body": "inner"}
    for _ in range(2):  # before user code imported it, and after
        assert json.loads(handler(post(event=event))["body"]) == "inner"


ODD_RESPONSES = """
import asyncio

class Cancelled:
    status_code, raw_headers = 200, []

    async def __call__(self, scope, receive, send):
        raise asyncio.CancelledError

class Silent(Cancelled):
    async def __call__(self, scope, receive, send):
        pass

class Preprocess:
    def process(self, data, state, collect):
        return {"cancelled": Cancelled, "silent": Silent}[data["answer"]]()
"""


@pytest.mark.parametrize(
    ("kind", "type_name"), [("cancelled", "CancelledError"), ("silent", "ResultError")]
)
def test_responses_that_send_nothing_are_errors_of_the_table(
    make_folder: Callable[..., Path],
    start_handler: Callable[..., Handler],
    kind: str,
    type_name: str,
) -> None:
    handler = start_handler(make_folder(TOML, ODD_RESPONSES))
    answer = handler(post(answer=kind))
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"], body["stage"]) == (500, type_name, "result")
    with pytest.raises(Exception, match='"stage": "result"') as raised:
        handler({"answer": kind})
    assert type(raised.value).__name__ == type_name
