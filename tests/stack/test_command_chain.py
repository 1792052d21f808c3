"""From an empty project to answers, and a day with it: every command as typed, on a local cloud of
the project's own.

The project is this one's template and layers, as they are built already; its endpoints come by the
commands alone. It is deployed once for all tests.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from lambda_serving_cli.local_cloud.build import SCRIPTS
from lambda_serving_cli.main import app
from tests.cli.conftest import COMMAND, Copy, copy_project
from tests.conftest import ADDER_CODE
from tests.events import list_endpoints
from tests.models import make_adder
from tests.servers.built import PROJECT, STATE, build_functions
from tests.servers.dev_server import clean_environment
from tests.servers.runtime_api import find_free_port

LAYERS = {"RuntimeLayer": "runtime", "EngineOnnxLayer": "engine_onnx"}
CALLERS = ("iris_canary", "iris_ensemble", "iris_ensemble_threads")
UP_SECONDS = 400
SUM = '{"a": 1, "b": 2}'
MODEL = ("--project", "some examples", "--name", "adder")
FOLLOW = ("model", "auto-update", "--engine", "onnx", "--endpoint", "follows", *MODEL)
DAY = ("--project", "some examples", "--name", "a day")
SHARE = ("model", "canary", "--endpoint", "shares", "--weights", "1", "0", "--input-endpoints")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, example_models: Path) -> Iterator[Copy]:
    """A project with endpoints of its own, deployed; its cloud ends with it, and all it kept."""
    project = copy_project(tmp_path_factory.mktemp("chain") / "project", "examples")
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
    add_endpoints(project)
    up = project.type("local", "up", "--port", str(find_free_port()), "--json", timeout=UP_SECONDS)
    assert up.returncode == 0, up.stderr.decode()
    assert sorted(json.loads(up.stdout)["functions"]) == ["adds", "begun", "follows", "shares"]
    yield project
    told = project.type("local", "down", "--clean").stdout.decode()
    assert re.search(r"Removed: \d+ files of models, \d models? in the registry, [\d.]+ MB", told)
    assert not (local / "objects").exists()


def add_endpoints(project: Copy) -> None:
    code = ("--preprocess", "preprocess.py")
    project.do("new", "begun", "--engine", "custom")
    add = ("model", "add", "--engine", "onnx", "--endpoint", "adds")
    project.do(*add, *code, "--model", "adder.onnx")
    project.do(*FOLLOW, *code, "--poll-seconds", "1")
    project.do(*SHARE, "adds/1", "begun")
    project.do("metrics", "add", "--endpoint", "adds", "--variable-scalar", "sum=0,2,4")


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
    [missing] = json.loads(project.run("validate", "--json").stdout)["findings"]
    assert missing["endpoint"] == "follows"
    assert missing["problem"] == "the registry has no model 'adder' of project 'some examples'"

    assert project.ask("model", "upload", *MODEL, "adder.onnx")["version"] == "1"
    [missing] = json.loads(project.run("validate", "--json").stdout)["findings"]
    assert missing["problem"].endswith("has no version that is published")
    project.do("model", "publish", *MODEL, "--version", "1")
    assert project.ask("validate")["findings"] == []
    assert "1 answered, 3 unchanged since they answered" in up(project)  # it had no model before
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
    code = ("--preprocess", "preprocess.py")
    assert "change the code there" in refuse(project, *FOLLOW, *code)
    assert "'shares' asks 'adds/1'" in refuse(
        project, "model", "remove", "--endpoint", "adds", "--yes"
    )


def up(project: Copy, *endpoints: str, code: int = 0) -> str:
    """What `local up` tells."""
    done = subprocess.run(
        [COMMAND, "local", "up", *endpoints], cwd=project.root, env=clean_environment(),
        timeout=UP_SECONDS, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    return done.stdout


def ask_sum(project: Copy, name: str) -> Any:
    return project.ask("invoke", name, "--data", '{"x0": 1, "x1": 2, "a": 1, "b": 2}')["body"]


def test_an_edit_is_answered_without_a_deploy(project: Copy) -> None:
    path = "functions/begun/preprocess.py"
    begun = project.read(path)
    versions = list_versions(project)
    project.write(path, begun.replace('{"y": data}', '{"z": data}'))
    project.write("functions/adds/notes.txt", "not to be sent yet")
    told = up(project, "begun")
    assert "begun built" in told and "begun updated" in told
    assert "1 answered, 3 not asked for" in told
    assert ask_sum(project, "begun") == {"z": 3.0}
    changed = [name for name, each in list_versions(project).items() if each != versions[name]]
    assert changed == ["begun"]
    project.write(path, begun)
    told = up(project)
    assert "adds, begun built" in told and "adds, begun updated" in told
    assert ask_sum(project, "begun") == {"y": 3.0}
    assert "begun'; there are: adds" in refuse(project, "local", "up", "not_begun")


def test_a_saved_file_is_sent(project: Copy) -> None:
    path = "functions/begun/preprocess.py"
    begun = project.read(path)
    watching = subprocess.Popen(
        [COMMAND, "sync", "begun", "--watch"], cwd=project.root, env=clean_environment(),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert any("Watching functions/begun" in line for line in watching.stdout)
        for code, answer in ((begun.replace('{"y": data}', '{"z": data}'), "z"), (begun, "y")):
            project.write(path, code)
            assert any("1 answered" in line for line in watching.stdout)
            assert ask_sum(project, "begun") == {answer: 3.0}
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 0
    finally:
        watching.kill()
        watching.communicate()


def test_code_that_was_updated_is_there_after_a_deploy(project: Copy) -> None:
    """The stack would not touch it: its template has the code of the last deploy again."""
    path, settings = "functions/begun/preprocess.py", "samconfig.toml"
    begun = project.read(path)
    project.write(path, begun.replace('{"y": data}', '{"z": data}'))
    assert "begun updated" in up(project)
    project.write(path, begun)
    project.write(settings, project.read(settings) + "# what is no function's\n")
    assert "sam deploy to the local cloud: deployed" in up(project)
    assert ask_sum(project, "begun") == {"y": 3.0}


def test_a_day(project: Copy) -> None:
    """Edit, break, mend, publish, unpublish; the cloud is killed, and all is as it was."""
    path, other = "functions/begun/preprocess.py", "functions/adds/preprocess.py"
    begun, adds = project.read(path), project.read(other)
    project.write(path, f'{begun}\nraise RuntimeError("broken on purpose")\n')
    project.write(other, f'{adds}\nraise LookupError("and this one, too")\n')
    told = up(project, code=1)
    assert "2 of 2 endpoints that were tried failed" in told
    for name, error in (
        ("begun", "RuntimeError: broken on purpose"),
        ("adds", "LookupError: and this one, too"),
    ):
        assert f"\n{name}: " in told and f"`lambda-serving logs {name} --errors`" in told
        assert told.count(f"  | {error}") == 1
    assert "2 of 2 endpoints" in up(project, code=1)  # which nobody has mended
    if "logs" in list_commands():
        assert "broken on purpose" in project.do("logs", "begun")
    project.write(path, begun)
    project.write(other, adds)
    assert "2 answered, 2 unchanged" in up(project)
    assert "Nothing changed since every endpoint answered." in up(project)

    for tag in ("first", "second"):
        (project.root / "model.bin").write_text(tag)
        project.do("model", "upload", *DAY, "model.bin", "--framework", "custom", "--tags", tag)
    project.do("model", "publish", *DAY, "--version", "1")
    project.do("model", "publish", *DAY, "--version", "2")
    project.do("model", "unpublish", *DAY, "--version", "1")
    before = look(project)
    assert {number: each["published"] for number, each in before["model"].items()} == {
        "1": False, "2": True
    }  # fmt: skip

    process = json.loads(project.read(".local/process.json"))
    os.killpg(process["pid"], signal.SIGKILL)
    told = project.type("local", "down").stdout.decode()
    assert "stop the functions" in told and "Kept for the next `make up`: " in told
    assert re.search(r"\d models? in the registry", told)
    assert "deployed" in up(project)
    assert look(project) == before


def look(project: Copy) -> dict[str, Any]:
    """Where the API is, what it answers, the registry, and every version of every object."""
    stack = json.loads(project.read(".local/stack.json"))
    objects = connect(project, "s3").list_object_versions(Bucket=stack["model_bucket"])
    return {
        "stack": stack,
        "answers": [ask_sum(project, name) for name in ("adds", "begun")],
        "model": project.ask("model", "list", *DAY[:2])[0]["versions"],
        "objects": sorted(
            (each["Key"], each["VersionId"], each["ETag"], each["IsLatest"])
            for each in objects["Versions"]
        ),
    }


def list_versions(project: Copy) -> dict[str, str]:
    """Endpoint -> the version that answers."""
    client = connect(project, "lambda")
    functions = json.loads(project.read(".local/stack.json"))["functions"]
    return {
        name: client.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
        for name, function in functions.items()
    }


def connect(project: Copy, service: str) -> Any:
    stack = json.loads(project.read(".local/stack.json"))
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=stack["aws_endpoint_url"],
        region_name=stack["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def list_commands() -> list[str]:
    return [each.callback.__name__ for each in app.registered_commands if each.callback]
