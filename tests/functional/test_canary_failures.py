"""What a canary endpoint says where its target does not get to answer."""

import json
import logging
from typing import Any

import pytest

from tests.functional.pipelines import STACK, CanaryMaker, post
from tests.servers.lambda_faults import (
    Fault,
    access_denied,
    function_error,
    garbage,
    not_found,
    service_error,
    throttled,
    too_large,
)
from tests.servers.lambda_service import LambdaService

ALPHA = f"{STACK}-alpha"
DEEP = b"[" * 200_000 + b"]" * 200_000


def make_whole(body: Any = "x", **told: Any) -> bytes:
    """A target's whole answer, with something in it that is told wrongly."""
    right = {"protocol": 1, "status": 200, "content_type": "text/plain", "headers": []}
    return json.dumps({"serving": right | told, "body": body}).encode()


def make_error(**told: Any) -> dict[str, Any]:
    """A target's own error, with something in it that is told wrongly."""
    right = {"detail": "x0", "type": "ValueError", "stage": "process", "request_id": "r"}
    return {"errorType": "ValueError", "errorMessage": json.dumps(right | {"status": 422} | told)}


@pytest.mark.parametrize(
    ("fault", "status", "cause"),
    [
        (not_found(), 502, "NoSuchEndpoint"),
        (access_denied(), 502, "AccessDenied"),
        (service_error(), 502, "ServiceError"),
        (Fault(cuts_at_once=True), 502, "ConnectionLost"),
        (Fault(cut_after=5), 502, "ConnectionLost"),
        (too_large(), 413, "PayloadTooLarge"),
        (throttled(), 503, "Throttled"),
        (Fault(delay=2), 504, "Timeout"),
        (
            function_error({"errorType": "MemoryError", "errorMessage": "at /var/task/x.py"}),
            502,
            "FunctionError",
        ),
        (garbage(), 502, "cannot be read"),
        (garbage(b'{"a": 1}'), 502, "cannot be read"),
        (garbage(b"[]"), 502, "cannot be read"),
        (garbage(b"null"), 502, "cannot be read"),
        (garbage(DEEP), 502, "cannot be read"),
        (garbage(make_whole(status="200")), 502, "cannot be read"),
        (garbage(make_whole(status=7)), 502, "cannot be read"),
        (garbage(make_whole(content_type=5)), 502, "cannot be read"),
        (garbage(make_whole(headers=5)), 502, "cannot be read"),
        (garbage(make_whole(headers=[["x-own", 5]])), 502, "cannot be read"),
        (garbage(make_whole(body=5)), 502, "cannot be read"),
        (garbage(make_whole(base64=True, body="no base64!")), 502, "cannot be read"),
        (Fault(payload=DEEP, is_function_error=True), 502, "FunctionError"),
        (function_error(make_error(status="422")), 502, "FunctionError"),
        (function_error(make_error(headers={"retry-after": 1})), 502, "FunctionError"),
    ],
)
def test_target_that_does_not_get_to_answer(
    start_canary: CanaryMaker,
    api: LambdaService,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    status: int,
    cause: str,
) -> None:
    api.faults[ALPHA] = fault
    answer = start_canary('weights = { "alpha/2" = 1 }', seconds=1)(post())
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"], body["stage"]) == (status, "CalleeError", "process")
    assert body["detail"].startswith("alpha/2: ")
    assert cause in body["detail"]
    assert "/var/task" not in answer["body"]
    assert answer["headers"]["x-serving-target"] == "alpha/2"
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


def test_no_connection(start_canary: CanaryMaker, api: LambdaService) -> None:
    canary = start_canary("weights = { alpha = 1 }", seconds=1)
    api.stop()
    answer = canary(post())
    assert (answer["statusCode"], answer["headers"]["x-serving-target"]) == (502, "alpha")
    api.start()
    assert canary(post())["statusCode"] == 200


def test_direct_invoke_of_a_canary_without_answer(
    start_canary: CanaryMaker, api: LambdaService
) -> None:
    api.faults[ALPHA] = not_found()
    with pytest.raises(Exception, match='"status": 502') as raised:
        start_canary("weights = { alpha = 1 }")({})
    assert type(raised.value).__name__ == "CalleeError"


def test_request_over_the_limit_is_not_sent(start_canary: CanaryMaker, api: LambdaService) -> None:
    answer = start_canary("weights = { alpha = 1 }")(post(text="x" * 6_300_000))
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (413, "CalleeError")
    assert api.invokes == []


def test_a_target_that_keeps_failing_goes_out(
    start_canary: CanaryMaker, api: LambdaService, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it refuses in `process` counts too, what its `preprocess` refuses does not."""
    canary = start_canary("weights = { alpha = 0.5, beta = 0.5 }")
    api.faults[ALPHA] = function_error(make_error(stage="preprocess"))
    assert {canary(post())["statusCode"] for _ in range(80)} == {200, 422}
    api.faults[ALPHA] = function_error(make_error())
    for _ in range(150):
        canary(post())
    assert {canary(post())["statusCode"] for _ in range(20)} == {200}
    described = canary({"serving": {"protocol": 1, "answer": "metadata"}})
    out = described["versions"]["1"]["taken_out"]
    assert out == {"alpha": "100 % of its requests fail, the last with ValueError in process"}
    assert "VersionsTakenOut" in capsys.readouterr().out
