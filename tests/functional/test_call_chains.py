"""What travels along a chain of endpoints that call each other: request id and depth."""

from typing import Any

import pytest

from tests.functional.pipelines import CODES, STACK, PipelineMaker, find_failed_calls
from tests.servers.lambda_service import LambdaService

THREADS = """
from concurrent.futures import ThreadPoolExecutor

class Preprocess:
    def __init__(self):
        self.pool = ThreadPoolExecutor(4)

    def process(self, data, state, collect_custom_statistics_fn):
        def ask(number):
            return self.send_request("echo", data={"number": number})
        return {"answers": list(self.pool.map(ask, range(8)))}
"""
RECURSIVE = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        return {"below": self.send_request("pipeline", data={})}
"""

both_engines = pytest.mark.parametrize("engine", list(CODES))


def envelope(request_id: str = "from-the-caller", depth: int = 0, **body: Any) -> dict[str, Any]:
    """An event as another endpoint sends it."""
    return {"serving": {"protocol": 1, "request_id": request_id, "depth": depth}, "body": body}


def test_request_id_and_depth_travel(start_pipeline: PipelineMaker, service: LambdaService) -> None:
    start_pipeline()(envelope(depth=3, endpoint="echo"))
    assert service.invokes[0].envelope == {
        "protocol": 1,
        "request_id": "from-the-caller",
        "depth": 4,
    }


def test_from_threads_of_the_user(start_pipeline: PipelineMaker, service: LambdaService) -> None:
    """A thread pool that lives over requests: each call belongs to the request of its time."""
    handler = start_pipeline(code=THREADS, seconds=20)
    for request_id, depth in (("first", 0), ("second", 5)):
        service.invokes.clear()
        answers = handler(envelope(request_id, depth))["answers"]
        assert [answer["body"]["number"] for answer in answers] == list(range(8))
        sent = {(call.envelope["request_id"], call.envelope["depth"]) for call in service.invokes}
        assert sent == {(request_id, depth + 1)}


def test_pipeline_that_calls_itself(
    start_pipeline: PipelineMaker,
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It ends at the limit: one call more than allowed is never made, and the cause is told."""
    handler = start_pipeline(code=RECURSIVE, seconds=20, SERVING_CALL_DEPTH="3")
    service.functions[f"{STACK}-pipeline"] = handler
    answer: Any = handler({})
    for _ in range(4):
        assert set(answer) == {"below"}
        answer = answer["below"]
    assert answer is None
    assert [call.envelope["depth"] for call in service.invokes] == [1, 2, 3]
    assert caplog.text.count("DepthLimit: 3 endpoints called each other, the limit is 3") == 1
    (failed,) = find_failed_calls(capsys.readouterr().out)
    assert (failed["Callee"], failed["Cause"]) == ("pipeline", "DepthLimit")


@both_engines
def test_request_from_beyond_the_limit(start_pipeline: PipelineMaker, engine: str) -> None:
    handler = start_pipeline(engine, SERVING_CALL_DEPTH="3")
    with pytest.raises(Exception, match='"status": 508') as raised:
        handler(envelope(depth=4, endpoint="echo"))
    assert type(raised.value).__name__ == "CallDepthError"
    assert "4 endpoints called each other, the limit is 3" in str(raised.value)
