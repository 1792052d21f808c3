"""`lambda-serving model add` and `model auto-update`: endpoints from a model and code."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Copy

CODE = "class Preprocess:\n    def process(self, data, state, collect=None):\n        return {}\n"
MODEL = b"a model"
ADD = ("model", "add", "--engine", "sklearn", "--endpoint", "churn")
FOLLOW = ("model", "auto-update", "--engine", "sklearn", "--endpoint", "churn")
RULE = ("--project", "some examples", "--name", "my model")


@pytest.fixture
def project(project: Copy) -> Copy:
    """With files to make endpoints of."""
    project.write("in/code.py", CODE)
    project.write("in/package/__init__.py", "from .parts import Preprocess")
    project.write("in/package/parts.py", CODE)
    project.write("in/folder/preprocess.py", "import features\n" + CODE)
    project.write("in/folder/features.py", "")
    project.write("in/folder/endpoint.toml", "of another endpoint")
    project.write("in/model.joblib", MODEL.decode())
    project.write("in/models/model.onnx", "graph")
    project.write("in/models/weights/data.bin", "weights")
    return project


def read_toml(project: Copy, endpoint: str = "churn") -> Any:
    return tomllib.loads(project.read(f"functions/{endpoint}/endpoint.toml"))


def list_problems(project: Copy) -> list[str]:
    """What `validate` finds wrong with the endpoint `churn`."""
    findings = json.loads(project.run("validate", "--json").stdout)["findings"]
    return [each["problem"] for each in findings if each["endpoint"] == "churn"]


def test_a_new_endpoint(project: Copy) -> None:
    """Without a stack, the model waits where `make up` finds it."""
    done = project.type(*ADD, "--preprocess", "in/code.py", "--model", "in/model.joblib", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["model"] == "churn/1/model.joblib"
    assert b"No stack is there yet" in done.stderr
    assert read_toml(project) == {
        "endpoint": "churn",
        "engine": "sklearn",
        "model": "churn/1/model.joblib",
        "sha256": hashlib.sha256(MODEL).hexdigest(),
    }
    assert project.read("functions/churn/preprocess.py") == CODE
    assert project.read(".local/models/churn/1/model.joblib") == MODEL.decode()
    assert list_problems(project) == []


READS = """
class Preprocess:
    async def preprocess(self, body, state, collect=None):
        body["seen"] = body.get("name", "Ann")
        return [body["age"], body.get("tenure"), state["x"], data["y"], body[NAMES]]

    def process(self, data, state, collect=None):
        return data["z"]
"""


@pytest.mark.parametrize(
    ("code", "options", "name", "content"),
    [
        (READS, (), "sample.json", '{\n  "name": "Ann",\n  "age": 1,\n  "tenure": 1\n}\n'),
        (CODE, (), None, "put a request into functions/churn/sample.json"),
        (CODE, ("--sample", "in/cat.png"), "sample.png", "a picture"),
        (READS, ("--sample", "in/request.json"), "sample.json", '{"age": 41}'),
    ],
    ids=["made", "unknown", "bytes", "given"],
)
@pytest.mark.parametrize("command", [ADD, (*FOLLOW, *RULE)], ids=["add", "auto-update"])
def test_the_sample_of_a_new_endpoint(
    project: Copy, command: tuple[str, ...], code: str, options: tuple[str, ...],
    name: str | None, content: str,
) -> None:  # fmt: skip
    project.write("in/own.py", code)
    project.write("in/cat.png", "a picture")
    project.write("in/request.json", '{"age": 41}')
    model = ("--model", "in/model.joblib") if command == ADD else ()
    told = project.do(*command, "--preprocess", "in/own.py", *model, *options)
    files = {path.name for path in (project.root / "functions/churn").glob("sample.*")}
    assert files == ({name} if name else set())
    assert content == project.read(f"functions/churn/{name}") if name else content in told
    assert ("made-up values" in told) == (code == READS and not options)


def test_samples_that_are_not_taken(project: Copy) -> None:
    code = ("--preprocess", "in/code.py", "--model", "in/model.joblib")
    project.write("in/list.json", "[1]")
    message = project.refuse(1, *ADD, *code, "--sample", "in/list.json")
    assert "--sample in/list.json: list.json: the body: expected a JSON object" in message
    project.do(*ADD, *code)
    again = ("--version", "2", *code, "--sample", "in/list.json")
    assert "all its versions answer them" in project.refuse(1, *ADD, *again)


def test_pickles_without_a_pin(project: Copy) -> None:
    """A folder has no pin, nor has a model in S3: they are allowed outright, and that is told."""
    (project.root / "in/forest").mkdir()
    project.write("in/forest/model.joblib", "data")
    told = project.do(*ADD, "--model", "in/forest")
    assert read_toml(project)["allow_pickle"] is True
    assert "allow_pickle = true lets the model load" in told
    project.do(*ADD, "--version", "2", "--model", "s3://other/model.skops")
    assert "allow_pickle" not in read_toml(project)["version"]["2"]
    told = project.do(*ADD, "--version", "3", "--model", "in/model.joblib")
    assert "sha256 pins the model" in told
    assert list_problems(project) == []
    text = project.read("functions/churn/endpoint.toml")
    project.write("functions/churn/endpoint.toml", text.replace("allow_pickle = true\n", ""))
    (problem,) = list_problems(project)
    assert "say `allow_pickle = true` in endpoint.toml" in problem


def test_further_versions(project: Copy) -> None:
    """What differs from the first one stands in their tables; their layers are added."""
    project.do(*ADD, "--model", "in/model.joblib")
    before = project.read("functions/churn/endpoint.toml")
    project.do(
        "model", "add", "--engine", "onnx", "--endpoint", "churn", "--version", "2.0",
        "--preprocess", "in/package", "--model", "in/models", "--input-size", "-1", "4",
    )  # fmt: skip
    project.do(*ADD, "--version", "3", "--preprocess", "in/folder", "--model", "in/model.joblib")
    assert project.read("functions/churn/endpoint.toml").startswith(before)
    assert read_toml(project)["version"] == {
        "2.0": {
            "engine": "onnx",
            "model": "churn/2.0/models/",
            "input": {"size": [[-1, 4]]},
            "preprocess": "v2.0/preprocess",
        },
        "3": {
            "model": "churn/3/model.joblib",
            "sha256": hashlib.sha256(MODEL).hexdigest(),
            "preprocess": "v3/preprocess.py",
        },
    }
    folder = project.root / "functions" / "churn"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file()}
    assert found == {
        "endpoint.toml", "v2.0/preprocess/__init__.py", "v2.0/preprocess/parts.py",
        "v3/preprocess.py", "v3/features.py",
    }  # fmt: skip
    assert project.read(".local/models/churn/2.0/models/weights/data.bin") == "weights"
    assert "[!Ref RuntimeLayer, !Ref EngineSklearnLayer, !Ref EngineOnnxLayer]" in project.read(
        "template.yaml"
    )
    assert list_problems(project) == []


def test_layers_of_the_users_own_stay(project: Copy) -> None:
    project.do(
        "model", "add", "--engine", "custom", "--endpoint", "churn", "--preprocess", "in/code.py"
    )
    text = project.read("template.yaml")
    head, block = text.split("-churn\n", 1)
    block = block.replace("[!Ref RuntimeLayer]", "[!Ref RuntimeLayer, !Ref EngineSklearnLayer]", 1)
    project.write("template.yaml", f"{head}-churn\n{block}")
    project.do(
        "model", "add", "--engine", "custom", "--endpoint", "churn", "--version", "2",
        "--model", "in/model.joblib",
    )  # fmt: skip
    assert (
        "[!Ref RuntimeLayer, !Ref EngineSklearnLayer]"
        in project.read("template.yaml").split("-churn\n", 1)[1]
    )
    assert list_problems(project) == []


def test_clearmls_options(project: Copy) -> None:
    project.do(
        "model", "add", "--engine", "triton", "--endpoint", "net", "--model", "s3://other/net.onnx",
        "--input-size", "[1, 28, 28]", "[-1, 4]", "--input-type", "float32", "uint8",
        "--input-name", "a,b", "--output-size", "-1", "10", "--output-type=float32",
        "--output-name", "y", "--aux-config", "max_batch_size=8", 'platform="onnx"',
        "cache.enable=true", "cache.kind=small one",
    )  # fmt: skip
    table = read_toml(project, "net")
    assert table["input"] == {
        "name": ["a", "b"], "type": ["float32", "uint8"], "size": [[1, 28, 28], [-1, 4]],
    }  # fmt: skip
    assert table["output"] == {"name": ["y"], "type": ["float32"], "size": [[-1, 10]]}
    assert table["auxiliary_cfg"] == {
        "max_batch_size": 8, "platform": "onnx", "cache": {"enable": True, "kind": "small one"},
    }  # fmt: skip
    project.write("aux.json", '{"a": {"b": [1]}}')
    project.do(*ADD, "--model", "file:///x/y.joblib", "--aux-config", "aux.json")
    assert read_toml(project)["auxiliary_cfg"] == {"a": {"b": [1]}}


def test_the_code_may_bring_the_model(project: Copy) -> None:
    project.write("in/loads.py", f"{CODE}\n    def load(self, path):\n        return 1\n")
    project.do(*ADD, "--preprocess", "in/loads.py")
    assert read_toml(project) == {"endpoint": "churn", "engine": "sklearn"}


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, [], "needs a model"),
        (2, ["--preprocess", "in/code.py"], "whose load returns one"),
        (2, ["--model", "in/model.joblib", *RULE], "not both"),
        (2, ["--project", "p"], "--project and --name"),
        (2, ["--model", "in/model.joblib", "--tags", "a"], "choose among versions"),
        (2, ["--model", "in/model.joblib", "--version", "a/b"], "a version is"),
        (2, ["--model", "s3://b/k", "--input-size", "wide"], "like 1 28 28"),
        (2, ["--model", "s3://b/k", "--input-size", "1", "[2]"], "like 1 28 28"),
        (2, ["--model", "s3://b/k", "--aux-config", "wide"], "expected key=value"),
        (2, ["--model", "s3://b/k", "--aux-config", "in/model.joblib"], ".json or .toml"),
        (2, ["--model", "s3://b/k", "--aux-config", "a=1", "a.b=1"], "a has a value"),
        (1, ["--model", "in/nix.joblib"], "no file or folder in/nix.joblib"),
        (1, ["--model", "s3://"], "model: expected"),
        (
            1,
            ["--model", "s3://b/k", "--input-name", "a", "--input-type", "f", "g"],
            "as many names",
        ),
        (1, ["--model", "in/model.joblib", "--version", "2"], "the first version of one is 1"),
        (1, ["--model", "s3://b/k", "--preprocess", "in/nix.py"], "no code at in/nix.py"),
        (1, ["--model", "s3://b/k", "--preprocess", "in"], "no code at in"),
        (1, ["--model", "s3://b/k", "--preprocess", "in/models/model.onnx"], "'Preprocess', found"),
        (1, ["--model", "in/model.joblib", "--state", "nix"], "no local cloud is up"),
        (1, ["--model", "in/model.joblib", "--aws"], "region"),
        (1, [*RULE], "region"),
    ],
)
def test_wrong_input(project: Copy, code: int, arguments: list[str], message: str) -> None:
    assert message in project.refuse(code, *ADD, *arguments)


def test_what_is_there_is_not_replaced(project: Copy) -> None:
    project.do(*ADD, "--model", "in/model.joblib")
    more = ("--model", "in/model.joblib")
    assert "already" in project.refuse(1, *ADD, *more)
    assert "has a version 1 already" in project.refuse(1, *ADD, *more, "--version", "1")
    canary = ("model", "add", "--engine", "onnx", "--endpoint", "iris_canary", "--version", "2")
    assert "is a canary" in project.refuse(1, *canary, *more)
    custom = ("model", "add", "--engine", "custom", "--endpoint", "new")
    assert "there is none" in project.refuse(1, *custom)
    project.write("functions/churn/v2/notes.txt", "mine")
    code = ("--version", "2", "--preprocess", "in/code.py")
    assert "v2 is there already" in project.refuse(1, *ADD, *more, *code)
    project.write(".local/models/churn/3/model.joblib", "another")
    assert "another model is at" in project.refuse(1, *ADD, *more, "--version", "3")
    project.write("functions/churn/endpoint.toml", "endpoint = 1")
    assert "expected a name" in project.refuse(1, *ADD, *more, "--version", "4")


def test_code_that_python_cannot_read(project: Copy) -> None:
    project.write("in/broken.py", "class Preprocess:\n    def load(self)\n")
    message = project.refuse(1, *ADD, "--model", "s3://b/k", "--preprocess", "in/broken.py")
    assert "in/broken.py, line 2" in message


def test_auto_update(project: Copy) -> None:
    project.do(
        *FOLLOW, *RULE, "--preprocess", "in/code.py", "--tags", "a", "b,c", "--published",
        "--max-versions", "2", "--poll-seconds", "5",
    )  # fmt: skip
    rule = {
        "project": "some examples", "name": "my model", "tags": ["a", "b", "c"], "published": True,
        "max_versions": 2, "poll_seconds": 5,
    }  # fmt: skip
    assert read_toml(project) == {"endpoint": "churn", "engine": "sklearn", "auto_update": rule}
    template = project.read("template.yaml").partition("-churn\n")[2]
    assert "registry/some%20examples/my%20model/*" in template.partition("-churn\n")[0]
    missing = "the registry has no model 'my model' of project 'some examples'"
    assert list_problems(project) == [missing]
    project.do(*FOLLOW, *RULE, "--max-versions", "3")
    assert read_toml(project)["auto_update"] == rule | {"max_versions": 3}
    outcome = project.ask(*FOLLOW, *RULE, "--no-published", "--tags", "")
    assert outcome["auto_update"] == rule | {"max_versions": 3, "tags": [], "published": False}
    assert any("nobody published" in note for note in outcome["notes"])
    project.do(*FOLLOW, *RULE, "--published")
    assert read_toml(project)["auto_update"] == rule | {"max_versions": 3, "tags": []}
    code = ("--preprocess", "in/code.py")
    assert "change the code there" in project.refuse(1, *FOLLOW, *RULE, *code)
    other = ("model", "auto-update", "--engine", "onnx", "--endpoint", "churn")
    assert "is sklearn, not onnx" in project.refuse(1, *other, *RULE)


def test_auto_update_by_itself_takes_what_is_published(project: Copy) -> None:
    project.do(*FOLLOW, *RULE)
    assert read_toml(project)["auto_update"] == {
        "project": "some examples", "name": "my model", "tags": [], "published": True,
        "max_versions": 1, "poll_seconds": 60,
    }  # fmt: skip
    path = "functions/churn/endpoint.toml"
    project.write(path, project.read(path).replace("published = true", "published = 1"))
    assert "expected true or false" in project.refuse(1, *FOLLOW, *RULE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--project", "p"], "Missing option '--name'"),
        (["--name", "n"], "Missing option '--project'"),
        ([*RULE, "--max-versions", "0"], "--max-versions"),
        ([*RULE, "--poll-seconds", "soon"], "--poll-seconds"),
    ],
)
def test_wrong_auto_updates(project: Copy, arguments: list[str], message: str) -> None:
    assert message in project.refuse(2, *FOLLOW, *arguments)


def test_nothing_is_left_of_a_failure(project: Copy, tmp_path: Path) -> None:
    """The template cannot be written any more once the files are there."""
    project.write("template.yaml", project.read("template.yaml").replace("Outputs:", "Other:"))
    before = project.snapshot()
    done = project.run(*ADD, "--model", "s3://b/k", "--preprocess", "in/code.py")
    assert done.returncode == 1
    assert project.snapshot() == before
