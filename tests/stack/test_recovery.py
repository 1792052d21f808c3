"""A model that comes after its function: 503 until then, and no new deploy."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.events import load_event
from tests.servers.built import PROJECT, STATE, read_build
from tests.stack.conftest import Stack

KEY = "recovery/1/model.onnx"
SAME_AS = "iris_onnx/1/model.onnx"


def pack(code: Path) -> bytes:
    """The code folder as a zip, its model one that is not published yet."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in code.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                if path.name == "endpoint.toml":
                    data = data.replace(SAME_AS.encode(), KEY.encode())
                file.writestr(str(path.relative_to(code)), data)
    return archive.getvalue()


@pytest.fixture
def function(stack: Stack) -> Iterator[str]:
    """A function like iris_onnx, with the same layers and role, whose model is missing."""
    code = read_build(STATE / "build")["iris_onnx"].code
    like = stack.functions.get_function_configuration(
        FunctionName=stack.state["functions"]["iris_onnx"]
    )
    name = f"{stack.state['stack_name']}-recovery"
    stack.functions.create_function(
        FunctionName=name,
        Runtime=like["Runtime"],
        Role=like["Role"],
        Handler=like["Handler"],
        Code={"ZipFile": pack(code)},
        Layers=[layer["Arn"] for layer in like["Layers"]],
        Timeout=like["Timeout"],
        MemorySize=like["MemorySize"],
        Environment={"Variables": like["Environment"]["Variables"]},
    )
    yield name
    stack.functions.delete_function(FunctionName=name)
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
