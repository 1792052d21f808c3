"""What AWS takes of a stack: how much sixty endpoints use, and what is told near a limit."""

import json
from functools import cache
from pathlib import Path

import pytest

from lambda_serving.settings.endpoint_toml import parse_endpoint, read_endpoint
from lambda_serving_cli.monitoring.stack import write_stack
from lambda_serving_cli.project.blocks import add_function
from lambda_serving_cli.project.limits import (
    LIMITS,
    Usage,
    count_nested,
    count_template,
    read_deploy,
)
from lambda_serving_cli.project.template import Template
from tests.cli.conftest import copy_project
from tests.servers.built import PROJECT

CODEDEPLOY = {"DeploymentPreference": "Linear10PercentEvery10Minutes"}
CUSTOM = parse_endpoint({"endpoint": "x", "engine": "custom"})


@cache
def grow(count: int) -> str:
    """The template with so many endpoints: the examples, and some more."""
    text = (PROJECT / "template.yaml").read_text()
    for number in range(len(Template(text).functions), count):
        text, _ = add_function(Template(text), f"endpoint_{number}", CUSTOM, "")
    return text


@cache
def count(endpoints: int, codedeploy: bool = False) -> dict[str, Usage]:
    found = count_template(grow(endpoints), CODEDEPLOY if codedeploy else {})
    return {usage.kind: usage for usage in found}


def test_sixty_endpoints_fit_one_stack_with_codedeploy_on() -> None:
    usages = count(60, codedeploy=True)
    assert usages.keys() == LIMITS.keys()
    assert not [str(usage) for usage in usages.values() if usage.is_over]
    assert usages["resources"].count == 14 + 6 * 60
    assert usages["routes"].count == usages["integrations"].count == 4 * 60
    assert usages["outputs"].count == 3 + 60


def test_without_codedeploy_an_endpoint_has_five_resources() -> None:
    assert count(60)["resources"].count == 12 + 5 * 60
    assert count(60)["bytes"].count < 0.4 * LIMITS["bytes"].most


def test_sixty_endpoints_have_their_dashboards_and_alarms() -> None:
    """All of them with the variables of the example that declares the most."""
    example = read_endpoint(PROJECT / "functions" / "filetype")
    names = [f"endpoint_{number}" for number in range(60)]
    endpoints = [example._replace(endpoint=name) for name in names]
    usages = {usage.kind: usage for usage in count_nested(write_stack(endpoints, names))}
    assert not [str(usage) for usage in usages.values() if usage.is_near]
    dashboards = usages["resources"].count - 4 * 60 - 1
    assert dashboards >= 1


@pytest.mark.parametrize("kind", LIMITS)
def test_near_and_over(kind: str) -> None:
    most = LIMITS[kind].most
    told = [
        (usage.is_near, usage.is_over)
        for usage in (Usage("", kind, n) for n in (most * 8 // 10 - 1, most * 8 // 10, most + 1))
    ]
    assert told == [(False, False), (True, False), (True, True)]
    assert not Usage("", kind, most).is_over


def declare(count: int) -> str:
    """A template of so many parameters."""
    head, _, rest = grow(0).partition("Parameters:\n")
    more = count - len(Template(grow(0)).data["Parameters"])
    many = "".join(f"  P{number}: {{Type: String, Default: x}}\n" for number in range(more))
    return f"{head}Parameters:\n{many}{rest}"


def test_what_is_near_is_told_and_what_is_over_refused(tmp_path: Path) -> None:
    """By parameters, which are counted without SAM."""
    project = copy_project(tmp_path / "project")
    new = ("new", "another", "--engine", "custom")
    validate = ("validate", "--no-models")
    assert project.ask(*validate)["warnings"] == []

    project.write("template.yaml", declare(160))
    near = "160 parameters: AWS takes 200 a stack"
    assert project.ask(*new)["notes"][0] == f"template.yaml has {near}"
    assert project.ask(*validate)["warnings"] == [
        {"endpoint": "all", "where": "template.yaml", "problem": near}
    ]
    assert f"Warning: template.yaml: {near}" in project.do(*validate)
    project.do("model", "remove", "--endpoint", "another", "--yes")

    project.write("template.yaml", declare(201))
    over = "201 parameters: AWS takes 200 a stack"
    refused = project.refuse(1, *new)
    assert f"template.yaml would have {over}" in refused and "docs/limits.md" in refused
    told = json.loads(project.run(*validate, "--json").stdout)
    [problem] = [each["problem"] for each in told["findings"]]
    assert problem.startswith(f"{over}; make another stack")
    assert told["warnings"] == []


@pytest.mark.parametrize(
    ("overrides", "deploy"),
    [
        ('"Alarms=none DeploymentPreference=Linear10PercentEvery10Minutes"', CODEDEPLOY),
        ('["A=b c", "DeploymentPreference=Linear10PercentEvery10Minutes"]', CODEDEPLOY),
        ('"DeploymentPreference=AllAtOnce"', {}),
        ("7", {}),
    ],
)
def test_gradual_deploys_of_any_environment_count(
    tmp_path: Path, overrides: str, deploy: dict[str, str]
) -> None:
    table = f"[prod.deploy.parameters]\nparameter_overrides = {overrides}\n"
    (tmp_path / "samconfig.toml").write_text(f"version = 0.1\n{table}")
    assert read_deploy(tmp_path) == deploy
