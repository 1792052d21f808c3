"""`lambda-serving monitoring` on a project of its own."""

import json
from pathlib import Path
from shutil import rmtree

import pytest
from typer.testing import CliRunner, Result

from lambda_serving_cli.main import app

OLD = """\
Resources:
  # --- Dashboard and alarms: written by `lambda-serving monitoring`, from functions/*/endpoint.toml
  Dashboard:
    Type: AWS::CloudWatch::Dashboard
  # --- end
Outputs:
  None:
    Value: none
"""
"""A template of an older version."""

TEMPLATE = """\
Resources:
  Monitoring:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: monitoring.yaml}
Outputs:
  None:
    Value: none
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
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
    return (project / "monitoring.yaml").read_bytes().decode()


def test_check_tells_and_changes_nothing(project: Path) -> None:
    done = run("--check")
    assert done.exit_code == 1
    assert "+  FirstLatencyAlarm:" in done.stdout
    assert not (project / "monitoring.yaml").exists()


def test_writes_its_file_whole(project: Path) -> None:
    assert run().stdout == "monitoring.yaml: written\n"
    text = read(project)
    assert text.startswith("# Written by `lambda-serving monitoring`")
    assert "FirstFaultsAlarm" in text
    (project / "monitoring.yaml").write_text(text + "# by hand")
    assert "-# by hand" in run("--check").stdout
    assert run().stdout == "monitoring.yaml: written\n"
    assert read(project) == text
    assert (project / "template.yaml").read_text() == TEMPLATE
    assert (run("--check").exit_code, run("--check").stdout) == (0, "")
    assert run().stdout == "monitoring.yaml: unchanged\n"
    assert json.loads(run("--json").stdout) == {"changes": [], "written": False}


def test_line_ends_of_windows_are_no_change(project: Path) -> None:
    run()
    (project / "monitoring.yaml").write_bytes(read(project).replace("\n", "\r\n").encode())
    assert run("--check").exit_code == 0


def test_crashes_are_counted_where_the_log_is_the_functions_own(project: Path) -> None:
    function = """\
  First:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${AWS::StackName}-first
      LoggingConfig: {LogGroup: !Ref Logs}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: NAME}
"""
    for name, is_counted in (
        ('!Sub "/aws/lambda/${AWS::StackName}-first"', True),
        ('!Sub "/aws/lambda/${AWS::StackName}-shared"', False),
    ):
        text = TEMPLATE.replace("Outputs:", function.replace("NAME", name) + "Outputs:")
        (project / "template.yaml").write_text(text)
        run()
        assert ("FirstCrashesFilter:" in read(project)) == is_counted


def test_new_endpoint_appears(project: Path) -> None:
    run()
    before = read(project)
    add_endpoint(project, "a-second_one", '[metrics.variables.y]\ntype = "value"\n')
    assert run("--check").exit_code == 1
    run()
    assert "ASecondOneThrottlesAlarm:" in read(project)
    assert '"title": "y"' in read(project)
    rmtree(project / "functions" / "a-second_one")
    run()
    assert read(project) == before


@pytest.mark.parametrize("text", [OLD, TEMPLATE.replace("monitoring.yaml", "other.yaml")])
def test_template_that_does_not_deploy_it(project: Path, text: str) -> None:
    (project / "template.yaml").write_text(text)
    done = run()
    assert done.exit_code == 1
    told = " ".join(done.stderr.split())
    assert "no nested stack whose TemplateURL is monitoring.yaml" in told
    assert "docs/upgrade.md" in told
    assert (project / "template.yaml").read_text() == text
    assert not (project / "monitoring.yaml").exists()


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
