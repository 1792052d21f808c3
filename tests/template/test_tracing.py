"""The parameter Tracing, as SAM's own translator takes it."""

from typing import Any

import pytest
from samtranslator.translator.transform import transform

from tests.servers.built import FUNCTION, LAYER, list_resources, read_template

ALLOWS_TRACES = ("AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess")
"""AWS's own policies; which of them SAM takes goes by the region."""


class NoPolicies:
    """Of the managed policies the template names none by name alone."""

    def load(self) -> dict[str, str]:
        return {}


def translate(tracing: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The CloudFormation resources, with that value of the parameter."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    template = read_template()
    for properties in list_resources(template, FUNCTION).values():
        properties["CodeUri"] = "s3://bucket/key"
    for properties in list_resources(template, LAYER).values():
        properties["ContentUri"] = "s3://bucket/key"
    translated: dict[str, Any] = transform(template, {"Tracing": tracing}, NoPolicies())
    return translated["Resources"]


@pytest.mark.parametrize("tracing", ["Active", "Disabled"])
def test_traces_are_allowed_where_they_are_made(
    tracing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_active = tracing == "Active"
    resources = translate(tracing, monkeypatch)
    functions = {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert len(functions) > 5
    for name, properties in functions.items():
        assert ("TracingConfig" in properties) == is_active
        assert properties["Environment"]["Variables"]["SERVING_TRACING"] == {"Ref": "Tracing"}
        policies = str(resources[f"{name}Role"]["Properties"]["ManagedPolicyArns"])
        assert any(policy in policies for policy in ALLOWS_TRACES) == is_active


def test_off_by_default(template: dict[str, Any]) -> None:
    assert template["Parameters"]["Tracing"]["Default"] == "Disabled"
