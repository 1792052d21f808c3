"""Events that no source would send: refused by name, in the shape of their source, and counted."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Handler
from tests.emf import read_records
from tests.events import load_event

TOML = 'endpoint = "iris_onnx"\nengine = "custom"\n[version.2]\n[traffic]\nlatest = [0.5, 0.5]\n'
CODE = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        return {"size": len(data)}
"""
GONE: Any = object()
"""In the place of a value: the field is not there."""

MALFORMED = [
    # event           field                            value     what the answer says
    ("http_post_json", "version", GONE, "expected '2.0' as version, got nothing"),
    ("http_post_json", "version", 2, "expected '2.0' as version, got a number"),
    ("http_post_json", "requestContext.http", [], "requestContext.http.method, got nothing"),
    ("http_post_json", "requestContext.http.path", GONE, "requestContext.http.path, got nothing"),
    ("http_post_json", "requestContext.http.method", {}, "a string as requestContext.http.method"),
    ("http_post_json", "requestContext.http.sourceIp", None, "sourceIp, got null"),
    ("http_post_json", "headers", "x", "an object of strings or nothing as headers, got a string"),
    ("http_post_json", "headers.content-type", 5, "headers, got an object of other things"),
    ("http_post_json", "headers.content-type", "\ud800", "the event cannot be read"),
    ("http_post_json", "headers.\ud800", "x", "the event cannot be read"),
    ("http_post_json", "cookies", [1], "a list of strings, null or nothing as cookies"),
    ("http_post_json", "rawQueryString", None, "rawQueryString, got null"),
    ("http_post_json", "body", {"a": 1}, "a string, null or nothing as body, got an object"),
    ("http_post_json", "body", 0, "as body, got a number"),
    ("http_post_json", "body", '{"a": "\ud800"}', "the event cannot be read"),
    ("http_post_json", "isBase64Encoded", "false", "isBase64Encoded, got a string"),
    ("url_post_json", "requestContext.http.path", 7, "requestContext.http.path, got a number"),
    ("rest_post_json", "path", GONE, "a string as path, got nothing"),
    ("rest_post_json", "httpMethod", None, "a string as httpMethod, got null"),
    ("rest_post_json", "headers", [], "an object of strings, null or nothing as headers"),
    ("rest_post_json", "multiValueHeaders", {"a": "b"}, "lists of strings, null or nothing as"),
    ("rest_post_json", "queryStringParameters", "a=1", "queryStringParameters, got a string"),
    ("rest_post_json", "requestContext.identity", None, "requestContext.identity, got null"),
    ("alb_post_json", "headers", GONE, "an object of strings as headers, got nothing"),
    ("alb_post_json", "path", ["/"], "a string as path, got an array"),
    ("alb_post_json", "body", True, "as body, got a boolean"),
    ("alb_multi_value_headers", "multiValueHeaders", None, "as multiValueHeaders, got null"),
    ("alb_multi_value_headers", "multiValueHeaders.host", "x", "lists of strings as"),
]

SERVED = [
    # event           field                            value
    ("http_post_json", "headers.host", "a:b:c"),
    ("http_post_json", "headers.host", "[::1]:8080"),
    ("http_post_json", "headers.x-forwarded-port", "http"),
    ("http_post_json", "headers", GONE),
    ("http_post_json", "requestContext.requestId", "\ud800"),
    ("http_post_json", "requestContext.requestId", "a\r\nset-cookie: b"),
    ("http_post_json", "requestContext.requestId", {"a": 1}),
    ("rest_post_json", "headers.Host", "::"),
    ("rest_post_json", "multiValueHeaders.Host", ["a:b"]),
    ("rest_post_json", "multiValueHeaders.X-Forwarded-Port", ["4_4", "x"]),
    ("rest_post_json", "headers", None),
    ("alb_post_json", "headers.host", "a:"),
    ("alb_post_json", "headers.x-forwarded-port", ""),
    ("alb_multi_value_headers", "multiValueHeaders.host", ["a:b:c"]),
    ("alb_multi_value_headers", "multiValueHeaders.host", []),
]

INVOKES = [
    # envelope (its body is {})                    type                  what the error says
    ({"protocol": 2}, "MalformedBodyError", "expected protocol 1, got 2"),
    ({"protocol": "\ud800"}, "MalformedBodyError", "expected protocol 1"),
    ({"depth": -1}, "MalformedBodyError", "expected a number from 0 on as depth, got -1"),
    ({"depth": True}, "MalformedBodyError", "as depth, got True"),
    ({"depth": 1.5}, "MalformedBodyError", "as depth, got 1.5"),
    ({"depth": "1"}, "MalformedBodyError", "as depth, got '1'"),
    ({"depth": 10**4000}, "CallDepthError", "endpoints called each other, the limit is 10"),
    ({"version": ["1"]}, "MalformedBodyError", "a string as version"),
    ({"version": True}, "MalformedBodyError", "a string as version"),
    ({"version": "\ud800"}, "UnknownVersionError", "has no version"),
    ({"content_type": 5}, "MalformedBodyError", "a string as content_type, got 5"),
    ({"content_type": "a/b", "content_encoding": [1]}, "MalformedBodyError", "content_encoding"),
    ({"content_type": "\ud800"}, "MalformedBodyError", "expected base64 for"),
]


def put(event: Any, field: str, value: Any) -> Any:
    """A copy of an event with another value in a field, or without it."""
    event = copy.deepcopy(event)
    *path, last = field.split(".")
    owner = event
    for key in path:
        owner = owner[key]
    if value is GONE:
        del owner[last]
    else:
        owner[last] = value
    return event


@pytest.fixture
def handler(make_folder: Callable[..., Path], start_handler: Callable[..., Handler]) -> Handler:
    return start_handler(make_folder(TOML, CODE))


@pytest.mark.parametrize(("name", "field", "value", "told"), MALFORMED)
def test_malformed(
    handler: Handler,
    capsys: pytest.CaptureFixture[str],
    name: str,
    field: str,
    value: Any,
    told: str,
) -> None:
    answer = handler(put(load_event(name), field, value))
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"]) == (400, "MalformedEventError")
    assert body["stage"] == "request"
    assert told in body["detail"]
    assert ("multiValueHeaders" in answer) == name.startswith(("rest", "alb_multi"))
    assert ("headers" in answer) == (name != "alb_multi_value_headers")
    (record,) = read_records(capsys.readouterr().out)
    assert (record["ErrorType"], record["Errors"]) == ("MalformedEventError", 1)
    assert record["request_id"] == body["request_id"]


@pytest.mark.parametrize(("name", "field", "value"), SERVED)
def test_odd_but_served(handler: Handler, name: str, field: str, value: Any) -> None:
    """What any client may send, and nothing here depends on."""
    answer = handler(put(load_event(name), field, value))
    assert answer["statusCode"] == 200
    assert "set-cookie" not in json.dumps(answer)
    json.dumps(answer, ensure_ascii=False).encode()


@pytest.mark.parametrize("host", ["example.org", "a:b:c"])
def test_a_host_that_is_no_address_is_still_a_header(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], host: str
) -> None:
    toml = TOML + 'sticky = "header:host"\n'
    handler = start_handler(make_folder(toml, CODE))
    event = put(load_event("http_post_json"), "headers.host", host)
    chosen = {handler(event)["headers"]["x-serving-version"] for _ in range(20)}
    assert len(chosen) == 1


@pytest.mark.parametrize(("envelope", "type_name", "told"), INVOKES)
def test_malformed_envelope(
    handler: Handler,
    capsys: pytest.CaptureFixture[str],
    envelope: dict[str, Any],
    type_name: str,
    told: str,
) -> None:
    with pytest.raises(Exception) as raised:
        handler({"serving": {"protocol": 1, **envelope}, "body": {}})
    message = json.loads(str(raised.value))
    assert type(raised.value).__name__ == message["type"] == type_name
    assert told in message["detail"]
    assert len(message["detail"]) < 200
    (record,) = read_records(capsys.readouterr().out)
    assert record["ErrorType"] == type_name


@pytest.mark.parametrize("event", [None, True, 0, -1.5, "x", "\ud800", [], [{}], [None]])
def test_invokes_with_any_json_but_an_object(handler: Handler, event: Any) -> None:
    with pytest.raises(Exception, match="expected a JSON object") as raised:
        handler(event)
    assert type(raised.value).__name__ == "InputError"


def test_sticky_by_a_text_that_is_no_unicode(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    handler = start_handler(make_folder(TOML + 'sticky = "body:user"\n', CODE))
    assert handler({"user": "\ud800"}) == {"size": 1}
