"""`logs`, `cost` and `endpoints` on the deployed stack, as a user types them after requests."""

import json
import re

from tests.cli.conftest import Copy
from tests.events import load_event
from tests.servers.built import PROJECT, STATE
from tests.stack.conftest import Stack
from tests.stack.temporary import add_function

CLOUD = ("--state", str(STATE))
HERE = Copy(PROJECT)
MODELS = ("iris_onnx", "iris_sklearn", "iris_xgboost", "iris_lightgbm")
FLOWER = load_event("invoke_iris_onnx")
FAILING = """
def look(data):
    return data["none"]

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        print("printed")
        return look(data)
"""


def read(*arguments: str) -> list[str]:
    """Lines without their times."""
    lines = HERE.do("logs", *arguments, *CLOUD).splitlines()
    return [re.sub(r"^\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d ", "", line) for line in lines]


def test_one_request_through_a_pipeline(stack: Stack) -> None:
    answer = stack.post("/serve/iris_ensemble", json=FLOWER)
    assert answer.status_code == 200, answer.text
    request = answer.headers["x-request-id"]
    requests = [line.split() for line in read("--request", request) if f"request {request}" in line]
    assert {words[0] for words in requests} == {"iris_ensemble", *MODELS}
    assert all(words[1:3] == ["request", "ok"] for words in requests)
    assert requests[-1][0] == "iris_ensemble"  # it ends last
    raw = HERE.do("logs", "--request", request, "--json", *CLOUD).splitlines()
    assert {json.loads(line)["endpoint"] for line in raw} == {"iris_ensemble", *MODELS}


def test_a_failure_is_told_once(stack: Stack) -> None:
    files = {"endpoint.toml": 'endpoint = "failing"\nengine = "custom"\n', "preprocess.py": FAILING}
    with add_function(stack, "failing", files, like="iris_ensemble") as name:
        assert stack.invoke(name, {})[1] != ""
        shown, failures = read("failing"), read("failing", "--errors")
        shown = [re.sub(r"[\d.,]+ ms", "N ms", re.sub(r'".*/', '"', line)) for line in shown]
        wrong = HERE.run("cost", "failing", "--since", "1900-01-01", *CLOUD)
    traceback = [
        "    Traceback (most recent call last):",
        '      File "preprocess.py", line 8, in process',
        "        return look(data)",
        '      File "preprocess.py", line 3, in look',
        '        return data["none"]',
        "    KeyError: 'none'",
    ]
    assert [line for line in shown if line.startswith("    ") and "~" not in line] == traceback
    assert "print   printed" in shown and "cold    version 1 loaded in N ms" in shown
    [request] = [line for line in shown if line.startswith("request")]
    assert re.match("request 500 KeyError in N ms, version 1, cold, request ", request)
    assert len(failures) == len(shown) - 2 and "Traceback" in "".join(failures)
    assert wrong.returncode == 0 and b"1 request," in wrong.stdout


def test_the_load_of_an_endpoint(stack: Stack) -> None:
    assert stack.post("/serve/iris_onnx", json=FLOWER).status_code == 200
    told = HERE.ask("cost", "iris_onnx", "--since", "1h", *CLOUD)
    assert told["measured"]["requests"] >= 1 and 0 < told["load"]["duration_ms"] < 10_000
    assert (told["load"]["memory_mb"], told["measured"]["used_mb"]) == (1769, None)


def test_a_throttled_endpoint(stack: Stack) -> None:
    name = stack.state["functions"]["filetype"]
    stack.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        told = HERE.ask("endpoints", *CLOUD)["endpoints"]
    finally:
        stack.functions.delete_function_concurrency(FunctionName=name)
    [troubles] = [each["troubles"] for each in told if each["endpoint"] == "filetype"]
    assert "throttled" in {each["kind"] for each in troubles}
    assert "reserved concurrency is 0" in str(troubles)
