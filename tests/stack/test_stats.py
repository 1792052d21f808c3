"""`lambda-serving stats` on the deployed stack, as a user types it after real requests."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import forked
from tests.servers.built import STATE
from tests.servers.dev_server import clean_environment
from tests.stack.conftest import Stack
from tests.stack.temporary import add_function

TOML = """
endpoint = "measured"
engine = "custom"
[metrics]
log_frequency = 1.0
[metrics.variables.x]
type = "scalar"
buckets = [1.0, 2.0]
[metrics.variables.y]
type = "enum"
values = ["a", "b"]
"""
CODE = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        if data["x"] < 0:
            raise ValueError("no such x")
        if data["x"] > 100:
            raise LookupError("nothing there")
        return {"y": "a" if data["x"] < 2 else "c"}
"""


def run_stats(*options: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lambda-serving")), "stats"]
    return forked.run(
        [*command, "--state", str(STATE), *options], env=clean_environment(), text=True,
        timeout=60, stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip


def read_stats(*options: str) -> dict[str, Any]:
    done = run_stats(*options, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def measured(stack: Stack) -> Iterator[dict[str, Any]]:
    """What is told of a new endpoint after 20 good requests, two wrong ones and a fault."""
    files = {"endpoint.toml": TOML, "preprocess.py": CODE}
    with add_function(stack, "measured", files, like="iris_ensemble") as name:
        for number in range(20):
            assert stack.invoke(name, {"x": number % 4})[1] == ""
        for x in (-1, -2, 101):
            assert stack.invoke(name, {"x": x})[1] != ""
        yield read_stats("measured")


def test_counts(measured: dict[str, Any], stack: Stack) -> None:
    assert measured["target"]["endpoint_url"] == stack.state["aws_endpoint_url"]
    assert measured["records"] == 23
    [found] = measured["endpoints"].values()
    assert (found["count"], found["errors"], found["faults"]) == (23, 3, 1)
    assert found["errors_by_class"] == {"ValueError": 2, "LookupError": 1}
    assert found["cold_starts"] >= 1 and found["model_loads"] >= 1
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p99"] < 10_000
    assert found["stages_ms"].keys() == {"process"}
    assert list(found["versions"]) == ["1"]


def test_distributions(measured: dict[str, Any]) -> None:
    variables = measured["endpoints"]["measured"]["variables"]
    assert variables["y"]["classes"] == {"a": 10, "other": 10}
    # No folder of the project declares its buckets.
    assert sum(bucket["count"] for bucket in variables["x"]["buckets"]) == 23
    assert (variables["x"]["min"], variables["x"]["max"]) == (-2, 101)


def test_a_deployed_endpoint(stack: Stack) -> None:
    """Its buckets and classes are those of its endpoint.toml."""
    since = f"--since={time.strftime('%Y-%m-%dT%H:%M:%S')}"
    body = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    for _ in range(5):
        assert stack.post("/serve/iris_onnx", json=body).status_code == 200
    assert stack.post("/serve/iris_onnx", json={}).status_code == 422
    assert stack.post("/serve/iris_onnx/9", json=body).status_code == 404
    found = read_stats("iris_onnx", since)["endpoints"]["iris_onnx"]
    assert (found["count"], found["errors"], found["faults"]) == (7, 2, 0)
    assert found["errors_by_class"]["UnknownVersionError"] == 1
    assert found["variables"]["species"]["classes"] == {
        "setosa": 5, "versicolor": 0, "virginica": 0,
    }  # fmt: skip
    buckets = found["variables"]["sepal_length"]["buckets"]
    assert [(b["over"], b["to"]) for b in buckets if b["count"] == 5] == [(5.0, 5.5)]
    text = run_stats("iris_onnx", since).stdout
    assert re.search(r"requests +7\n", text) and "UnknownVersionError 1" in text
    assert "5 to 5.5" in text and "setosa" in text and "100.0%" in text


def test_all_endpoints(stack: Stack) -> None:
    told = read_stats("--since", "1d")
    assert (
        told["endpoints"].keys() | set(told["without_records"]) >= stack.state["functions"].keys()
    )


def test_wrong_input(stack: Stack) -> None:
    for code, options, reason in (
        (1, ["nobody"], "no endpoint 'nobody'"),
        (2, ["--stack", "nope"], "take one of them"),
        (1, ["--since", "soon"], "--since: 'soon' is no time"),
    ):
        done = run_stats(*options)
        assert (done.returncode, done.stdout) == (code, "")
        assert reason in done.stderr and "Traceback" not in done.stderr
