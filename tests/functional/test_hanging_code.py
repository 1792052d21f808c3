"""User code that hangs: what its caller gets, what the log has, and that the next request works."""

import json
import math
import re
import time
from pathlib import Path
from typing import Any

import pytest

from lambda_serving.messages.asgi import count_api_seconds
from tests.events import load_event
from tests.faults.row import Row
from tests.functional.pipelines import ProcessMaker, post
from tests.servers.lambda_process import LambdaProcess

LEFT = {
    "a pause": "time.sleep(60)",
    "a loop": "while True: pass",
    "a loop that catches": "\n while True:\n  try: time.sleep(1)\n  except Exception: 0",
    "a lock": "threading.Lock().acquire() and lock.acquire()",
    "a thread": "ThreadPoolExecutor(1).submit(wait).result()",
    "an expression": "re.match('(a+)+$', 'a' * 40 + 'b')",
    "a coroutine": "await asyncio.sleep(60)",
    "a gather": "await asyncio.gather(asyncio.sleep(60), asyncio.to_thread(time.sleep, 3))",
}
STAYING = {
    "a library": "hashlib.pbkdf2_hmac('sha512', b'x', b'x', 1_200_000)",
    "a builtin": "time.sleep(2.3); sum(range(60_000_000))",
}
CODE = """
import asyncio, hashlib, re, threading, time
from concurrent.futures import ThreadPoolExecutor

lock = threading.Lock()
lock.acquire()

def wait():
    lock.acquire(timeout=30)

class Preprocess:
    async def preprocess(self, body, state, collect):
        if body["code"].startswith("await"):
            space = dict(globals())
            exec(f"async def run():\\n    {body['code']}", space)
            await space["run"]()
        return body

    def process(self, data, state, collect):
        if not data["code"].startswith("await"):
            exec(data["code"] if data["code"][0] != "\\n" else "if 1:" + data["code"], globals())
        return "done"
"""
SECONDS = 1.2


def send(process: LambdaProcess, name: str, event: Any, seconds: float = SECONDS) -> Any:
    invocation = process.api.send(json.dumps(event).encode(), seconds)
    try:
        return invocation.request_id, invocation.answer.result(40)
    except TimeoutError:
        raise TimeoutError(f"no answer for {name}; log:\n{process.read_log()}") from None


def read_trace(process: LambdaProcess, request_id: str) -> dict[str, Any]:
    """The line with the stacks; the record says the same."""
    of_it = [line for line in process.read_records() if line.get("request_id") == request_id]
    errors = [line.get("ErrorType") for line in of_it if "_aws" in line]
    assert errors == ["Timeout"]
    (trace,) = [line for line in of_it if "stacks" in line]
    return trace


@pytest.mark.fault(
    "user code",
    "a method waits or computes until the deadline",
    "504 Timeout",
    "Timeout 504 in process: it still runs",
)
def test_code_is_left(start_process: ProcessMaker, fault: Row) -> None:
    process = start_process("hangs", CODE)
    for name, code in LEFT.items():
        request_id, answer = send(process, name, {"code": code})
        stage = "preprocess" if code.startswith("await") else "process"
        assert answer.error_type == "Timeout", name
        message = json.loads(answer.json()["errorMessage"])
        assert (message["status"], message["stage"]) == (504, stage), name
        trace = read_trace(process, request_id)
        assert trace["stage"] == stage, name
        assert trace["stacks"].startswith("Thread MainThread:"), name
        assert name != "a thread" or "in wait" in trace["stacks"]
        assert process.invoke({"code": "0"}).json() == "done", name

    # The timer rings while the runtime client waits for an event.
    assert send(process, "quick", {"code": "0"})[1].json() == "done"
    time.sleep(SECONDS)
    assert process.invoke({"code": "0"}).json() == "done"

    _, answer = send(process, "by HTTP", post("/serve/hangs", code="time.sleep(60)"))
    assert answer.json()["statusCode"] == 504
    body = json.loads(answer.json()["body"])
    assert (body["type"], body["stage"]) == ("Timeout", "process")
    assert "/" not in body["detail"]

    # The HTTP API has waited for 28.9 of its 30 s, a cold start perhaps; the function has an hour.
    late = post("/serve/hangs", code="time.sleep(60)")
    late["requestContext"]["timeEpoch"] = int((time.time() - 28.9) * 1000)
    answer = process.api.send(json.dumps(late).encode(), 3600).answer.result(60)
    assert json.loads(answer.json()["body"])["type"] == "Timeout"
    assert fault.log in process.read_log()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"timeEpoch": -10}, 20),
        ({"timeEpoch": -3600}, 30),  # no event of now
        ({"timeEpoch": 3600}, 30),
        ({"timeEpoch": None}, 30),
        ({"timeEpoch": -10, "domainName": "abc.lambda-url.eu-central-1.on.aws"}, math.inf),
    ],
)
def test_time_that_the_api_waits(change: dict[str, Any], expected: float) -> None:
    if change["timeEpoch"] is not None:
        change = change | {"timeEpoch": int((time.time() + change["timeEpoch"]) * 1000)}
    event = post()
    event["requestContext"] |= change
    assert count_api_seconds(event) == pytest.approx(expected, abs=1)
    assert count_api_seconds(load_event("alb_post_json")) == math.inf


@pytest.mark.parametrize("name", STAYING)
def test_code_that_cannot_be_left_leaves_a_trace(start_process: ProcessMaker, name: str) -> None:
    process = start_process("stays", CODE)
    seconds = 3 if name == "a builtin" else SECONDS
    request_id, answer = send(process, name, {"code": STAYING[name]}, seconds)
    if name == "a builtin":  # it holds the interpreter's lock: faulthandler's lines
        assert re.search(r'preprocess.py", line \d+ in process$', process.read_log(), re.M)
    else:
        assert "preprocess.py" in read_trace(process, request_id)["stacks"]
    assert process.invoke({"code": "0"}).json() == "done"


SLOW_LOAD = """
import time

class Preprocess:
    def __init__(self):
        if SLOW.exists():
            time.sleep(60)

    def process(self, data, state, collect):
        return "done"
"""


@pytest.mark.fault(
    "user code",
    "a load hangs until the deadline",
    "504 Timeout",
    "Timeout 504 in load: it still runs",
    "a later request loads it again",
)
def test_a_load_is_left_and_tried_again(
    start_process: ProcessMaker, tmp_path: Path, fault: Row
) -> None:
    slow = tmp_path / "slow"
    code = f"from pathlib import Path\nSLOW = Path({str(slow)!r})\n{SLOW_LOAD}"
    process = start_process("loads", code, "[version.2]\n")
    process.wait_until_started()
    slow.touch()
    second = {"serving": {"protocol": 1, "version": "2"}, "body": {}}
    request_id, answer = send(process, "a load", second)
    message = json.loads(answer.json()["errorMessage"])
    assert (message["status"], message["type"], message["stage"]) == (504, "Timeout", "load")
    assert read_trace(process, request_id)["stage"] == "load"
    assert fault.log in process.read_log()
    slow.unlink()
    time.sleep(1.1)  # the pause before the next attempt
    assert process.invoke(second).json() == "done"


ALARM = """
import signal, time

class Preprocess:
    def __init__(self):
        self.rang = 0
        signal.signal(signal.SIGALRM, self.ring)

    def ring(self, *_):
        self.rang += 1

    def process(self, data, state, collect):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        time.sleep(data["seconds"])
        return self.rang
"""


def test_the_users_own_alarm(start_process: ProcessMaker) -> None:
    process = start_process("alarms", ALARM)
    assert process.invoke({"seconds": 0.2}).json() == 1
    _, answer = send(process, "hangs", {"seconds": 60})
    assert answer.error_type == "Timeout"
    assert process.invoke({"seconds": 0.2}).json() == 3
