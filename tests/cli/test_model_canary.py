"""`lambda-serving model canary` and `model remove --endpoint`."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Copy, copy_project

CODE = "class Preprocess:\n    def process(self, data, state, collect=None):\n        return {}\n"
CANARY = ("model", "canary", "--endpoint")
REMOVE = ("model", "remove", "--endpoint")


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """With an endpoint `churn` of two versions, the second with code of its own."""
    project = copy_project(tmp_path_factory.mktemp("churn") / "project")
    add = ("model", "add", "--engine", "sklearn", "--endpoint", "churn")
    code = project.write("code.py", CODE)
    project.do(*add, "--model", "s3://b/one", "--preprocess", str(code))
    project.do(*add, "--model", "s3://b/two", "--preprocess", str(code), "--version", "2")
    return project


@pytest.fixture
def project(churn: Copy, tmp_path: Path) -> Copy:
    """Each test's own copy of it."""
    return churn.copy(tmp_path / "project")


def read_traffic(project: Copy, endpoint: str) -> Any:
    return tomllib.loads(project.read(f"functions/{endpoint}/endpoint.toml")).get("traffic")


def test_between_endpoints(project: Copy) -> None:
    weights = ("--weights", "0.1", "0.9", "--input-endpoints", "churn/2", "iris_onnx")
    done = project.type(*CANARY, "mixed", *weights, "--sticky", "header:x-user")
    assert done.returncode == 0, done.stderr
    assert project.read("functions/mixed/endpoint.toml") == (
        'endpoint = "mixed"\nengine = "canary"\n\n[traffic]\n'
        'weights = {"churn/2" = 0.1, "iris_onnx" = 0.9}\nsticky = "header:x-user"\n'
    )
    text = project.read("template.yaml").partition("-mixed\n")[2]
    assert "Layers: [!Ref RuntimeLayer]\n      Policies: [{" in text
    assert '!Sub ["${A}churn:live ${A}iris_onnx:live",' in text
    assert project.ask("validate", "--no-models")["findings"] == []


def test_weights_change_and_the_rest_stays(project: Copy) -> None:
    path = "functions/iris_canary/endpoint.toml"
    project.write(path, project.read(path) + 'sticky = "body:id"  # by person\n')
    outcome = project.ask(
        *CANARY, "iris_canary", "--weights=0.5", "0.5", "--input-endpoints", "iris_onnx/1", "churn"
    )
    assert outcome["written"] == [path, "template.yaml"]  # whom it may invoke
    assert outcome["traffic"] == {
        "weights": {"iris_onnx/1": 0.5, "churn": 0.5},
        "sticky": "body:id",
    }
    assert "# by person" in project.read(path)


def test_a_prefix(project: Copy) -> None:
    shares = ("--weights", "0.1", "0.9", "--input-endpoint-prefix", "churn")
    project.do(*CANARY, "newest", *shares)
    assert read_traffic(project, "newest") == {"prefix": "churn", "latest": [0.1, 0.9]}
    project.do(*CANARY, "newest", "--weights", "1", "--input-endpoints", "churn")
    assert read_traffic(project, "newest") == {"weights": {"churn": 1.0}}


def test_between_own_versions(project: Copy) -> None:
    before = project.read("template.yaml")
    own = ("--input-endpoints", "churn/2", "churn/1")
    project.do(*CANARY, "churn", "--weights", "0.1", "0.9", *own)
    assert read_traffic(project, "churn") == {"weights": {"2": 0.1, "1": 0.9}}
    needed = project.refuse(1, *REMOVE, "churn", "--version", "2", "--yes")
    assert "has a share of the traffic" in needed
    newest = ("--input-endpoint-prefix", "churn")
    project.do(*CANARY, "churn", "--weights", "0.1", "0.9", *newest)
    assert read_traffic(project, "churn") == {"latest": [0.1, 0.9]}
    assert project.read("template.yaml") == before
    assert project.ask("validate", "--no-models")["findings"] == []


def test_between_versions_of_the_registry(project: Copy) -> None:
    follow = ("model", "auto-update", "--engine", "sklearn", "--endpoint", "follows")
    rule = ("--project", "p", "--name", "n")
    share = (*CANARY, "follows", "--input-endpoint-prefix", "follows", "--weights")
    project.do(*follow, *rule)
    before = project.snapshot()
    told = project.refuse(1, *share, "0.1", "0.9")
    assert "2 weights, and the endpoint serves the newest 1" in told
    assert "`--max-versions 2`" in told and project.snapshot() == before
    project.do(*follow, *rule, "--max-versions", "2")
    project.do(*share, "0.1", "0.9")
    assert read_traffic(project, "follows") == {"latest": [0.1, 0.9]}
    told = project.refuse(1, *follow, *rule, "--max-versions", "1")
    assert "max_versions: expected at least 2, one for each share" in told


@pytest.mark.parametrize(
    ("code", "endpoint", "arguments", "message"),
    [
        (2, "x", ["--weights", "1"], "--input-endpoint"),
        (2, "x", ["--input-endpoints", "churn"], "Missing option '--weights'"),
        (2, "x", ["--weights", "0.5", "0.5", "--input-endpoints", "churn"], "2 weights for 1"),
        (2, "x", ["--weights", "0.5", "0.5", "--input-endpoints", "churn", "churn/"], "twice"),
        (2, "x", ["--weights", "2", "--input-endpoints", "churn"], "--weights"),
        (2, "x", ["--weights", "1", "--input-endpoints", "churn", "--input-endpoint-prefix", "a"],
         "give --input-endpoints, or"),
        (1, "x", ["--weights", "0.5", "0.4", "--input-endpoints", "churn", "filetype"], "sum to 1"),
        (1, "x", ["--weights", "1", "--input-endpoints", "nix"], "no endpoint 'nix'"),
        (1, "x", ["--weights", "1", "--input-endpoints", "churn/3"], "no version 3; it has 1, 2"),
        (1, "x", ["--weights", "1", "--input-endpoint-prefix", "nix"], "no endpoint 'nix'"),
        (1, "x", ["--weights", "1", "--input-endpoints", "churn", "--sticky", "ip"], "header:"),
        (1, "filetype", ["--weights", "1", "--input-endpoints", "churn"], "cannot ask other"),
        (1, "churn", ["--weights", "1", "--input-endpoints", "churn"], "cannot ask itself"),
        (1, "churn", ["--weights", "0.5", "0.5", "--input-endpoints", "churn/1", "filetype"],
         "cannot share between"),
        (1, "iris_canary", ["--weights", "1", "--input-endpoint-prefix", "iris_canary"],
         "no versions of its own"),
    ],
)  # fmt: skip
def test_wrong_canaries(
    project: Copy, code: int, endpoint: str, arguments: list[str], message: str
) -> None:
    assert message in project.refuse(code, *CANARY, endpoint, *arguments)


def test_what_a_refusal_leaves_is_told_as_it_is(project: Copy) -> None:
    uneven = ("--weights", "0.5", "0.4", "--input-endpoints", "filetype", "iris_onnx")
    assert "nothing was written" in project.refuse(1, *CANARY, "x", *uneven)
    there = "iris_canary/endpoint.toml was left as it is"
    assert there in project.refuse(1, *CANARY, "iris_canary", *uneven)


def test_remove_asks(project: Copy) -> None:
    before = project.snapshot()
    for answer in (b"n\n", b""):
        done = project.type(*REMOVE, "churn", answer=answer)
        assert done.returncode == 1
        assert b"functions/churn" in done.stdout and b"template.yaml" in done.stdout
        assert project.snapshot() == before
    assert "add --yes" in project.refuse(2, *REMOVE, "churn", "--json")
    assert project.run(*REMOVE, "churn", answer=b"y\n").returncode == 0
    assert not (project.root / "functions" / "churn").exists()
    assert "churn" not in project.read("template.yaml").lower()
    assert project.ask("validate", "--no-models")["findings"] == []


def test_remove_a_version(project: Copy) -> None:
    add = ("model", "add", "--engine", "onnx", "--endpoint", "churn", "--version", "3")
    project.do(*add, "--model", "s3://b/three")
    three = project.snapshot()
    outcome = project.ask(*REMOVE, "churn", "--version", "2", "--yes")
    assert outcome["removed"] == ["functions/churn/v2"]
    table = tomllib.loads(project.read("functions/churn/endpoint.toml"))
    assert list(table["version"]) == ["3"]
    gone = b', !Sub "arn:${AWS::Partition}:s3:::b/two"'
    assert gone in three["template.yaml"]
    assert project.read("template.yaml").encode() == three["template.yaml"].replace(gone, b"")
    project.do(*REMOVE, "churn", "--version", "3", "--yes")
    assert "EngineOnnxLayer" not in project.read("template.yaml").partition("-churn\n")[2][:900]
    assert "version" not in tomllib.loads(project.read("functions/churn/endpoint.toml"))
    assert project.ask("validate", "--no-models")["findings"] == []


def test_what_is_needed_stays(project: Copy) -> None:
    for name in ("iris_onnx", "iris_sklearn"):
        assert "asks 'iris_" in project.refuse(1, *REMOVE, name, "--yes")
    project.do(
        *CANARY, "both", "--weights", "0.5", "0.5", "--input-endpoints", "churn/2", "churn/1"
    )
    assert "'both' asks 'churn/2'" in project.refuse(1, *REMOVE, "churn", "--version", "2", "--yes")
    template = project.read("template.yaml")
    project.write("template.yaml", template + "  Own: {Value: !GetAtt Churn.Arn}\n")
    project.do(*REMOVE, "both", "--yes")
    assert "something else refers to Churn" in project.refuse(1, *REMOVE, "churn", "--yes")


def test_wrong_removals(project: Copy) -> None:
    model = ("--project", "p", "--name", "n")
    for usage in ([], ["--version", "2"], [*model], ["--project", "p", "--version", "2"]):
        assert "give --endpoint; or --project" in project.refuse(2, "model", "remove", *usage)
    for both in (model, ["--force"], ["--keep-files"]):
        assert "--version and --yes alone" in project.refuse(2, *REMOVE, "churn", *both)
    assert "whole number" in project.refuse(2, "model", "remove", *model, "--version", "x")
    assert "region" in project.refuse(1, "model", "remove", *model, "--version", "2")
    assert "no endpoint 'nix'" in project.refuse(1, *REMOVE, "nix", "--yes")
    assert "no version 5; it has 1, 2" in project.refuse(
        1, *REMOVE, "churn", "--version", "5", "--yes"
    )
    top = project.refuse(1, *REMOVE, "churn", "--version", "1", "--yes")
    assert "version 1 is the top level" in top
