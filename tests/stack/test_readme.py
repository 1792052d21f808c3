"""The README's commands, in their order, on the deployed stack: each runs, or says here why not."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.cli.conftest import copy_project
from tests.servers.built import PROJECT, STATE
from tests.servers.dev_server import clean_environment
from tests.stack.conftest import Stack
from tests.stack.temporary import add_function, add_routes

README = (PROJECT / "README.md").read_text()
LEFT_OUT = {
    "make test": "this is it",
    "make down": "the stack is that of all tests",
    "export PATH": "uv's place",
    "uv run lambda-serving dev": "it goes on: tests/functional/test_dev_command.py",
    "uv run lambda-serving logs --follow": "so does this: tests/functional/test_logs_command.py",
    "make build": "for AWS: tests/built",
    "uv run sam deploy": "for AWS",
    "uv run python -m examples": "`local up` has done it",
    "aws ": "needs the AWS command line",
    "export AWS_ACCESS": "of the command after it",
    "curl --aws-sigv4": "the stack is open: tests/stack/test_authorization.py",
    'curl -H "Authorization': "so is this",
}
"""Beginnings of commands that do not run here, and why."""


class Shown(NamedTuple):
    """A command of the README, and what it says that comes."""

    command: str
    output: list[str]


def list_shown() -> Iterator[Shown]:
    for block in re.findall(r"^ *```console\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL):
        lines = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
        at = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for first, end in zip(at, [*at[1:], len(lines)], strict=True):
            yield Shown(re.sub(r" +# .*$", "", lines[first][2:]), lines[first + 1 : end])


def make_model(folder: Path) -> None:
    """A classifier of two numbers: a label, and its probabilities."""
    rows = [None, 2]
    weights = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, rows)]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, rows),
    ]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [weights])
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def matches(shown: list[str], output: str) -> bool:
    """Whether lines came as they are shown; `...` stands for anything."""
    patterns = [re.escape(line).replace(r"\.\.\.", ".*") for line in shown]
    return re.fullmatch("\n".join(patterns), output.strip()) is not None


class Shell:
    """Runs commands one after the other in a copy of the project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before: list[str] = []
        """Assignments, which each later command has."""
        tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = clean_environment(PATH=tools, COLUMNS="200")

    def run(self, command: str) -> str:
        if re.match(r"[A-Z]+=", command):
            self._before.append(command)
        script = "\n".join([*self._before, command.replace("uv run ", "")])
        done = subprocess.run(
            ["bash", "-ec", script], cwd=self._folder, env=self._environment, text=True,
            timeout=120, stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def test_what_is_left_out_is_in_the_readme() -> None:
    commands = [shown.command for shown in list_shown()]
    unused = [each for each in LEFT_OUT if not any(one.startswith(each) for one in commands)]
    assert unused == []


def test_every_command_runs(stack: Stack, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    project.write("README.md", README)
    state = json.loads((STATE / "stack.json").read_text())
    project.write(".local/stack.json", json.dumps(state))
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    project.write("preprocess.py", re.sub("^   ", "", code, flags=re.MULTILINE))
    make_model(project.root)
    shell, ran = Shell(project.root), list[str]()
    with ExitStack() as deployed:
        for command, output in list_shown():
            if any(command.startswith(each) for each in LEFT_OUT):
                continue
            ran.append(command)
            if command == "make up":
                if "churn" in project.read("template.yaml"):  # README's own endpoint, as if by it
                    files = {
                        path.name: path.read_bytes()
                        for path in (project.root / "functions" / "churn").glob("*.*")
                    }
                    name = deployed.enter_context(
                        add_function(stack, "churn", files, like="iris_onnx")
                    )
                    deployed.enter_context(add_routes(stack, "churn", like="iris_onnx"))
                    more = state | {"functions": state["functions"] | {"churn": name}}
                    project.write(".local/stack.json", json.dumps(more))
                continue
            if "<ID>" in command:
                answer = stack.post("/serve/filetype", content=b"text")
                command = command.replace("<ID>", answer.headers["x-request-id"])
            told = shell.run(command)
            if command.startswith("curl") and output:
                assert matches(output, told), f"{command}\n{told}"
        assert "make up" in ran and len([each for each in ran if "churn" in each]) >= 3
        # And what a user tries next: without the content type.
        bare = """curl $API/serve/churn -d '{"age": 41, "tenure": 3}'"""
        told = json.loads(shell.run(bare))
    assert told["type"] == "TypeError"
    assert "application/x-www-form-urlencoded" in told["detail"]
    assert "send it with -H 'content-type: application/json'" in told["detail"]
