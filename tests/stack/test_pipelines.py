"""Endpoints that call others, on the deployed stack: the examples, and temporary functions."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.emf import read_records
from tests.events import load_event
from tests.stack.conftest import Stack
from tests.stack.temporary import ALIAS, add_function

MODELS = ["iris_onnx", "iris_sklearn", "iris_xgboost", "iris_lightgbm"]
ENSEMBLES = ["iris_ensemble", "iris_ensemble_threads"]
FLOWER = load_event("invoke_iris_onnx")

SLOW = """
import time

class Preprocess:
    def process(self, data, state, collect):
        time.sleep(0.3)
        return {"slept": True}
"""
SLEEPERS = [f"slow_{number}" for number in range(4)]

ASK = """
import asyncio, time

class Preprocess:
    async def process(self, data, state, collect):
        started = time.perf_counter()
        calls = [self.send_request(name, data=data.get("say")) for name in data["ask"]]
        answers = await asyncio.gather(*calls)
        return {"answers": answers, "seconds": time.perf_counter() - started}
"""
ASK_IN_THREADS = """
import time
from concurrent.futures import ThreadPoolExecutor

class Preprocess:
    def process(self, data, state, collect):
        started = time.perf_counter()
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(self.send_request, data["ask"]))
        return {"answers": answers, "seconds": time.perf_counter() - started}
"""
RECURSE = """
class Preprocess:
    def process(self, data, state, collect):
        return {"below": self.send_request("recurse", data=data)}
"""
DEPTH = 2
"""Calls below each other that `recurse` may make; each costs the test a cold start."""


@pytest.fixture(scope="module")
def temporary(stack: Stack) -> Iterator[dict[str, str]]:
    """endpoint -> function: four that take 300 ms, those that ask, and one that asks itself."""
    with ExitStack() as functions:

        def add(
            endpoint: str, engine: str, code: str, calls: Sequence[str] = (), **variables: str
        ) -> None:
            toml = f'endpoint = "{endpoint}"\nengine = "{engine}"\ncalls = {json.dumps(calls)}\n'
            files = {"endpoint.toml": toml, "preprocess.py": code}
            names[endpoint] = functions.enter_context(
                add_function(stack, endpoint, files, like="iris_ensemble", **variables)
            )

        names: dict[str, str] = {}
        for endpoint in SLEEPERS:
            add(endpoint, "custom", SLOW)
        add("ask", "custom_async", ASK, SLEEPERS)
        add("ask_in_threads", "custom", ASK_IN_THREADS, SLEEPERS)
        add("ask_without_calls", "custom_async", ASK)
        add("slow_40", "custom", SLOW)
        add("recurse", "custom", RECURSE, ["recurse"], SERVING_CALL_DEPTH=str(DEPTH))
        yield names


def ask(stack: Stack, function: str, *endpoints: str) -> dict[str, Any]:
    result, error = stack.invoke(function, {"ask": endpoints}, ALIAS)
    assert error == "", result
    answer: dict[str, Any] = result
    return answer


@pytest.mark.parametrize("endpoint", ENSEMBLES)
def test_ensemble_is_the_mean_of_its_models(stack: Stack, endpoint: str) -> None:
    models = [stack.post(f"/serve/{model}", json=FLOWER).json() for model in MODELS]
    by_http = stack.post(f"/serve/{endpoint}", json=FLOWER).json()
    direct, error = stack.invoke(stack.state["functions"][endpoint], FLOWER, ALIAS)
    assert (error, direct) == ("", by_http)
    assert (direct["asked"], direct["left_out"]) == (MODELS, [])
    for species, mean in direct["probabilities"].items():
        expected = sum(model["probabilities"][species] for model in models) / len(models)
        assert mean == pytest.approx(expected, abs=1e-6)
    assert direct["species"] == "virginica"


@pytest.mark.parametrize("endpoint", ENSEMBLES)
def test_ensemble_answers_without_one_of_its_models(stack: Stack, endpoint: str) -> None:
    function = stack.state["functions"]["iris_xgboost"]
    alias = stack.functions.get_alias(FunctionName=function, Name=ALIAS)
    stack.functions.delete_alias(FunctionName=function, Name=ALIAS)
    try:
        answer = stack.post(f"/serve/{endpoint}", json=FLOWER)
    finally:
        stack.functions.create_alias(
            FunctionName=function, Name=ALIAS, FunctionVersion=alias["FunctionVersion"]
        )
    assert answer.status_code == 200, answer.text
    assert answer.json()["left_out"] == ["iris_xgboost"]
    assert sum(answer.json()["probabilities"].values()) == pytest.approx(1)
    assert "iris_xgboost failed: NoSuchEndpoint" in stack.read_log(
        stack.state["functions"][endpoint]
    )
    assert stack.post(f"/serve/{endpoint}", json=FLOWER).json()["left_out"] == []


@pytest.mark.parametrize("asker", ["ask", "ask_in_threads"])
def test_calls_overlap(stack: Stack, temporary: dict[str, str], asker: str) -> None:
    """Four that take 300 ms each. The best of six counts: the first time they start."""
    answers = [ask(stack, temporary[asker], *SLEEPERS) for _ in range(6)]
    assert all(answer["answers"] == [{"slept": True}] * 4 for answer in answers)
    assert 0.3 <= min(answer["seconds"] for answer in answers[1:]) < 0.6


def test_one_that_is_not_there(stack: Stack, temporary: dict[str, str]) -> None:
    """Outside of what the policy names there is no telling what exists."""
    answer = ask(stack, temporary["ask"], "slow_0", "nobody")
    assert answer["answers"] == [{"slept": True}, None]
    log = stack.read_log(temporary["ask"])
    assert "send_request to nobody failed: AccessDenied" in log
    assert "not in `calls`" in log


def test_without_calls_nobody_is_asked(stack: Stack, temporary: dict[str, str]) -> None:
    asker = temporary["ask_without_calls"]
    assert ask(stack, asker, "slow_0")["answers"] == [None]
    assert "send_request to slow_0 failed: AccessDenied" in stack.read_log(asker)


def test_policy_ends_with_calls(stack: Stack, temporary: dict[str, str]) -> None:
    """One that is there, whose name begins as that of one in `calls` does."""
    assert ask(stack, temporary["ask"], "slow_40")["answers"] == [None]
    log = stack.read_log(temporary["ask"])
    assert "send_request to slow_40 failed: AccessDenied" in log


def test_recursion_ends(stack: Stack, temporary: dict[str, str]) -> None:
    function = temporary["recurse"]
    result, error = stack.invoke(function, {"again": True}, ALIAS)
    assert error == "", result
    depth = 0
    while result["below"] is not None:
        result, depth = result["below"], depth + 1
    assert depth == DEPTH
    log = stack.read_log(function)
    assert f"DepthLimit: {DEPTH} endpoints called each other, the limit is {DEPTH}" in log


def test_failed_calls_are_counted(stack: Stack, temporary: dict[str, str]) -> None:
    """A metric in CloudWatch's embedded format, a line of the log."""
    ask(stack, temporary["ask"], "nobody_else")
    log = stack.read_log(temporary["ask"])
    assert "send_request to nobody_else failed: AccessDenied" in log
    # An invented name would be a metric of its own: of those that `calls` does not hold, none is.
    [*_, record] = [record for record in read_records(log) if "FailedCalls" in record]
    assert (record["Endpoint"], record["Callee"]) == ("ask", "-")
    assert record["Cause"] == "AccessDenied"
    assert record["FailedCalls"] == 1


def test_one_request_id_in_all_logs(stack: Stack, temporary: dict[str, str]) -> None:
    """API Gateway's: of the endpoint that was asked and of those that it asks."""
    request_id = stack.post("/serve/iris_ensemble", json=FLOWER).headers["x-request-id"]
    for endpoint in ["iris_ensemble", *MODELS]:
        records = read_records(stack.read_log(stack.state["functions"][endpoint]))
        assert request_id in {record.get("request_id") for record in records}, endpoint


def test_log_lines(stack: Stack, temporary: dict[str, str]) -> None:
    """Ours, once each, beside the statistics and with the id that the caller gave."""
    envelope = {"protocol": 1, "request_id": "from-the-caller"}
    payload = {"serving": envelope, "body": {"ask": ["nobody_at_all"]}}
    stack.invoke(temporary["ask"], payload, ALIAS)
    lines = stack.read_log(temporary["ask"]).splitlines()
    [line] = [json.loads(line) for line in lines if "send_request to nobody_at_all" in line]
    assert (line["level"], line["service"]) == ("ERROR", "ask")
    assert line["request_id"] == "from-the-caller"
    assert line["function_name"] == temporary["ask"]
    assert line["function_request_id"] != line["request_id"]


@pytest.mark.parametrize(
    ("body", "status"), [(FLOWER, 200), (FLOWER | {"petal_width": "wide"}, 422)]
)
def test_canary_passes_answers_on(stack: Stack, body: dict[str, Any], status: int) -> None:
    answer = stack.post("/serve/iris_canary", json=body)
    target = answer.headers["x-serving-target"]
    assert target in ("iris_onnx", "iris_sklearn")
    direct = stack.post(f"/serve/{target}", json=body)
    assert (answer.status_code, direct.status_code) == (status, status)
    assert answer.headers["content-type"] == direct.headers["content-type"]
    assert read_content(answer) == read_content(direct)


def read_content(answer: httpx.Response) -> bytes | dict[str, Any]:
    """The body; an error's without the id of its request."""
    if answer.status_code == 200:
        return answer.content
    error: dict[str, Any] = answer.json()
    assert error.pop("request_id")
    return error
