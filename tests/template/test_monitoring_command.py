"""`lambda-serving monitoring` on a project of its own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lambda_serving_cli.main import app
from lambda_serving_cli.monitoring.block import BEGIN, END

BEFORE = "# a comment, 2 blanks  \nResources:\n  Mine: {Type: AWS::SNS::Topic}   # kept: é\n\n"
AFTER = "\nOutputs: {}\r\n# no newline at the end"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "template.yaml").write_bytes((BEFORE + BEGIN + END + AFTER).encode())
    add_endpoint(tmp_path, "first")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add_endpoint(project: Path, name: str, more: str = "") -> None:
    folder = project / "functions" / name
    folder.mkdir(parents=True)
    (folder / "endpoint.toml").write_text(f'endpoint = "{name}"\nengine = "custom"\n{more}')


def run(*options: str) -> Result:
    return CliRunner().invoke(app, ["monitoring", *options])


def read(project: Path) -> str:
    return (project / "template.yaml").read_bytes().decode()


def test_check_tells_and_changes_nothing(project: Path) -> None:
    before = read(project)
    done = run("--check")
    assert done.exit_code == 1
    assert "+  FirstLatencyAlarm:" in done.stdout
    assert read(project) == before


def test_rewrites_its_block_alone(project: Path) -> None:
    assert run().stdout == "template.yaml: rewritten\n"
    text = read(project)
    assert text.startswith(BEFORE + BEGIN) and text.endswith(END + AFTER)
    assert "FirstFaultsAlarm" in text
    assert (run("--check").exit_code, run("--check").stdout) == (0, "")
    assert run().stdout == "template.yaml: unchanged\n"
    assert json.loads(run("--json").stdout) == {"changes": [], "written": False}


def test_new_endpoint_appears(project: Path) -> None:
    run()
    add_endpoint(project, "a-second_one", '[metrics.variables.y]\ntype = "value"\n')
    assert run("--check").exit_code == 1
    run()
    assert "ASecondOneThrottlesAlarm:" in read(project)
    assert '"title": "y"' in read(project)


def test_template_without_the_lines(project: Path) -> None:
    (project / "template.yaml").write_text("Resources: {}\n")
    done = run()
    assert done.exit_code == 1
    assert BEGIN in done.stderr and END in done.stderr
    assert read(project) == "Resources: {}\n"


def test_wrong_endpoint_is_named(project: Path) -> None:
    add_endpoint(project, "wrong", '[metrics.variables.y]\ntype = "histogram"\n')
    done = run()
    assert done.exit_code == 1
    assert "functions/wrong/endpoint.toml: metrics.variables.y.type" in done.stderr


def test_two_endpoints_of_one_resource_name(project: Path) -> None:
    add_endpoint(project, "a_b")
    add_endpoint(project, "a-b")
    done = run()
    assert done.exit_code == 1
    assert "a-b and a_b" in done.stderr
