"""`lambda-serving metrics …`: [metrics] of endpoint.toml, with ClearML's options."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Copy, copy_project

TOML = """\
# my notes
endpoint = "own"   # a name
engine   = "custom"

[metrics]  # what counts
log_frequency = 0.5   # half of them

[metrics.variables.kept]
type = "value"        # a gauge
"""
CODE = "class Preprocess:\n    def process(self, data, state, collect=None):\n        return {}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A project with an endpoint `own` that has comments and metrics."""
    project = copy_project(tmp_path_factory.mktemp("own") / "project")
    preprocess = project.write("p.py", CODE)
    project.do(
        "model", "add", "--engine", "custom", "--endpoint", "own", "--preprocess", str(preprocess)
    )
    project.write("functions/own/endpoint.toml", TOML)
    return project


@pytest.fixture
def own(made: Copy, tmp_path: Path) -> Copy:
    """Each test's own copy of it."""
    return made.copy(tmp_path / "project")


def read_metrics(project: Copy, endpoint: str) -> Any:
    return tomllib.loads(project.read(f"functions/{endpoint}/endpoint.toml")).get("metrics")


def test_add_by_clearmls_options(own: Copy) -> None:
    own.do(
        "metrics", "add", "--endpoint", "own", "--variable-scalar", "x0=0,0.1,1", "x1=0.0/1.0/5",
        "--variable-enum", "animal=cat,dog", "--variable-value", "v", "--variable-counter", "n",
        "--log-freq", "0.25",
    )  # fmt: skip
    assert read_metrics(own, "own") == {
        "log_frequency": 0.25,
        "variables": {
            "kept": {"type": "value"},
            "x0": {"type": "scalar", "buckets": [0, 0.1, 1]},
            "x1": {"type": "scalar", "buckets": [0, 0.2, 0.4, 0.6, 0.8, 1]},
            "animal": {"type": "enum", "values": ["cat", "dog"]},
            "v": {"type": "value"},
            "n": {"type": "counter"},
        },
    }
    text = own.read("functions/own/endpoint.toml")
    for line in TOML.splitlines():
        assert line in text or line == "log_frequency = 0.5   # half of them"


def test_add_replaces_and_leaves_the_rest(own: Copy) -> None:
    outcome = own.ask("metrics", "add", "--endpoint", "own/*", "--variable-counter", "kept")
    assert "kept was there, and is replaced" in outcome["notes"]
    assert outcome["metrics"] == {"log_frequency": 0.5, "variables": {"kept": {"type": "counter"}}}
    assert own.read("functions/own/endpoint.toml").startswith(TOML.partition("[metrics.")[0])
    again = own.ask("metrics", "add", "--endpoint", "own", "--variable-counter", "kept")
    assert again["written"] == []


def test_remove(own: Copy) -> None:
    own.do("metrics", "add", "--endpoint", "own", "--variable-value", "a", "b")
    own.do("metrics", "remove", "--endpoint", "own", "--variable", "a", "b")
    assert own.read("functions/own/endpoint.toml") == TOML
    own.do("metrics", "remove", "--endpoint", "own", "--variable", "kept")
    assert read_metrics(own, "own") == {"log_frequency": 0.5}
    own.do("metrics", "remove", "--endpoint", "own")
    assert own.read("functions/own/endpoint.toml") == TOML.partition("\n[metrics]")[0]
    assert "no metrics" in own.refuse(1, "metrics", "remove", "--endpoint", "own")


def test_list(own: Copy) -> None:
    assert own.ask("metrics", "list", "--endpoint", "own") == {"own": read_metrics(own, "own")}
    every = own.ask("metrics", "list")
    assert {"own", "iris_onnx", "filetype"} <= every.keys()
    [row] = [line for line in own.do("metrics", "list").splitlines() if "kept" in line]
    assert row.split() == ["own", "0.5", "kept", "value"]


def test_line_ends_stay(own: Copy) -> None:
    own.write("functions/own/endpoint.toml", TOML.replace("\n", "\r\n"))
    own.do("metrics", "add", "--endpoint", "own", "--variable-value", "a")
    text = own.read("functions/own/endpoint.toml")
    assert text.count("\n") == text.count("\r\n") > TOML.count("\n")


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, ["--variable-scalar", "a=1,0"], "ascend"),
        (2, ["--variable-scalar", "a=x"], "'x'"),
        (2, ["--variable-scalar", "a=0/1"], "min/max/number"),
        (2, ["--variable-scalar", "a=0/1/0.5"], "1 to 100"),
        (2, ["--variable-scalar", "a=0/inf/3"], "no number"),
        (2, ["--variable-scalar", "=1,2"], "variable's name"),
        (2, ["--variable-enum", "a"], "animal=cat,dog"),
        (2, ["--variable-enum", "a=b,,c"], "animal=cat,dog"),
        (2, ["--variable-value", "a=b"], "variable's name"),
        (2, ["--variable-value", "a", "--variable-counter", "a"], "twice: a"),
        (2, ["--log-freq", "2"], "--log-freq"),
        (2, ["--log-freq", "often"], "--log-freq"),
        (2, [], "nothing to add"),
        (2, ["--variable-value"], "requires an argument"),
        (1, ["--variable-value", "Latency"], "a name that the record itself does not use"),
        (1, ["--variable-enum", "a=größer"], "printable ASCII"),
    ],
)
def test_wrong_input(own: Copy, code: int, arguments: list[str], message: str) -> None:
    assert message in own.refuse(code, "metrics", "add", "--endpoint", "own", *arguments)


def test_wrong_endpoints(own: Copy) -> None:
    add = ("metrics", "add", "--variable-value", "a", "--endpoint")
    assert "no endpoint 'nix'; there are: filetype" in own.refuse(1, *add, "nix")
    assert "take 'own'" in own.refuse(2, *add, "own/1")
    assert "1 to 48" in own.refuse(2, *add, "a b")
    assert "1 to 48" in own.refuse(2, *add, "../*")
    assert "no endpoint 'nix'" in own.refuse(1, "metrics", "list", "--endpoint", "nix")
    unknown = own.refuse(1, "metrics", "remove", "--endpoint", "own", "--variable", "a")
    assert "no variable a; it has kept" in unknown
    own.write("functions/own/endpoint.toml", "endpoint = ")
    assert "not TOML" in own.refuse(1, *add, "own")
    own.write("functions/own/endpoint.toml", 'endpoint = "own"\nengine = "abacus"\n')
    assert "abacus" in own.refuse(1, *add, "own")
