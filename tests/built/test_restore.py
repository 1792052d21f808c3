"""What a snapshot must not carry over into the environments that are restored from it."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lambda_serving.messages.sample import list_samples
from tests.built.conftest import BUCKET, Launch
from tests.events import load_event
from tests.servers.container_credentials import ContainerCredentials
from tests.servers.lambda_process import LambdaProcess
from tests.servers.lambda_service import LambdaService
from tests.servers.s3 import S3Server

CALL_AT_INIT = """
class Preprocess(Preprocess):
    def load(self, local_file_name):
        self.send_request("iris_onnx", data={"at": "init"})
"""


SNAP_START = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
    # Lambda sets none of these there.
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_SESSION_TOKEN": "",
}
DRAWING = """
import random
import numpy
if not hasattr(random, "seeded"):  # before the snapshot, and not when a later version is loaded
    random.seeded = True
    random.seed(7)
    numpy.random.seed(7)

class Preprocess(Preprocess):
    def postprocess(self, data, state, collect):
        result = super().postprocess(data, state, collect)
        return result | {"drawn": [random.random(), float(numpy.random.rand())]}
"""
FOLLOWING = """
endpoint = "iris_onnx"
engine = "onnx"
[auto_update]
project = "iris"
name = "onnx"
poll_seconds = 3600
"""
INDEX = "registry/iris/onnx/index.json"


@pytest.fixture
def container(s3: S3Server) -> Iterator[ContainerCredentials]:
    """The only keys that S3 accepts."""
    with ContainerCredentials() as container:
        s3.secrets = container.valid
        yield container
        assert container.refused == 0


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
    (code / "sample.json").unlink()  # which would call before the snapshot, too
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
    at_init, *later = service.invokes  # whichever of the threads is the first gets the connection
    assert at_init.body == {"at": "init"}
    assert (at_init.port in {invoke.port for invoke in later}) == (kind == "on-demand")


def publish(s3: S3Server, versions: int) -> None:
    """So many versions of one model in the registry, each with a sample request."""
    model = s3.buckets[BUCKET]["iris_onnx/1/model.onnx"][0].body
    sample = json.dumps(load_event("invoke_iris_onnx")).encode()
    index = {}
    for version in map(str, range(1, versions + 1)):
        folder = f"registry/iris/onnx/{version}"
        s3.put(BUCKET, f"{folder}/model.onnx", model)
        s3.put(BUCKET, f"{folder}/sample.json", sample)
        index[version] = {
            "model": f"{folder}/model.onnx",
            "sha256": sha256(model).hexdigest(),
            "sample": f"{folder}/sample.json",
            "published": True,
        }
    s3.put(BUCKET, INDEX, json.dumps({"schema": 1, "versions": index}).encode())


def follow_and_draw(code: Path) -> None:
    (code / "endpoint.toml").write_text(FOLLOWING)
    with (code / "preprocess.py").open("a") as file:
        file.write(DRAWING)


def test_two_restores(launch: Launch, s3: S3Server, container: ContainerCredentials) -> None:
    """Long after a snapshot: keys and connections are dead, the registry has news.

    Two processes with the same seeds stand for two restores of one snapshot: a process that was
    forked has lost the threads that a restored one still has.
    """
    publish(s3, 1)
    variables = SNAP_START | container.environment
    processes: list[LambdaProcess] = [
        launch("iris_onnx", s3, edit=follow_and_draw, held=True, **variables) for _ in range(2)
    ]
    for process in processes:
        process.wait_until_frozen()
    assert s3.count()["GET", "registry/iris/onnx/1/sample.json"] == 2
    of_snapshot = set(container.given)

    container.expire()
    s3.stop()
    publish(s3, 2)
    s3.start()
    s3.requests.clear()
    drawn = []
    for process in processes:
        process.restore()
        assert process.wait_until_started() is None
        answer = process.invoke(load_event("http_iris_onnx")).json()
        assert answer["statusCode"] == 200, process.read_log()
        assert answer["headers"]["x-serving-version"] == "2", process.read_log()
        drawn.append(json.loads(answer["body"])["drawn"])
    assert all(request.access_key in container.valid for request in s3.requests)
    assert not of_snapshot & container.valid.keys()
    ours, theirs = drawn
    assert all(one != other for one, other in zip(ours, theirs, strict=True))


def test_calls_after_a_restore(
    launch: Launch, s3: S3Server, service: LambdaService, container: ContainerCredentials
) -> None:
    service.secrets = container.valid
    variables = SNAP_START | container.environment
    variables |= {"AWS_ENDPOINT_URL": s3.endpoint, "AWS_ENDPOINT_URL_LAMBDA": service.endpoint}
    process = launch("iris_ensemble_threads", s3, edit=call_at_init, held=True, **variables)
    process.wait_until_frozen()
    container.expire()
    service.cut_connections()
    process.restore()
    assert process.wait_until_started() is None
    answer = process.invoke(load_event("invoke_iris_ensemble_threads"))
    assert not answer.failed, process.read_log()
    at_init, later = [invoke for invoke in service.invokes if invoke.function == "test-iris_onnx"]
    assert at_init.access_key not in container.valid
    assert later.access_key in container.valid


FAILING = """
class Preprocess(Preprocess):
    def after_restore(self):
        raise OSError("no database")
"""


def test_a_failed_restore_is_reported(launch: Launch, s3: S3Server) -> None:
    def fail(code: Path) -> None:
        with (code / "preprocess.py").open("a") as file:
            file.write(FAILING)

    process = launch("iris_onnx", s3, edit=fail, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    error = process.wait_until_started()
    assert error is not None
    assert error.error_type == "UserCodeLoadError"
    assert "no database" in process.read_log()


@pytest.mark.parametrize("endpoint", ["filetype", "iris_onnx"])
def test_samples_of_the_examples(launch: Launch, s3: S3Server, endpoint: str) -> None:
    """They are in the package, and are answered before the snapshot; else the init would fail."""
    process = launch(endpoint, s3, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert list_samples(process.task_root)
    assert process.wait_until_started() is None
    assert process.read_records() == []
    assert not process.invoke(load_event(f"invoke_{endpoint}")).failed
