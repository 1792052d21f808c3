"""What S3 says, told by its name and in time; through the real handler."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ADDER_CODE, ADDER_TOML, Handler
from tests.functional.updates import find_by, post
from tests.models import make_adder
from tests.servers.faults import LISTING, Fault
from tests.servers.s3 import S3Server

REGION = "the bucket is in another region than the function"

REFUSALS = [
    (301, "PermanentRedirect", f"PermanentRedirect: {REGION}"),
    (400, "AuthorizationHeaderMalformed", f"AuthorizationHeaderMalformed: {REGION}"),
    (403, "RequestTimeTooSkewed", "RequestTimeTooSkewed: the clock of this machine is wrong"),
    (400, "ExpiredToken", "ExpiredToken: the credentials have expired"),
    (403, "AccessDenied", "AccessDenied: the function may not read it, or it is not there"),
    (404, "NoSuchBucket", "NoSuchBucket: there is no such bucket"),
    (503, "SlowDown", "SlowDown: S3 asks for fewer requests"),
    (403, "InvalidObjectState", "InvalidObjectState: it is in an archive"),
    (403, "InvalidAccessKeyId", "InvalidAccessKeyId"),
    (400, "KMS.DisabledException", "KMS.DisabledException"),
]
"""Amazon S3 API reference, "Error responses"."""
LOGGED = "ModelFetchError 503 in load: "

Start = Callable[..., Handler]


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        server.put("models", "adder.onnx", make_adder())
        server.put("models", "set/model.onnx", make_adder())
        yield server


@pytest.fixture
def start(make_folder: Callable[..., Path], start_handler: Start, s3: S3Server) -> Start:
    def start(model: str, **env: str) -> Handler:
        folder = make_folder(ADDER_TOML.replace("adder.onnx", model), ADDER_CODE)
        return start_handler(folder, **(find_by(s3) | env))

    return start


def ask(handler: Handler) -> tuple[int, Any]:
    answer = handler(post())
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize(("status", "code", "told"), REFUSALS)
@pytest.mark.parametrize(
    ("model", "key"),
    [("adder.onnx", "adder.onnx"), ("set/", LISTING), ("set/", "set/model.onnx")],
    ids=["object", "listing", "below"],
)
def test_what_s3_refuses_is_told_by_its_name(
    start: Start,
    s3: S3Server,
    caplog: pytest.LogCaptureFixture,
    model: str,
    key: str,
    status: int,
    code: str,
    told: str,
) -> None:
    s3.faults[key] = Fault(status, code)
    answered, body = ask(start(model))
    assert (answered, body["type"]) == (503, "ModelFetchError")
    assert body["detail"].endswith(f"({told})")
    assert f"{LOGGED}{body['detail']} [s3://models/" in caplog.text


def test_a_region_is_named(start: Start, s3: S3Server) -> None:
    """S3 says which it is; here in the code's place, as the server escapes nothing."""
    code = "AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region><Code>x"
    s3.faults["adder.onnx"] = Fault(400, code)
    assert ask(start("adder.onnx"))[1]["detail"].endswith(f"{REGION}, eu-west-1)")


@pytest.mark.parametrize(
    "fault", [Fault(rate=1, step=1), Fault(delay=60)], ids=["a byte a second", "no answer"]
)
@pytest.mark.parametrize(
    ("model", "key"), [("adder.onnx", "adder.onnx"), ("set/", "set/model.onnx"), ("set/", LISTING)]
)
def test_what_does_not_come_ends_in_time(
    start: Start, s3: S3Server, fault: Fault, model: str, key: str
) -> None:
    s3.faults[key] = fault
    began = time.monotonic()
    handler = start(model)
    assert time.monotonic() - began < 12
    status, body = ask(handler)
    assert (status, body["type"]) == (503, "ModelFetchError")
    assert "(Timeout: " in body["detail"]


def test_a_fetch_ends_before_its_request(
    make_folder: Callable[..., Path], start_handler: Start, s3: S3Server
) -> None:
    """A version that is loaded at its first request has that request's time."""
    s3.faults["late.onnx"] = Fault(delay=60)
    toml = ADDER_TOML + '[version.2]\nmodel = "late.onnx"\n'
    context = SimpleNamespace(
        aws_request_id="1", get_remaining_time_in_millis=lambda: 3000, function_name="adder"
    )
    handler = start_handler(make_folder(toml, ADDER_CODE), context, **find_by(s3))
    began = time.monotonic()
    answer = handler(post("2"))
    assert time.monotonic() - began < 6
    body = json.loads(answer["body"])
    assert body["detail"].endswith("(Timeout: the request's time is over)")
    assert json.loads(handler(post())["body"]) == {"sum": 3.0}
