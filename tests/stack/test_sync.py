"""`lambda-serving sync` to a stack in AWS, which the local cloud stands for: by `sam sync`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Copy, copy_project
from tests.events import load_event
from tests.stack.conftest import Stack

CODE = "functions/iris_onnx/preprocess.py"
SYNC = ("sync", "iris_onnx", "--aws")


@pytest.fixture
def function(stack: Stack) -> Iterator[str]:
    """iris_onnx, whose alias is put back."""
    name: str = stack.state["functions"]["iris_onnx"]
    alias = {"FunctionName": name, "Name": "live"}
    before = stack.functions.get_alias(**alias)["FunctionVersion"]
    yield name
    stack.functions.update_alias(**alias, FunctionVersion=before)


def test_a_stack_in_aws(stack: Stack, function: str, tmp_path: Path) -> None:
    """Its code goes at once; what of the template is not deployed is told."""
    project = copy_project(tmp_path / "project", "layers")
    aws = {
        "AWS_ENDPOINT_URL": stack.state["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": stack.state["region"],
        "SAM_CLI_TELEMETRY": "0",
    }
    declined = project.run(*SYNC, answer=b"n\n", env=aws)
    assert declined.returncode == 1 and b"stacks of development" in declined.stdout

    project.write(CODE, project.read(CODE).replace('"species"', '"kind"'))
    out, err = sync(project, aws)
    assert "iris_onnx: version " in out and "sam deploy" not in err
    answer, error = stack.invoke(function, load_event("invoke_iris_onnx"), "live")
    assert (answer.get("kind"), error) == ("setosa", "")

    text = project.read("template.yaml")
    project.write("template.yaml", text.replace("MemorySize: 1769", "MemorySize: 2048"))
    out, err = sync(project, aws)
    assert "template.yaml is not as it is deployed" in err and "Globals (Function)" in err
    assert "IrisOnnx" not in err


def sync(project: Copy, aws: dict[str, str]) -> tuple[str, str]:
    done = project.type(*SYNC, "--yes", env=aws, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode(), done.stderr.decode()
