"""An endpoint that follows the registry, on the deployed stack: no deploy between the versions."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import copy_project
from tests.conftest import ADDER_CODE
from tests.emf import read_records
from tests.functional.registry import run_command
from tests.models import make_adder
from tests.servers.built import STATE
from tests.stack.conftest import Stack
from tests.stack.temporary import add_function, add_routes

NAMED = ("--project", "tests of updates", "--name", "adder")
FOLLOW = ("model", "auto-update", "--engine", "onnx", "--endpoint", "follows", "--published")
POLL_SECONDS = 2

Publish = Callable[..., str]


@pytest.fixture
def publish(stack: Stack, tmp_path: Path) -> Iterator[Publish]:
    """Upload and publish a model, as a user types it; gives its version."""

    def publish(model: bytes, *more: str) -> str:
        path = tmp_path / "adder.onnx"
        path.write_bytes(model)
        sample = tmp_path / "sample.json"
        sample.write_text('{"a": 1, "b": 2}')
        options = ("--framework", "onnx", "--publish", "--sample", sample, "--json")
        line = ("upload", *NAMED, path, *options, *more, "--state", STATE)
        said, _ = run_command(tmp_path, *line)
        return str(json.loads(said)["version"])

    yield publish
    bucket = stack.state["model_bucket"]
    for item in stack.bucket.list_objects_v2(Bucket=bucket, Prefix="registry/tests%20of%20up").get(
        "Contents", []
    ):
        stack.bucket.delete_object(Bucket=bucket, Key=item["Key"])


def make_endpoint(folder: Path) -> dict[str, bytes | str]:
    """The files that `model auto-update`, as typed, makes in a copy of the project."""
    project = copy_project(folder)
    project.write("adder.py", ADDER_CODE)
    often = ("--max-versions", "2", "--poll-seconds", str(POLL_SECONDS))
    project.do(*FOLLOW, *NAMED, *often, "--preprocess", "adder.py")
    made = (folder / "functions" / "follows").iterdir()
    return {path.name: path.read_bytes() for path in made}


def test_new_versions_without_a_deploy(stack: Stack, publish: Publish, tmp_path: Path) -> None:
    assert publish(make_adder()) == "1"
    files = make_endpoint(tmp_path / "project")
    with (
        add_function(stack, "follows", files, like="iris_onnx") as function,
        add_routes(stack, "follows", like="iris_onnx"),
    ):

        def ask(version: str = "") -> tuple[str, float]:
            answer = stack.post(f"/serve/follows/{version}".rstrip("/"), json={"a": 1, "b": 2})
            assert answer.status_code == 200, answer.text
            return answer.headers["x-serving-version"], answer.json()["sum"]

        assert ask() == ("1", 3)
        assert publish(make_adder(add=10)) == "2"
        time.sleep(POLL_SECONDS)  # by now every request finds it, without one to wait for
        assert ask() == ("2", 13)
        assert ask("1") == ("1", 3) and ask("2") == ("2", 13)
        assert publish(b"no model", "--force") == "3"
        time.sleep(POLL_SECONDS)
        for _ in range(10):
            assert ask() == ("2", 13) and ask("1") == ("1", 3)
        log = stack.read_log(function)
        assert "the update to version 3 failed: ModelLoadError" in log
        assert "version 2 goes on" in log
        failed = [record for record in read_records(log) if "FailedUpdates" in record]
        assert {(each["Version"], each["Cause"]) for each in failed} == {("3", "ModelLoadError")}
