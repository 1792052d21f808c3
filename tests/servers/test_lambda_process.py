"""The tests' execution environment gives a function what Lambda gives it, and nothing more."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.lambda_process import LambdaProcess, find_runtime_client

PROBE = """
import importlib.util, os, pathlib, sys, time
if os.environ.get("FAIL"):
    raise RuntimeError("not today")

def see(event, context):
    found = [name for name in event if importlib.util.find_spec(name)]
    return {"found": found, "environment": dict(os.environ), "folder": os.getcwd(),
            "milliseconds": context.get_remaining_time_in_millis(),
            "arn": context.invoked_function_arn}

def write(path, context):
    pathlib.Path(path).write_text("x")

def leave(event, context):
    os._exit(3)

def sleep(event, context):
    time.sleep(60)
"""
Start = Callable[..., LambdaProcess]


@pytest.fixture(scope="module")
def runtime_client() -> Path:
    return find_runtime_client()


@pytest.fixture
def start(runtime_client: Path, tmp_path: Path) -> Iterator[Start]:
    """start("see", **environment) -> an environment with that handler of PROBE."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "probe.py").write_text(PROBE)
    with ExitStack() as stack:

        def start_probe(function: str, **environment: str) -> LambdaProcess:
            process = LambdaProcess(
                code,
                [],
                runtime=runtime_client,
                folder=tmp_path,
                environment=environment,
                handler=f"probe.{function}",
            )
            return stack.enter_context(process)

        yield start_probe


def test_nothing_of_the_project_is_there(start: Start) -> None:
    process = start("see", SERVING_STACK="mine")
    seen = process.invoke(["numpy", "lambda_serving", "pytest", "pip", "boto3", "json"]).json()
    assert seen["found"] == ["boto3", "json"]
    assert seen["folder"] == seen["environment"]["LAMBDA_TASK_ROOT"] == str(process.task_root)
    assert seen["environment"]["SERVING_STACK"] == "mine"
    assert {"HOME", "VIRTUAL_ENV", "PYTHONPATH", "UV"}.isdisjoint(seen["environment"])


def test_context_is_lambdas(start: Start) -> None:
    seen = start("see").invoke([], timeout=5.0).json()
    assert 4000 < seen["milliseconds"] <= 5000
    assert seen["arn"].endswith(":function:test-function")


def test_missing_bytecode_is_a_violation(start: Start) -> None:
    process = start("see")
    assert process.wait_until_started() is None
    # Who is not root may not even make the folder.
    assert any("__pycache__" in violation for violation in process.list_violations())


@pytest.mark.parametrize("allowed", [True, False])
def test_writes_are_seen(start: Start, tmp_path: Path, allowed: bool) -> None:
    process = start("write")
    path = tmp_path / "anywhere.txt" if allowed else process.task_root / "here.txt"
    process.invoke(str(path))
    assert (f"wrote {path}" in process.list_violations()) is not allowed


def test_failed_init(start: Start) -> None:
    process = start("see", FAIL="1")
    error = process.wait_until_started()
    assert error is not None
    assert (error.error_type, error.json()["errorMessage"]) == ("RuntimeError", "not today")


def test_end_of_the_process_is_told(start: Start) -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        start("leave").invoke({})


def test_timeout_is_told(start: Start) -> None:
    process = start("sleep")
    with pytest.raises(TimeoutError, match="no answer within 0.5 s"):
        process.invoke({}, timeout=0.5)
    assert process.stop(timeout=1.0) != 0
