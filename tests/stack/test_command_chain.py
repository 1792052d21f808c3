"""From an empty project to answers: every command as typed, on a local cloud of the project's own.

The project is this one's template and layers, as they are built already; its endpoints come by the
commands alone.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_serving_cli.local_cloud.build import SCRIPTS
from tests.cli.conftest import Copy, copy_project
from tests.conftest import ADDER_CODE
from tests.events import list_endpoints
from tests.models import make_adder
from tests.servers.built import PROJECT, STATE, build_functions
from tests.servers.runtime_api import find_free_port

LAYERS = {"RuntimeLayer": "runtime", "EngineOnnxLayer": "engine_onnx"}
CALLERS = ("iris_canary", "iris_ensemble", "iris_ensemble_threads")
UP_SECONDS = 400
SUM = '{"a": 1, "b": 2}'
MODEL = ("--project", "some examples", "--name", "adder")
FOLLOW = ("model", "auto-update", "--engine", "onnx", "--endpoint", "follows", *MODEL)
SHARE = ("model", "canary", "--endpoint", "shares", "--weights", "1", "0", "--input-endpoints")


@pytest.fixture
def project(tmp_path: Path, example_models: Path) -> Iterator[Copy]:
    """A project without endpoints; its cloud ends with it."""
    project = copy_project(tmp_path / "project", "examples")
    local, shared = project.root / ".local", PROJECT / ".local"
    for name in ("models", "models.stamps"):  # so that `local up` need not make them again
        shutil.copytree(shared / name, local / name)
    (shared / "ministack").mkdir(exist_ok=True)
    (local / "ministack").symlink_to(shared / "ministack")
    bring_layers(project)
    for name in sorted(list_endpoints(), key=lambda name: name not in CALLERS):
        project.do("model", "remove", "--endpoint", name, "--yes")
    project.write("preprocess.py", ADDER_CODE)
    (project.root / "adder.onnx").write_bytes(make_adder())
    yield project
    project.type("local", "down")


def bring_layers(project: Copy) -> None:
    """Put in what `sam build` made of LAYERS, which takes it a minute; no others."""
    build_functions()
    before, *layers = re.split(r"(?m)^(?=  \w+Layer:\n)", project.read("template.yaml"))
    last, heading, after = layers.pop().partition("  # --- Endpoints")
    kept = []
    for text in (*layers, last):
        name = text.strip().partition(":")[0]
        if name in LAYERS:
            folder = project.root / "layers" / LAYERS[name]
            shutil.copytree(STATE / "build" / name, folder, symlinks=True)
            text = text.replace("    Metadata: {BuildMethod: makefile}\n", "")
            kept.append(text.replace("      BuildMethod: makefile\n", ""))
    for name in SCRIPTS:
        shutil.copy(PROJECT / "layers" / name, project.root / "layers")
    project.write("template.yaml", "".join([before, *kept, heading, after]))


def refuse(project: Copy, *arguments: str) -> str:
    """The message of a command that could not be done."""
    done = project.run(*arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    return done.stderr.decode()


def test_from_new_to_answers(project: Copy) -> None:
    code = ("--preprocess", "preprocess.py")
    project.do("new", "begun", "--engine", "custom")
    add = ("model", "add", "--engine", "onnx", "--endpoint", "adds")
    project.do(*add, *code, "--model", "adder.onnx")
    project.do(*FOLLOW, *code, "--poll-seconds", "1")
    project.do(*SHARE, "adds/1", "begun")
    project.do("metrics", "add", "--endpoint", "adds", "--variable-scalar", "sum=0,2,4")

    port = str(find_free_port())
    up = project.type("local", "up", "--port", port, "--json", timeout=UP_SECONDS)
    assert up.returncode == 0, up.stderr.decode()
    assert sorted(json.loads(up.stdout)["functions"]) == ["adds", "begun", "follows", "shares"]
    [missing] = json.loads(project.run("validate", "--json").stdout)["findings"]
    assert missing["endpoint"] == "follows"
    assert missing["problem"] == "the registry has no model 'adder' of project 'some examples'"

    assert project.ask("model", "upload", *MODEL, "adder.onnx")["version"] == "1"
    [missing] = json.loads(project.run("validate", "--json").stdout)["findings"]
    assert missing["problem"].endswith("has no version that is published")
    project.do("model", "publish", *MODEL, "--version", "1")
    assert project.ask("validate")["findings"] == []
    for name in ("adds", "follows", "shares"):
        assert project.ask("invoke", name, "--data", SUM)["body"] == {"sum": 3.0}
    assert project.ask("invoke", "adds", "--example")["body"] == {"sum": 2.0}  # as `local up` sent
    begun = project.ask("invoke", "begun", "--lambda", "--data", '{"x0": 1, "x1": 2}')
    assert begun["body"] == {"y": 3.0}
    found = {each["endpoint"]: each for each in project.ask("endpoints")["endpoints"]}
    assert {name: each["health"] for name, each in found.items()} == dict.fromkeys(found, "ready")
    assert list(found["follows"]["versions"]) == ["1"]
    assert found["shares"]["traffic"] == {"adds/1": 1.0, "begun": 0.0}
    told = project.ask("stats", "adds")["endpoints"]["adds"]["variables"]["sum"]
    assert [each["to"] for each in told["buckets"] if each["count"]] == [2.0, 4.0]

    assert "it has: adds, begun, follows, shares" in refuse(project, "invoke", "nix")
    assert "no version 9; it has 1" in refuse(project, *SHARE, "adds/9", "begun")
    assert "change the code there" in refuse(project, *FOLLOW, *code)
    assert "'shares' asks 'adds/1'" in refuse(
        project, "model", "remove", "--endpoint", "adds", "--yes"
    )
