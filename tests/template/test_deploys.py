"""SnapStart and gradual deploys, as SAM translates the template for their parameters' values."""

from pathlib import Path
from typing import Any

import pytest

from lambda_serving_cli.project import limits
from tests.servers.built import (
    FUNCTION,
    PROJECT,
    list_resources,
    read_endpoint_name,
    read_globals,
    read_template,
)
from tests.template.validation import validate

Properties = dict[str, Any]
PREFERENCES = "DeploymentPreference"
GRADUAL = "Canary10Percent5Minutes"


def translate(template: Path = PROJECT / "template.yaml", **parameters: str) -> dict[str, Any]:
    """What CloudFormation gets."""
    return limits.translate(template.read_text(), parameters)


def list_types(translated: dict[str, Any]) -> set[str]:
    return {resource["Type"] for resource in translated["Resources"].values()}


def test_nothing_of_codedeploy_by_default() -> None:
    translated = translate()
    assert not {kind for kind in list_types(translated) if "CodeDeploy" in kind}
    assert "CodeDeployServiceRole" not in translated["Resources"]
    aliases = [r for r in translated["Resources"].values() if r["Type"] == "AWS::Lambda::Alias"]
    assert aliases
    assert all("UpdatePolicy" not in alias for alias in aliases)


@pytest.mark.parametrize("preference", [GRADUAL, "Linear10PercentEvery10Minutes"])
def test_gradual_deploys_go_back_by_the_alarms(
    template: dict[str, Any],
    monitoring: dict[str, Any],
    functions: dict[str, Properties],
    preference: str,
) -> None:
    alarms = list_resources(monitoring, "AWS::CloudWatch::Alarm").values()
    made = {each["AlarmName"]["Fn::Sub"] for each in alarms}
    resources = translate(DeploymentPreference=preference)["Resources"]
    names = list_resources(template, FUNCTION)
    assert len(names) == len(functions)
    for name in names:
        group = resources[f"{name}DeploymentGroup"]["Properties"]
        wanted = group["DeploymentConfigName"]["Fn::Sub"]
        assert wanted == ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": preference}]
        condition, alarms, otherwise = group["AlarmConfiguration"]["Fn::If"]
        assert (condition, otherwise) == ("HasRateAlarms", {})
        told = {alarm["Name"]["Fn::Sub"] for alarm in alarms["Alarms"]}
        endpoint = read_endpoint_name(names[name])
        kinds = ("faults", "latency", "throttles")
        assert told == {f"${{AWS::StackName}}-{endpoint}-{kind}" for kind in kinds}
        # They are in the nested stack, which has the name by a parameter.
        assert {each.replace("{AWS::StackName}", "{StackName}") for each in told} <= made
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        policy = resources[f"{name}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert policy["DeploymentGroupName"] == {"Ref": f"{name}DeploymentGroup"}


def test_every_preference_is_known_to_the_mapping(template: dict[str, Any]) -> None:
    allowed = template["Parameters"][PREFERENCES]["AllowedValues"]
    mapping = template["Mappings"]["CodeDeploy"]
    assert set(mapping) == set(allowed)
    off = [name for name, row in mapping.items() if row["Enabled"] != "true"]
    assert off == ["AllAtOnce"] == [template["Parameters"][PREFERENCES]["Default"]]


def test_snapstart_by_a_condition(template: dict[str, Any]) -> None:
    parameter = template["Parameters"]["SnapStart"]
    assert (parameter["Default"], set(parameter["AllowedValues"])) == (
        "Disabled",
        {"Enabled", "Disabled"},
    )
    translated = translate()
    assert translated["Conditions"]["HasSnapStart"] == {
        "Fn::Equals": [{"Ref": "SnapStart"}, "Enabled"]
    }
    for resource in translated["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            assert resource["Properties"]["SnapStart"] == {
                "Fn::If": [
                    "HasSnapStart",
                    {"ApplyOn": "PublishedVersions"},
                    {"Ref": "AWS::NoValue"},
                ]
            }


def test_nothing_that_snapstart_excludes(
    template: dict[str, Any], functions: dict[str, Properties]
) -> None:
    """No provisioned concurrency, no EFS, no more than 512 MB of /tmp (AWS Lambda, "Improving
    startup performance with Lambda SnapStart", Limitations)."""
    for properties in (read_globals(template), *functions.values()):
        assert not {"ProvisionedConcurrencyConfig", "FileSystemConfigs"} & properties.keys()
        assert properties.get("EphemeralStorage", {}).get("Size", 512) <= 512
        assert properties.get("PackageType", "Zip") == "Zip"


def test_sam_validates_both_values(template: dict[str, Any], tmp_path: Path) -> None:
    """What it does by default is in test_resources.py."""
    text = (PROJECT / "template.yaml").read_text()
    switched = text.replace("Default: AllAtOnce", f"Default: {GRADUAL}").replace(
        "AllowedValues: [Enabled, Disabled]\n    Default: Disabled",
        "AllowedValues: [Enabled, Disabled]\n    Default: Enabled",
    )
    assert len(switched) != len(text)
    file = tmp_path / "template.yaml"
    file.write_text(switched)
    parameters = read_template(file)["Parameters"]
    assert (parameters["SnapStart"]["Default"], parameters[PREFERENCES]["Default"]) == (
        "Enabled",
        GRADUAL,
    )
    done = validate(file)
    assert done.returncode == 0, done.stdout + done.stderr


REACH_FUNCTIONS = ("Architecture", "SnapStart", "Tracing", "MetricsNamespace")
"""Parameters that functions are made of. EndpointUrl is one too, and empty on AWS."""


def test_a_parameter_makes_a_new_version(
    template: dict[str, Any], functions: dict[str, Properties]
) -> None:
    """SAM does not look at the values of parameters; the version's description holds them, and a
    version with another description is another one (AWS CloudFormation, AWS::Lambda::Version)."""
    used = str(read_globals(template)) + str(template["Conditions"]["HasSnapStart"])
    reach = [name for name in template["Parameters"] if f"{{'Ref': '{name}'}}" in used]
    assert set(reach) - {PREFERENCES} == set(REACH_FUNCTIONS) | {"EndpointUrl"}
    for properties in functions.values():
        description = properties["VersionDescription"]["Fn::Sub"]
        assert all(f"${{{name}}}" in description for name in REACH_FUNCTIONS)
        longest = {"MetricsNamespace": 128}
        filled = sum(longest.get(name, 8) for name in REACH_FUNCTIONS)
        assert len(description) + filled <= 256
    versions = [
        resource["Properties"]["Description"]
        for resource in translate()["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Version"
    ]
    assert len(versions) == len(functions)
    assert versions == [properties["VersionDescription"] for properties in functions.values()]
