"""Least privilege, over the template after SAM's transform: who reads, invokes and logs what."""

from functools import cache
from typing import Any

import pytest

from lambda_serving.settings.endpoint_toml import parse_endpoint
from lambda_serving_cli.project.blocks import add_function
from lambda_serving_cli.project.limits import translate
from lambda_serving_cli.project.template import Template
from tests.servers.built import PROJECT
from tests.template.iam import FUNCTIONS, LOGS, as_list, is_allowed, list_statements

STACK = PROJECT / "template.yaml"
OWN, OTHER = "arn:aws:s3:::models", "arn:aws:s3:::other"
GET, PINNED, LIST = "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"

MODELS: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    # What endpoint.toml says: (action, bucket, key or prefix) that the function needs for it.
    "plain": ({"model": "near/1/model.onnx"}, [(GET, OWN, "near/1/model.onnx")]),
    "longer": ({"model": "near/1/model.onnx.txt"}, [(GET, OWN, "near/1/model.onnx.txt")]),
    "folder": ({"model": "near/2/"}, [(LIST, OWN, "near/2/"), (GET, OWN, "near/2/a/b")]),
    "folder20": ({"model": "near/20/"}, [(LIST, OWN, "near/20/"), (GET, OWN, "near/20/a")]),
    "star": ({"model": "odd/*?.onnx"}, [(GET, OWN, "odd/*?.onnx")]),
    "no_star": ({"model": "odd/abc.onnx"}, [(GET, OWN, "odd/abc.onnx")]),
    "odd": ({"model": "odd/${x} #'\" é😀: *"}, [(GET, OWN, "odd/${x} #'\" é😀: *")]),
    "odd_folder": ({"model": "o*/"}, [(LIST, OWN, "o*/"), (GET, OWN, "o*/a")]),
    "elsewhere": ({"model": "s3://other/near/1/m"}, [(GET, OTHER, "near/1/m")]),
    "pinned": ({"model": "s3://other/p?versionId=x"}, [(PINNED, OTHER, "p")]),
    "their_folder": (
        {"model": "s3://other/near/2/"}, [(LIST, OTHER, "near/2/"), (GET, OTHER, "near/2/a")],
    ),
    "versions": (
        {"model": "v/1/m", "version": {"2": {"model": "v/2/"}, "3": {"model": "s3://other/v"}}},
        [(GET, OWN, "v/1/m"), (GET, OWN, "v/2/m"), (LIST, OWN, "v/2/"), (GET, OTHER, "v")],
    ),
    "followed": (
        {"auto_update": {"project": "a b", "name": "m/x"}},
        [
            (GET, OWN, "registry/a%20b/m%2Fx/index.json"),
            (GET, OWN, "registry/a%20b/m%2Fx/3/model.onnx"),
            (LIST, OWN, "registry/a%20b/m%2Fx/3/"),
        ],
    ),
    "beside": (
        {"auto_update": {"project": "a b", "name": "m"}},
        [(GET, OWN, "registry/a%20b/m/index.json"), (LIST, OWN, "registry/a%20b/m/1/")],
    ),
    "on_disk": ({"model": "file:///opt/model.onnx"}, []),
}  # fmt: skip

CALLS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nobody": ({"engine": "custom"}, []),
    "one": ({"engine": "custom", "calls": ["plain"]}, ["plain"]),
    "two": ({"engine": "custom", "calls": ["plain", "two"]}, ["plain", "two"]),
    "weighed": (
        {"engine": "canary", "traffic": {"weights": {"plain/2": 0.5, "plain": 0.2, "odd": 0.3}}},
        ["plain", "odd"],
    ),
    "newest": (
        {"engine": "canary", "traffic": {"prefix": "plain", "latest": [1.0]}}, ["plain"],
    ),
}  # fmt: skip

NOT_NARROWER = {
    "AWSLambdaBasicExecutionRole": "logs of every group: SAM gives it to each role. The function's"
    " own policy denies every group but its own",
    "AWSXrayWriteOnlyAccess": "with Tracing=Active alone. X-Ray's actions for traces know no"
    " resources (Service Authorization Reference, AWS X-Ray)",
    "AWSCodeDeployRoleForLambda": "with a gradual deploy alone. The role is CodeDeploy's, which SAM"
    " makes; no function can take it",
}
"""AWS's own policies that roles have, though they allow `*`: why."""


PARAMETERS = {"Tracing": "Active", "DeploymentPreference": "Linear10PercentEvery10Minutes"}
"""With everything that brings a role more."""


@cache
def grow() -> dict[str, Any]:
    """The examples, and an endpoint for each kind: the resources that CloudFormation gets."""
    text = STACK.read_text()
    for name, (table, _) in {**MODELS, **CALLS}.items():
        settings = parse_endpoint({"engine": "onnx", "endpoint": name, **table})
        text, _ = add_function(Template(text), name, settings, "")
    resources: dict[str, Any] = translate(text, PARAMETERS)["Resources"]
    return resources


@cache
def read_statements() -> dict[str, list[dict[str, Any]]]:
    """Endpoint -> what its function's role says."""
    found = {}
    for name, resource in grow().items():
        if resource["Type"] == "AWS::Lambda::Function":
            endpoint = resource["Properties"]["FunctionName"]["Fn::Sub"].partition("-")[2]
            found[endpoint] = list_statements(grow(), name)
    return found


def may(endpoint: str, action: str, bucket: str, key: str) -> bool:
    statements = read_statements()[endpoint]
    if action == LIST:
        return is_allowed(statements, LIST, bucket, {"s3:prefix": key})
    return is_allowed(statements, action, f"{bucket}/{key}")


EXAMPLES = {
    "filetype": [(GET, OWN, "filetype/1/model.onnx"), (LIST, OWN, "filetype/1/")],
    "iris_onnx": [(GET, OWN, "iris_onnx/1/model.onnx")],
    "iris_sklearn": [(GET, OWN, "iris_sklearn/1/model.joblib")],
    "iris_xgboost": [(GET, OWN, "iris_xgboost/1/model.ubj")],
    "iris_lightgbm": [(GET, OWN, "iris_lightgbm/1/model.txt")],
}
NEEDS = {**EXAMPLES, **{name: needs for name, (_, needs) in MODELS.items()}}
CALLEES = {
    "iris_ensemble": ["iris_onnx", "iris_sklearn", "iris_xgboost", "iris_lightgbm"],
    "iris_ensemble_threads": ["iris_onnx", "iris_sklearn", "iris_xgboost", "iris_lightgbm"],
    "iris_canary": ["iris_onnx", "iris_sklearn"],
    **{name: callees for name, (_, callees) in CALLS.items()},
}


def test_every_endpoint_is_looked_at() -> None:
    assert read_statements().keys() == NEEDS.keys() | CALLEES.keys()


@pytest.mark.parametrize("endpoint", NEEDS)
def test_its_own_models_can_be_read_and_by_no_other(endpoint: str) -> None:
    for need in NEEDS[endpoint]:
        readers = {name for name in read_statements() if may(name, *need)}
        assert readers == {endpoint}, need


@pytest.mark.parametrize("bucket", [OWN, OTHER])
def test_nobody_lists_a_bucket(bucket: str) -> None:
    """Neither all of it, nor by a prefix that others' models begin with."""
    for endpoint, statements in read_statements().items():
        assert not is_allowed(statements, LIST, bucket), endpoint
        for prefix in ("", "n", "near/", "registry/", "registry/a%20b/", "filetype/", "odd/"):
            assert not may(endpoint, LIST, bucket, prefix), (endpoint, prefix)


@pytest.mark.parametrize("endpoint", [*NEEDS, *CALLEES])
def test_it_invokes_whom_it_calls_alone(endpoint: str) -> None:
    """By the alias, which is what `send_request` asks for."""
    statements = read_statements()[endpoint]
    called = {
        name
        for name in read_statements()
        if is_allowed(statements, "lambda:InvokeFunction", f"{FUNCTIONS}stack-{name}:live")
    }
    assert called == set(CALLEES.get(endpoint, []))
    for other in ("stack-plain", "stack-plain:1", "stack-dev-plain:live"):
        assert not is_allowed(statements, "lambda:InvokeFunction", f"{FUNCTIONS}{other}")


def test_it_writes_its_own_logs_alone() -> None:
    """With what AWSLambdaBasicExecutionRole allows beside its own policy."""
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    basic = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    groups = {name: f"{LOGS}/aws/lambda/stack-{name}:log-stream:x" for name in read_statements()}
    for endpoint, statements in read_statements().items():
        written = {
            name
            for name, arn in groups.items()
            if is_allowed([*statements, basic], "logs:PutLogEvents", arn)
        }
        assert written == {endpoint}
        other = f"{LOGS}/aws/vendedlogs/stack-api:log-stream:x"
        assert not is_allowed([*statements, basic], "logs:PutLogEvents", other)


def test_nothing_else_is_allowed() -> None:
    """No writes, no star for an action, none for a resource but behind a prefix of its own."""
    actions = set()
    for endpoint, statements in read_statements().items():
        for statement in [each for each in statements if each["Effect"] == "Allow"]:
            actions |= set(as_list(statement["Action"]))
            for arn in as_list(statement["Resource"]):
                head = arn.replace("${*}", "").removesuffix("/*")
                assert "*" not in head, (endpoint, arn)
                assert not arn.endswith("*") or head.count("/") >= 1, (endpoint, arn)
    assert actions == {GET, PINNED, LIST, "lambda:InvokeFunction"}


def test_aws_own_policies_are_those_that_cannot_be_narrower() -> None:
    roles = [each["Properties"] for each in grow().values() if each["Type"] == "AWS::IAM::Role"]
    arns = [str(arn) for role in roles for arn in role.get("ManagedPolicyArns", [])]
    given = {arn.rpartition("/")[2].rstrip("'}") for arn in arns}
    assert given == NOT_NARROWER.keys()


def test_policies_take_no_resources() -> None:
    kinds = {resource["Type"] for resource in grow().values()}
    assert not kinds & {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy"}
