"""A model that comes after its function: 503 until then, and no new deploy."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.events import load_event
from tests.servers.built import PROJECT, STATE, read_build
from tests.stack.conftest import Stack
from tests.stack.temporary import add_function

KEY = "recovery/1/model.onnx"
SAME_AS = "iris_onnx/1/model.onnx"


@pytest.fixture
def function(stack: Stack) -> Iterator[str]:
    """A function like iris_onnx, with the same layers and role, whose model is missing."""
    code = read_build(STATE / "build")["iris_onnx"].code
    files = {str(path.relative_to(code)): path.read_bytes() for path in code.rglob("*.*")}
    files["endpoint.toml"] = files["endpoint.toml"].replace(SAME_AS.encode(), KEY.encode())
    with add_function(stack, "recovery", files, like="iris_onnx") as name:
        yield name
    stack.bucket.delete_object(Bucket=stack.state["model_bucket"], Key=KEY)


def test_recovers_when_the_model_is_published(stack: Stack, function: str) -> None:
    answer, error = stack.invoke(function, load_event("http_post_json"))
    assert error == ""
    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["type"] == "ModelFetchError"
    assert int(answer["headers"]["retry-after"]) >= 1
    result, error = stack.invoke(function, load_event("envelope_post"))
    assert error
    assert json.loads(result["errorMessage"])["status"] == 503

    model = (PROJECT / ".local" / "models" / SAME_AS).read_bytes()
    stack.bucket.put_object(Bucket=stack.state["model_bucket"], Key=KEY, Body=model)
    deadline = time.monotonic() + 30
    while error and time.monotonic() < deadline:
        time.sleep(0.5)
        result, error = stack.invoke(function, load_event("envelope_post"))
    assert error == "", result
    assert result["species"] == "setosa"
