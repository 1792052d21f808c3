"""An endpoint that follows the registry, on the deployed stack: no deploy between the versions."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ADDER_CODE
from tests.emf import read_records
from tests.functional.registry import end_command, start_command
from tests.models import make_adder
from tests.servers.built import STATE
from tests.stack.conftest import Stack
from tests.stack.temporary import add_function

NAMED = ("--project", "tests of updates", "--name", "adder")
POLL_SECONDS = 2
TOML = f"""
endpoint = "follows"
engine = "onnx"
[auto_update]
project = "tests of updates"
name = "adder"
max_versions = 2
poll_seconds = {POLL_SECONDS}
"""

Publish = Callable[[bytes], str]


@pytest.fixture
def publish(stack: Stack, tmp_path: Path) -> Iterator[Publish]:
    """Upload and publish a model, as a user types it; gives its version."""

    def publish(model: bytes) -> str:
        path = tmp_path / "adder.onnx"
        path.write_bytes(model)
        sample = tmp_path / "sample.json"
        sample.write_text('{"a": 1, "b": 2}')
        options = ("--framework", "onnx", "--publish", "--sample", sample, "--json")
        said, _ = end_command(
            start_command(tmp_path, "upload", *NAMED, path, *options, "--state", STATE)
        )
        return str(json.loads(said)["version"])

    yield publish
    bucket = stack.state["model_bucket"]
    for item in stack.bucket.list_objects_v2(Bucket=bucket, Prefix="registry/tests%20of%20up").get(
        "Contents", []
    ):
        stack.bucket.delete_object(Bucket=bucket, Key=item["Key"])


def test_new_versions_without_a_deploy(stack: Stack, publish: Publish) -> None:
    assert publish(make_adder()) == "1"
    files = {"endpoint.toml": TOML, "preprocess.py": ADDER_CODE}
    with add_function(stack, "follows", files, like="iris_onnx") as function:

        def ask(version: str | None = None) -> Any:
            event = {"serving": {"protocol": 1, "version": version}, "body": {"a": 1, "b": 2}}
            answer, error = stack.invoke(function, event, "live")
            assert not error, answer
            return answer["sum"]

        def wait_for(expected: float) -> None:
            end = time.monotonic() + POLL_SECONDS + 20
            while (answer := ask()) != expected:
                assert time.monotonic() < end, answer
                time.sleep(0.2)

        assert ask() == 3
        assert publish(make_adder(add=10)) == "2"
        wait_for(13)
        assert ask("1") == 3 and ask("2") == 13
        assert publish(b"no model") == "3"
        time.sleep(POLL_SECONDS)
        for _ in range(10):
            assert ask() == 13 and ask("1") == 3
        log = stack.read_log(function)
        assert "the update to version 3 failed: ModelLoadError" in log
        assert "version 2 goes on" in log
        failed = [record for record in read_records(log) if "FailedUpdates" in record]
        assert {(each["Version"], each["Cause"]) for each in failed} == {("3", "ModelLoadError")}
