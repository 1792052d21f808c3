"""What a callee or the API can do to ``send_request``, through the real handler.

Each gives None within the caller's time, one log line and one metric that name the cause, and
never a second run.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from lambda_serving.calls.lambda_api import LEAST_SECONDS
from lambda_serving.calls.send_request import ANSWER_MARGIN
from lambda_serving.settings.endpoint import MetricSettings
from lambda_serving.telemetry.statistics import Statistics
from tests.functional.pipelines import (
    CODES,
    OUTSIDE,
    SECONDS,
    STACK,
    PipelineMaker,
    ask_in_vain,
    find_failed_calls,
)
from tests.servers.lambda_faults import (
    Fault,
    access_denied,
    function_error,
    garbage,
    not_found,
    service_error,
    throttled,
    too_large,
    unsupported,
)
from tests.servers.lambda_service import LambdaService

ECHO = f"{STACK}-echo"

OWN_ERROR = {
    "errorType": "ValueError",
    "errorMessage": json.dumps({"detail": "no x0", "type": "ValueError", "status": 422}),
}
"""What another endpoint raises: its message is the body of its error."""

FOREIGN_ERROR = {
    "errorType": "Sandbox.Timedout",
    "errorMessage": "RequestId: 1 Error: Task timed out after 3.00 seconds",
}
DEEP = b"[" * 200_000 + b"]" * 200_000
LONG_ERROR = {"errorType": "ValueError", "errorMessage": "x" * 5_000_000}
NO_BODY = {"serving": {"protocol": 1, "content_type": "application/octet-stream"}}
NOT_BASE64 = {
    "serving": {"protocol": 1, "content_type": "application/octet-stream"},
    "body": "no base64!",
}


class Failure(NamedTuple):
    """A fault of the callee, and what is told of it."""

    name: str
    fault: Fault
    cause: str
    text: str
    """Stands in the log line."""
    runs: int = 1


FAILURES = (
    Failure("always_throttled", throttled(), "Throttled", "429 TooManyRequestsException", 0),
    Failure("no_such_function", not_found(), "NoSuchEndpoint", "404 ResourceNotFound", 0),
    Failure("no_permission", access_denied(), "AccessDenied", "403 AccessDeniedException", 0),
    Failure("no_policy", access_denied(), "AccessDenied", "`calls` of endpoint.toml", 0),
    Failure("api_says_too_large", too_large(), "PayloadTooLarge", "413 RequestTooLarge", 0),
    Failure("other_refusal", unsupported(), "Refused", "415 UnsupportedMediaType", 0),
    Failure("server_error", service_error(), "ServiceError", "500 ServiceException"),
    Failure("bad_gateway", Fault(502, runs=True), "ServiceError", "502"),
    Failure("cut_at_once", Fault(cuts_at_once=True), "ConnectionLost", "without response"),
    Failure("cut_mid_answer", Fault(cut_after=5), "ConnectionLost", "IncompleteRead"),
    Failure("slow", Fault(delay=SECONDS + 1), "Timeout", "no answer within 1.2 s"),
    Failure("trickling", Fault(trickle=0.4), "Timeout", "no answer within 1.2 s"),
    Failure("slow_and_trickling", Fault(delay=1, trickle=1), "Timeout", "no answer within"),
    Failure("own_error", function_error(OWN_ERROR), "FunctionError", "ValueError: no x0"),
    Failure(
        "foreign_error",
        function_error(FOREIGN_ERROR),
        "FunctionError",
        "Sandbox.Timedout: RequestId: 1 Error: Task timed out",
    ),
    Failure("error_of_no_shape", function_error(["?"]), "FunctionError", "unreadable"),
    Failure(
        "deep_error", Fault(payload=DEEP, is_function_error=True), "FunctionError", "unreadable"
    ),
    Failure(
        "deep_error_message",
        function_error({"errorType": "X", "errorMessage": "[" * 200_000}),
        "FunctionError",
        "X: [[[[",
    ),
    Failure("long_error", function_error(LONG_ERROR), "FunctionError", "x... (5000012 characters)"),
    Failure("deep_answer", garbage(DEEP), "UnreadableAnswer", "nested too deep"),
    Failure(
        "no_body",
        garbage(json.dumps(NO_BODY).encode()),
        "UnreadableAnswer",
        "its envelope: expected base64 as body, got null",
    ),
    Failure("garbage", garbage(), "UnreadableAnswer", "Expecting value"),
    Failure("half_an_answer", garbage(b'{"sum": 1'), "UnreadableAnswer", ""),
    Failure("not_base64", garbage(json.dumps(NOT_BASE64).encode()), "UnreadableAnswer", ""),
)

NO_THREADS = """
import threading
from contextlib import contextmanager

@contextmanager
def no_threads():
    usual = threading.stack_size(2**62)
    try:
        yield
    finally:
        threading.stack_size(usual)
"""

both_engines = pytest.mark.parametrize("engine", list(CODES))


@both_engines
@pytest.mark.parametrize("failure", FAILURES, ids=[failure.name for failure in FAILURES])
def test_failures_of_the_callee(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    engine: str,
    failure: Failure,
) -> None:
    service.faults[ECHO] = failure.fault
    event = {"endpoint": "echo", "version": "2", "data": {"a": 1}}
    told = ask_in_vain(start_pipeline(engine), event, caplog, capsys)
    assert (told.callee, told.cause) == ("echo", failure.cause)
    assert told.line.startswith(f"send_request to echo/2 failed: {failure.cause}: ")
    assert told.line.endswith(f"(request {OUTSIDE})")
    assert failure.text in told.line
    assert len(told.line) < 2200
    time.sleep(0.2)  # a second try would show by now
    assert service.runs[ECHO] == failure.runs
    assert len(service.invokes) == 1 or failure.cause == "Throttled"


@both_engines
def test_no_connection(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    engine: str,
) -> None:
    """Refused while it lasts; the same environment calls again once it is over."""
    handler = start_pipeline(engine)
    service.stop()
    told = ask_in_vain(handler, {"endpoint": "echo"}, caplog, capsys)
    assert told.cause == "NoConnection"
    service.start()
    assert handler({"endpoint": "echo"})["type"] == "dict"
    assert service.runs[ECHO] == 1


@both_engines
def test_no_thread_for_it(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    engine: str,
) -> None:
    """The system refuses threads whose stacks no memory can hold."""
    code = CODES[engine].replace("    answer =", "    with no_threads():\n            answer =")
    handler = start_pipeline(engine, NO_THREADS + code)
    told = ask_in_vain(handler, {"endpoint": "echo"}, caplog, capsys)
    assert told.cause == "InternalError"
    assert "can't start new thread" in told.line
    assert service.invokes == []


def test_throttled_with_growing_pauses(
    start_pipeline: PipelineMaker, service: LambdaService
) -> None:
    service.faults[ECHO] = throttled()
    start_pipeline(seconds=4)({"endpoint": "echo"})
    times = [invoke.at for invoke in service.invokes]
    # Without backoff there would be hundreds; a pause is at most 0.05, 0.1, 0.2 ... 2 seconds.
    assert 3 <= len(times) <= 40
    for number, (before, after) in enumerate(zip(times, times[1:], strict=False)):
        assert after - before < min(0.05 * 2**number, 2) + 0.5


def test_no_further_try_without_time_for_it(
    start_pipeline: PipelineMaker, service: LambdaService
) -> None:
    """A callee that is asked at the last moment would run for nobody."""
    service.faults[ECHO] = throttled()
    start_pipeline(seconds=ANSWER_MARGIN + LEAST_SECONDS)({"endpoint": "echo"})
    assert len(service.invokes) == 1


def test_failures_side_by_side(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each call fails for itself: as many whole metrics and lines as failures."""
    names = [f"absent{number}" for number in range(20)]
    code = CODES["custom_async"].replace(
        'await self.send_request(data["endpoint"], data.get("version"), data.get("data"))',
        "await asyncio.gather(*(self.send_request(name) for name in data['names']))",
    )
    handler = start_pipeline("custom_async", f"import asyncio\n{code}", seconds=20)
    answer = handler({"names": [*names[:10], "echo", *names[10:]]})["answer"]
    assert [value is not None for value in answer] == [False] * 10 + [True] + [False] * 10
    failed = find_failed_calls(capsys.readouterr().out)
    assert [record["Callee"] for record in failed] == ["-"] * len(names)  # `calls` names none
    told = " ".join(record.getMessage() for record in caplog.records)
    assert all(told.count(f"send_request to {name} failed") == 1 for name in names)
    assert len(caplog.records) == len(names)


def test_metrics_of_many_threads_stay_whole(capfd: pytest.CaptureFixture[str]) -> None:
    """Two records on one line would be none: EMF fails in silence."""

    statistics = Statistics("LambdaServing", "pipeline", MetricSettings())

    def count_one(number: int) -> None:
        dimensions = {"Callee": f"callee-{number}", "Cause": "Throttled"}
        statistics.count("FailedCalls", dimensions)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_one, range(2000)))
    assert len(find_failed_calls(capfd.readouterr().out)) == 2000
