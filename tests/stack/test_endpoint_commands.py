"""`endpoints`, `invoke`, `validate` and `model add` against the deployed local cloud."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Copy, Done, copy_project
from tests.events import list_endpoints, load_event
from tests.servers.built import PROJECT, STATE
from tests.stack.conftest import Stack

CLOUD = ("--state", str(STATE))
HERE = Copy(PROJECT)
FLOWER = f"@{PROJECT / 'functions/iris_onnx/sample.json'}"


def invoke(*arguments: str, answer: bytes = b"") -> Done:
    return HERE.run("invoke", *arguments, *CLOUD, answer=answer)


def test_endpoints(stack: Stack) -> None:
    done = HERE.type("endpoints", "--json", *CLOUD)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["stack"], told["local"]) == (stack.state["stack_name"], True)
    found = {each["endpoint"]: each for each in told["endpoints"]}
    assert {name: each["function"] for name, each in found.items()} == stack.state["functions"]
    for name in list_endpoints():
        assert found[name]["health"] == "ready"
    assert found["iris_onnx"]["versions"]["1"]["engine"] == "onnx"
    assert found["iris_onnx"]["versions"]["1"]["loaded"] is True
    assert found["iris_canary"]["traffic"] == {"iris_onnx": 0.9, "iris_sklearn": 0.1}
    table = HERE.run("endpoints", *CLOUD).stdout.decode()
    [row] = [line for line in table.splitlines() if line.startswith("iris_xgboost ")]
    assert "1 xgboost" in row and "1 100 %" in row and row.rstrip().endswith("ready")


@pytest.mark.parametrize("way", ["--http", "--lambda"])
def test_invoke(stack: Stack, way: str) -> None:
    direct, _ = stack.invoke(stack.state["functions"]["iris_onnx"], load_event("invoke_iris_onnx"))
    for more in (["--data", FLOWER], ["--data", FLOWER, "--version", "1"], ["--example"]):
        done = invoke("iris_onnx", way, *more)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == direct
    whole = invoke(
        "iris_canary", way, "--data", "-", "--json", answer=Path(FLOWER[1:]).read_bytes()
    )
    assert json.loads(whole.stdout)["body"].keys() == direct.keys()
    assert json.loads(invoke("filetype", "--example", "sample", way).stdout)["label"] == "png"
    kind = invoke("filetype", way, "--data", f"@{PROJECT / 'README.md'}")
    assert json.loads(kind.stdout)["label"] == "markdown"
    own = invoke(
        "filetype", way, "--data", "def f():\n    return 1", "--content-type", "text/plain"
    )
    assert own.returncode == 0, own.stderr


@pytest.mark.parametrize("way", ["--http", "--lambda"])
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--data", "{}"], "422 ValueError in preprocess: expected the measures"),
        (["--version", "7"], "404 UnknownVersionError in request"),
        (["--data", "x", "--content-type", "text/plain"], "422 ValueError in preprocess"),
    ],
)
def test_errors_of_the_callee(stack: Stack, way: str, arguments: list[str], error: str) -> None:
    done = HERE.run("invoke", "iris_onnx", way, *arguments, *CLOUD)
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"iris_onnx answered {error}" in done.stderr.decode()
    [command] = re.findall(r"`lambda-serving (logs iris_onnx --request .*)`", done.stderr.decode())
    shown = HERE.run(*shlex.split(command)).stdout.decode()
    assert error.split()[1] in shown and "request " + command.split()[3] in shown
    told = HERE.run("invoke", "iris_onnx", way, *arguments, "--json", *CLOUD)
    assert told.returncode == 1
    assert json.loads(told.stdout)["body"]["type"] == error.split()[1]


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (1, ["nix"], "has no endpoint 'nix'; it has: filetype"),
        (1, ["iris_onnx", "--data", "@nix.json"], "nix.json: No such file"),
        (
            1,
            ["iris_onnx", "--lambda", "--data", "x", "--content-type", "application/json"],
            "no JSON",
        ),
        (1, ["iris_onnx", "--example", "nix"], "iris_onnx has no sample 'nix'; it has sample"),
        (2, ["iris_onnx", "--example", "--data", "{}"], "--data or --example, not both"),
        (2, ["iris_onnx", "nix"], "'nix': a NAME goes with --example"),
        (2, ["iris_onnx", "--data", "nix"], "no JSON object"),
        (2, ["iris_onnx", "--data", "[1]"], "no JSON object"),
        (2, ["iris_onnx", "--version", "a/b"], "a version is"),
        (2, ["a/b"], "1 to 48"),
        (2, [], "Missing argument"),
    ],
)
def test_wrong_invokes(stack: Stack, code: int, arguments: list[str], message: str) -> None:
    done = HERE.run("invoke", *arguments, *CLOUD)
    text = " ".join(done.stderr.decode().replace("│", " ").split())
    assert (done.returncode, done.stdout) == (code, b"")
    assert message in text


def read_findings(project: Copy) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(project.run("validate", "--json", *CLOUD).stdout)[
        "findings"
    ]
    return found


def test_models_of_the_bucket(stack: Stack, tmp_path: Path) -> None:
    """`model add` uploads a file; `validate` finds it, and tells of others that are not there."""
    project = copy_project(tmp_path / "project")
    assert read_findings(project) == []
    model = project.write("model.joblib", f"model of {tmp_path}")
    name = f"added_{tmp_path.parent.name}"[:48]
    add = ("model", "add", "--engine", "sklearn", "--endpoint", name, *CLOUD)
    outcome = project.ask(*add, "--model", str(model))
    key, bucket = outcome["model"], stack.state["model_bucket"]
    assert stack.bucket.get_object(Bucket=bucket, Key=key)["Body"].read() == model.read_bytes()
    assert (project.root / ".local" / "models" / key).read_bytes() == model.read_bytes()
    assert read_findings(project) == []
    toml = project.read(f"functions/{name}/endpoint.toml")
    project.write(f"functions/{name}/endpoint.toml", re.sub(r"[0-9a-f]{64}", "0" * 64, toml))
    [other] = read_findings(project)
    assert other["problem"].endswith(f"pinned is {'0' * 64}")
    project.write(f"functions/{name}/endpoint.toml", toml.replace(key, "nix"))
    unread, missing = read_findings(project)
    assert "`lambda-serving policies` writes them" in unread["problem"]
    assert missing["problem"] == f"s3://{bucket}/nix: there is no such model"
    project.write(f"functions/{name}/endpoint.toml", toml)
    stack.bucket.put_object(Bucket=bucket, Key=f"{name}/2/model.joblib", Body=b"another's")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.joblib").write_bytes(b"a model")
    second = (*add, "--version", "2", "--model", str(tmp_path / "folder" / "model.joblib"))
    assert "another model is at" in project.run(*second).stderr.decode()
    assert "[version" not in project.read(f"functions/{name}/endpoint.toml")
    project.do(*add, "--version", "3", "--model", str(tmp_path / "folder"))
    assert stack.bucket.head_object(Bucket=bucket, Key=f"{name}/3/folder/model.joblib")
    assert read_findings(project) == []


def test_models_of_the_registry(stack: Stack, tmp_path: Path) -> None:
    """The newest version with the tags, by the index."""
    project = copy_project(tmp_path / "project")
    folder = f"registry/some%20project/{tmp_path.parent.name}/"
    about = {"framework": "scikit-learn", "size": 1, "libraries": {}, "created": ""}
    versions: dict[str, dict[str, object]] = {
        "1": {"sha256": "1" * 64, "tags": ["a", "b"], "published": True},
        "9": {"sha256": "9" * 64, "tags": ["a"], "published": True},
        "10": {"sha256": "a" * 64, "tags": ["a", "b"], "published": False},
    }
    for number, version in versions.items():
        version |= about | {"model": f"{folder}{number}/m.joblib"}
    index = {
        "schema": 1, "project": "some project", "name": tmp_path.parent.name, "next": 11,
        "versions": versions,
    }  # fmt: skip
    stack.bucket.put_object(
        Bucket=stack.state["model_bucket"], Key=f"{folder}index.json", Body=json.dumps(index)
    )
    add = ("model", "add", "--engine", "sklearn", *CLOUD, "--project", "some project", "--name")
    own = (*add, tmp_path.parent.name)
    newest = project.ask(*own, "--endpoint", "newest")
    assert newest["model"] == f"{folder}10/m.joblib"
    assert f'sha256 = "{"a" * 64}"' in project.read("functions/newest/endpoint.toml")
    assert project.ask(*own, "--endpoint", "x", "--published")["model"] == f"{folder}9/m.joblib"
    both = ("--published", "--tags", "a", "b")
    assert project.ask(*own, "--endpoint", "y", *both)["model"] == f"{folder}1/m.joblib"
    none = project.refuse(1, *own, "--endpoint", "z", "--tags", "c")
    assert "no version that is tagged c" in none and "it has 1, 9, 10" in none
    assert "no model 'nix'" in project.refuse(1, *add, "nix", "--endpoint", "z")


def test_without_a_cloud(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    for command in (["endpoints"], ["invoke", "iris_onnx"], ["sync", "iris_onnx"]):
        assert "no AWS region" in project.refuse(1, *command)
        assert "no local cloud is up" in project.refuse(1, *command, "--state", "nix")
        env = {"AWS_REGION": "eu-central-1"}
        assert "no AWS credentials" in project.refuse(1, *command, "--aws", env=env)
        both = project.run(*command, "--aws", "--state", "nix")
        assert both.returncode != 0 and b"--state" in both.stderr
