"""A canary endpoint through the real handler: nothing of its target's answer is changed.

The target is a real endpoint in a process of its own.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emf import read_records, sum_metric
from tests.events import load_event
from tests.functional.pipelines import STACK, CanaryMaker, find_counts, post, serve_lambda
from tests.servers.endpoint_process import EndpointProcess
from tests.servers.lambda_service import LambdaService

CALLEE = """
import numpy as np
from fastapi import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

async def count():
    for number in range(3):
        yield str(number).encode()

def teapot():
    raise HTTPException(418, {"tea": [1, "ä", None]}, {"X-Reason": "short and stout"})

def invalid():
    raise ValueError("x0: expected a number – got 'ä'")

def numbers():
    raise HTTPException(400, {"at": np.float32(1.5), "nan": float("nan")})

def unsendable():
    raise HTTPException(400, {"at": complex(1, 2)})

ANSWERS = {
    "json": lambda: {"b": 1, "a": [1.5, None, "ä"], "nan": float("nan"), "big": 2**70},
    "list": lambda: [1, 2],
    "null": lambda: None,
    "text": lambda: "ä",
    "numpy": lambda: {"row": np.array([[1.5, 2.5]], dtype=np.float32)},
    "bytes": lambda: b"\\x00\\xff",
    "readable bytes": lambda: b"abc",
    "no bytes": lambda: b"",
    "created": lambda: JSONResponse({"a": 1}, 201, {"x-own": "1", "x-other": "2"}),
    "plain": lambda: PlainTextResponse("häagen\\r\\n"),
    "latin": lambda: Response("\\xe9".encode("latin-1"), media_type="text/plain; charset=latin-1"),
    "vendor json": lambda: Response(b'{ "a" : 1 }', media_type="application/vnd.x+json"),
    "conflict": lambda: PlainTextResponse("no", 409),
    "json conflict": lambda: JSONResponse({"no": True}, 409),
    "empty": lambda: Response(status_code=204),
    "stream": lambda: StreamingResponse(count(), media_type="text/event-stream"),
    "invalid": invalid,
    "teapot": teapot,
    "numbers": numbers,
    "unsendable": unsendable,
    "crash": lambda: 1 / 0,
    "not json": lambda: object(),
    "too large": lambda: "x" * 7_000_000,
}

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        if isinstance(data, bytes):
            return data[::-1]
        if data.get("want"):
            return ANSWERS[data["want"]]()
        return {"version": self.model_endpoint.version}
"""
WANTED = (
    *("json", "list", "null", "text", "numpy", "bytes", "readable bytes", "no bytes"),
    *("created", "plain", "latin", "vendor json", "conflict", "json conflict", "stream"),
    *("invalid", "teapot", "numbers", "unsendable", "crash", "not json"),
)
ALPHA = """
endpoint = "alpha"
engine = "custom"
[version.2]
[version.10]
[version.broken]
preprocess = "broken.py"
"""

STATUSES = {
    "created": 201,
    "numbers": 400,
    "unsendable": 400,
    "conflict": 409,
    "json conflict": 409,
    "teapot": 418,
    "invalid": 422,
    "crash": 500,
    "not json": 500,
}
"""Of those that are not 200."""


@pytest.fixture(scope="module")
def alpha(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointProcess]:
    """A real endpoint with versions 1, 2, 10 and one that cannot be loaded."""
    folder = tmp_path_factory.mktemp("alpha")
    (folder / "endpoint.toml").write_text(ALPHA)
    (folder / "preprocess.py").write_text(CALLEE)
    (folder / "broken.py").write_text("import absent_library")
    with EndpointProcess(folder) as process:
        yield process


@pytest.fixture
def api(alpha: EndpointProcess) -> Iterator[LambdaService]:
    with serve_lambda(alpha=alpha) as service:
        yield service


def read_headers(answer: dict[str, Any]) -> dict[str, str]:
    """Without those that tell of the canary itself, and the length, which a stream has not."""
    own = ("x-serving-target", "x-request-id", "content-length")
    return {name: value for name, value in answer["headers"].items() if name not in own}


@pytest.mark.parametrize("wanted", WANTED)
def test_answers_pass_unchanged(
    start_canary: CanaryMaker, alpha: EndpointProcess, wanted: str
) -> None:
    """Status, headers and body byte for byte as the target answers by HTTP itself."""
    own = alpha(post("/serve/alpha/2", want=wanted))
    answer = start_canary('weights = { "alpha/2" = 1 }')(post("/serve/canary", want=wanted))
    assert answer["headers"]["x-serving-target"] == "alpha/2"
    assert answer["statusCode"] == own["statusCode"] == STATUSES.get(wanted, 200)
    assert answer["body"] == own["body"]
    assert answer["isBase64Encoded"] == own["isBase64Encoded"]
    assert read_headers(answer) == read_headers(own)


def test_an_answer_without_body(start_canary: CanaryMaker) -> None:
    answer = start_canary("weights = { alpha = 1 }")(post("/serve/canary", want="empty"))
    assert (answer["statusCode"], answer["body"]) == (204, "")


def test_bytes_body(start_canary: CanaryMaker) -> None:
    event = load_event("http_bytes") | {"body": base64.b64encode(b"\x00\xffab").decode()}
    event["requestContext"]["http"]["path"] = event["rawPath"] = "/serve/canary"
    answer = start_canary("weights = { alpha = 1 }")(event)
    assert base64.b64decode(answer["body"]) == b"ba\xff\x00"


@pytest.mark.parametrize(
    ("target", "status", "type_name"),
    [("alpha/9", 404, "UnknownVersionError"), ("alpha/broken", 503, "UserCodeLoadError")],
)
def test_targets_own_refusals_pass(
    start_canary: CanaryMaker, target: str, status: int, type_name: str
) -> None:
    answer = start_canary(f'weights = {{ "{target}" = 1 }}')(post("/serve/canary"))
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (status, type_name)
    assert answer["headers"]["x-serving-target"] == target
    assert ("retry-after" in answer["headers"]) == (status == 503)


def test_too_large_a_result(start_canary: CanaryMaker) -> None:
    answer = start_canary("weights = { alpha = 1 }")(post("/serve/canary", want="too large"))
    assert answer["statusCode"] == 500
    assert json.loads(answer["body"])["type"] == "ResultTooLargeError"


def test_envelope_of_a_canary(start_canary: CanaryMaker, api: LambdaService) -> None:
    canary = start_canary('weights = { "alpha/2" = 1 }')
    assert canary(
        {"serving": {"protocol": 1, "request_id": "r", "depth": 2}, "body": {"a": 1}}
    ) == {"version": "2"}
    (sent,) = api.invokes
    assert (sent.function, sent.qualifier) == (f"{STACK}-alpha", "live")
    assert sent.envelope == {
        "protocol": 1,
        "request_id": "r",
        "depth": 3,
        "version": "2",
        "answer": "whole",
    }
    assert sent.body == {"a": 1}


def test_direct_invoke(start_canary: CanaryMaker, alpha: EndpointProcess) -> None:
    canary = start_canary("weights = { alpha = 1 }")
    for wanted in ("json", "list", "null", "bytes", "plain", "created"):
        assert canary({"want": wanted}) == alpha({"want": wanted})
    for wanted in ("invalid", "teapot", "crash", "conflict", "json conflict"):
        messages = []
        for function in (canary, alpha):
            with pytest.raises(Exception) as raised:
                function({"want": wanted})
            message = json.loads(str(raised.value))
            message.pop("request_id")
            message.get("headers", {}).pop("x-serving-target", None)
            headers = message.pop("headers", {})
            messages.append((type(raised.value).__name__, message, headers))
        assert messages[0] == messages[1]


def test_canary_of_a_canary(start_canary: CanaryMaker, api: LambdaService) -> None:
    inner = start_canary('weights = { "alpha/2" = 1 }', name="inner")
    api.functions[f"{STACK}-inner"] = inner
    outer = start_canary("weights = { inner = 1 }")
    for wanted, status in (("plain", 200), ("teapot", 418), ("conflict", 409)):
        answer = outer(post("/serve/canary", want=wanted))
        assert answer["statusCode"] == status
        assert answer["headers"]["x-serving-target"] == "inner"


def test_canary_of_itself_ends(start_canary: CanaryMaker, api: LambdaService) -> None:
    canary = start_canary("weights = { canary = 1 }", SERVING_CALL_DEPTH="3")
    api.functions[f"{STACK}-canary"] = canary
    with pytest.raises(Exception, match="DepthLimit"):
        canary({})
    assert [call.envelope["depth"] for call in api.invokes] == [1, 2, 3]
    answer = canary(post())
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (508, "CalleeError")
    assert answer["headers"]["x-serving-target"] == "canary"


def test_metadata(start_canary: CanaryMaker) -> None:
    canary = start_canary("weights = { alpha = 0.75, beta = 0.25 }")
    event = load_event("http_metadata")
    event["requestContext"]["http"]["path"] = event["rawPath"] = "/serve/canary"
    version = json.loads(canary(event)["body"])["versions"]["1"]
    assert version == {
        "engine": "canary",
        "loaded": True,
        "targets": {"alpha": 0.75, "beta": 0.25},
    }


def test_the_statistics_say_who_was_asked(
    start_canary: CanaryMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """One record a request, whether the target answers or refuses."""
    handler = start_canary('weights = { "alpha/2" = 1 }')
    for wanted in ("json", "teapot"):
        handler(post("/serve/canary", want=wanted))
    output = capsys.readouterr().out
    asked = find_counts(output, "CanaryRequests", ["Endpoint", "Target"])
    assert [(each["Endpoint"], each["Target"]) for each in asked] == [("canary", "alpha/2")] * 2
    records = read_records(output)
    assert sum_metric(records, "Count", Endpoint="canary") == 2
    error = {"Endpoint": "canary", "Version": "1", "ErrorType": "HTTPException"}
    assert sum_metric(records, "Errors", **error) == 1


@pytest.mark.parametrize(
    ("wanted", "type_name"), [("teapot", "HTTPException"), ("conflict", "ResponseError")]
)
def test_the_statistics_of_an_error_that_is_passed_on_whole(
    start_canary: CanaryMaker, capsys: pytest.CaptureFixture[str], wanted: str, type_name: str
) -> None:
    asked = {"serving": {"protocol": 1, "answer": "whole"}, "body": {"want": wanted}}
    start_canary("weights = { alpha = 1 }")(asked)
    error = {"Endpoint": "canary", "Version": "1", "ErrorType": type_name}
    assert sum_metric(read_records(capsys.readouterr().out), "Errors", **error) == 1
