"""Calls that ``send_request`` refuses to make: None, one log line and one metric each."""

import base64
from typing import Any

import pytest

from tests.faults.row import Row
from tests.functional.pipelines import CODES, STACK, PipelineMaker, ask_in_vain
from tests.servers.lambda_service import LambdaService

ECHO = f"{STACK}-echo"

LAZY = """
class Lazy:
    @property
    def __dict__(self):
        raise OSError("the file is gone")
"""

both_engines = pytest.mark.parametrize("engine", list(CODES))


@pytest.mark.parametrize(
    ("asked", "callee", "cause", "text"),
    [
        ({"endpoint": "absent"}, "-", "NoSuchEndpoint", "to absent failed: NoSuchEndpoint: 404"),
        ({"endpoint": "no name!"}, "-", "NoSuchEndpoint", "got 'no name!'"),
        ({"endpoint": ""}, "-", "NoSuchEndpoint", "got ''"),
        ({"endpoint": None}, "-", "NoSuchEndpoint", "to None failed: NoSuchEndpoint: 404"),
    ],
)
def test_names_that_are_none(
    start_pipeline: PipelineMaker,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    asked: dict[str, Any],
    callee: str,
    cause: str,
    text: str,
) -> None:
    told = ask_in_vain(start_pipeline(), asked, caplog, capsys)
    assert (told.callee, told.cause) == (callee, cause)
    assert text in told.line


@pytest.mark.parametrize(
    ("data", "cause", "text"),
    [
        ("{'text': 'x' * 6_300_000}", "PayloadTooLarge", "the limit is 6291456"),
        ("bytes(4_800_000)", "PayloadTooLarge", "the limit is 6291456"),
        ("{'object': object()}", "UnsendableData", "got object"),
        ("{'text': chr(0xd800)}", "UnsendableData", "not valid Unicode"),
        ("{'number': 10**5000}", "UnsendableData", "ValueError"),
        ("{'lazy': Lazy()}", "UnsendableData", "OSError: the file is gone"),
    ],
)
def test_what_cannot_be_sent(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    data: str,
    cause: str,
    text: str,
) -> None:
    code = LAZY + CODES["custom"].replace('data.get("data")', data)
    told = ask_in_vain(start_pipeline(code=code), {"endpoint": "echo"}, caplog, capsys)
    assert (told.callee, told.cause) == ("echo", cause)
    assert text in told.line
    assert service.invokes == []


def test_just_under_the_limit(start_pipeline: PipelineMaker, service: LambdaService) -> None:
    code = CODES["custom"].replace('data.get("data")', "bytes(4_700_000)")
    service.functions[ECHO] = lambda payload: len(base64.b64decode(payload["body"]))
    handler = start_pipeline(code=code, seconds=20)
    assert handler({"endpoint": "echo"})["answer"] == 4_700_000


@both_engines
def test_depth_limit(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    engine: str,
) -> None:
    event = {
        "serving": {"protocol": 1, "request_id": "deep", "depth": 10},
        "body": {"endpoint": "echo"},
    }
    told = ask_in_vain(start_pipeline(engine), event, caplog, capsys)
    assert (told.callee, told.cause) == ("echo", "DepthLimit")
    assert told.line == (
        "send_request to echo failed: DepthLimit: "
        "10 endpoints called each other, the limit is 10 (request deep)"
    )
    assert service.invokes == []


@both_engines
def test_no_time_left(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    engine: str,
) -> None:
    handler = start_pipeline(engine, seconds=0.2)
    told = ask_in_vain(handler, {"endpoint": "echo"}, caplog, capsys)
    assert told.cause == "Timeout"
    assert service.invokes == []


@pytest.mark.fault(
    "credentials",
    "the function has none for a call of `send_request`",
    "200: `send_request` gives None",
    "send_request to echo failed: AccessDenied",
    "nothing is sent; one metric `FailedCalls`",
)
def test_no_credentials(
    fault: Row,
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = start_pipeline(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SESSION_TOKEN="")
    told = ask_in_vain(handler, {"endpoint": "echo"}, caplog, capsys)
    assert told.cause == "AccessDenied" and told.line.startswith(fault.log)
    assert service.invokes == []


@pytest.mark.fault(
    "credentials",
    "their service does not answer to a call of `send_request`",
    "200: `send_request` gives None, in time",
    "send_request to echo failed: ",
    "nothing is sent; one metric `FailedCalls`",
)
@pytest.mark.parametrize(("seconds", "cause"), [(0.45, "Timeout"), (20, "AccessDenied")])
def test_credentials_service_is_down(
    fault: Row,
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    seconds: float,
    cause: str,
) -> None:
    """Under SnapStart the keys come by HTTP; they are asked for three times, over 0.2 seconds."""
    handler = start_pipeline(
        seconds=seconds,
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
        AWS_SESSION_TOKEN="",
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{service.endpoint}/credentials",
    )
    told = ask_in_vain(handler, {"endpoint": "echo"}, caplog, capsys, seconds)
    assert told.cause == cause and told.line.startswith(fault.log)
    assert service.invokes == []
