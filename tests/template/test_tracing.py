"""The parameter Tracing, as SAM's own translator takes it."""

from typing import Any

import pytest

from lambda_serving_cli.project.limits import translate
from tests.servers.built import PROJECT

ALLOWS_TRACES = ("AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess")
"""AWS's own policies; which of them SAM takes goes by the region."""


@pytest.mark.parametrize("tracing", ["Active", "Disabled"])
def test_traces_are_allowed_where_they_are_made(
    tracing: str,
) -> None:
    is_active = tracing == "Active"
    resources = translate((PROJECT / "template.yaml").read_text(), {"Tracing": tracing})[
        "Resources"
    ]
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
