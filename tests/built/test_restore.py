"""What a snapshot must not carry over into the environments that are restored from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.built.conftest import Launch
from tests.events import load_event
from tests.servers.lambda_service import LambdaService
from tests.servers.s3 import S3Server

CALL_AT_INIT = """
class Preprocess(Preprocess):
    def load(self, local_file_name):
        self.send_request("iris_onnx", data={"at": "init"})
"""


@pytest.fixture
def service() -> Iterator[LambdaService]:
    probabilities = {"setosa": 1.0, "versicolor": 0.0, "virginica": 0.0}

    def answer(event: Any) -> Any:
        return {"probabilities": probabilities}

    with LambdaService() as service:
        service.functions["test-iris_onnx"] = answer
        yield service
        assert service.defects == []


def call_at_init(code: Path) -> None:
    with (code / "preprocess.py").open("a") as file:
        file.write(CALL_AT_INIT)


@pytest.mark.parametrize("kind", ["on-demand", "snap-start"])
def test_connections_end_with_the_snapshot(
    launch: Launch, s3: S3Server, service: LambdaService, kind: str
) -> None:
    variables = service.environment | {"AWS_LAMBDA_INITIALIZATION_TYPE": kind}
    variables |= {"AWS_ENDPOINT_URL": s3.endpoint, "AWS_ENDPOINT_URL_LAMBDA": service.endpoint}
    process = launch("iris_ensemble_threads", s3, edit=call_at_init, **variables)
    assert process.wait_until_started() is None
    answer = process.invoke(load_event("invoke_iris_ensemble_threads"))
    assert not answer.failed, process.read_log()
    at_init, later = [invoke for invoke in service.invokes if invoke.function == "test-iris_onnx"]
    assert at_init.body == {"at": "init"}
    assert (at_init.port == later.port) == (kind == "on-demand")
