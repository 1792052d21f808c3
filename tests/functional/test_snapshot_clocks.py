"""A restore long after the snapshot, and on another machine: what the clocks say does not matter.

The environment is a process of its own whose clocks are the test's from before its first import.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ADDER_CODE
from tests.emf import read_records
from tests.models import make_adder
from tests.registry import Registry
from tests.servers.container_credentials import ContainerCredentials
from tests.servers.s3 import S3Server

FOLLOWING = """
endpoint = "adder"
engine = "onnx"
[auto_update]
project = "examples"
name = "adder"
poll_seconds = 3600
"""
ENVIRONMENT = """
import json, sys, time
from types import SimpleNamespace

jump = {"time": 0.0, "monotonic": 0.0}
wall, monotonic = time.time, time.monotonic
time.time = lambda: wall() + jump["time"]
time.monotonic = lambda: monotonic() + jump["monotonic"]

from awslambdaric.lambda_runtime_hooks_runner import run_after_restore, run_before_snapshot
from lambda_serving.handler import lambda_handler

run_before_snapshot()
print("snapshot", flush=True)
jump.update(json.loads(sys.stdin.readline()))
run_after_restore()
context = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 29_000)
print(json.dumps(lambda_handler({"a": 1, "b": 2}, context)), flush=True)
"""
DAYS = 5 * 86_400.0


@pytest.mark.parametrize(
    "jump",
    [
        {"time": 0.0, "monotonic": 0.0},
        {"time": DAYS, "monotonic": DAYS},
        {"time": DAYS, "monotonic": -DAYS},
    ],
    ids=["stood-still", "days-later", "on-a-machine-that-started-later"],
)
def test_after_a_restore_the_newest_version_answers(
    make_folder: Callable[..., Path], models: Path, jump: dict[str, float]
) -> None:
    """Its keys are worth nothing by then, and its connections are cut."""
    registry = Registry(models)
    registry.publish(make_adder())
    with ContainerCredentials() as container, S3Server(secrets=container.valid) as s3:
        s3.put_folder("models", models)
        environment = {
            "LAMBDA_TASK_ROOT": str(make_folder(FOLLOWING, ADDER_CODE)),
            "SERVING_MODEL_BUCKET": "models",
            "AWS_ENDPOINT_URL": s3.endpoint,
            "AWS_REGION": "eu-central-1",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            **container.environment,
        }
        with subprocess.Popen(
            [sys.executable, "-c", ENVIRONMENT], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "snapshot\n"
            of_snapshot = set(container.given)
            container.expire()
            container.lifetime += jump["time"]
            s3.stop()
            registry.publish(make_adder(add=10))
            s3.start()
            s3.put_folder("models", models)
            s3.requests.clear()
            told, _ = process.communicate(json.dumps(jump) + "\n", timeout=60)
        signers = {request.access_key for request in s3.requests}
    [record] = read_records(told)
    assert json.loads(told.splitlines()[-1]) == {"sum": 13.0}
    assert signers
    assert signers <= set(container.valid) - of_snapshot
    assert container.refused == 0
    # Hours, not days: the record is of now, and nothing in it began before the snapshot.
    assert abs(record["_aws"]["Timestamp"] / 1000 - time.time() - jump["time"]) < 3600
    assert 0 <= record["Latency"] < 3_600_000
