"""Functions that a test adds to the deployed stack, and takes away again."""

import io
import json
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lambda_serving.settings.endpoint_toml import parse_endpoint
from lambda_serving_cli.project.policy import read_policy, write_policy
from tests.stack.conftest import Stack
from tests.template.iam import NAMES, resolve

ALIAS, POLICY = "live", "Endpoint"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@contextmanager
def add_function(
    stack: Stack,
    endpoint: str,
    files: Mapping[str, bytes | str],
    *,
    like: str,
    **variables: str,
) -> Iterator[str]:
    """The function `<stack>-<endpoint>`, its code `files`; gives its name.

    Layers and environment are those of the deployed endpoint `like`; `variables` are added. It may
    do what its endpoint.toml says, as if the template had it.
    """
    functions = stack.functions
    model = functions.get_function(FunctionName=stack.state["functions"][like])
    like_it = model["Configuration"]
    name = f"{stack.state['stack_name']}-{endpoint}"
    iam, role = stack.connect("iam"), f"{name}-temporary"
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    if policy := make_policy(stack, files["endpoint.toml"]):
        iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(policy))
    functions.create_function(
        FunctionName=name,
        Runtime=like_it["Runtime"],
        Role=arn,
        Handler=like_it["Handler"],
        Code={"ZipFile": pack(files)},
        Layers=[layer["Arn"] for layer in like_it["Layers"]],
        Timeout=like_it["Timeout"],
        MemorySize=like_it["MemorySize"],
        Environment={"Variables": like_it["Environment"]["Variables"] | variables},
        Tags=model["Tags"],
        Publish=True,
    )
    functions.create_alias(FunctionName=name, Name=ALIAS, FunctionVersion="1")
    try:
        yield name
    finally:
        functions.delete_function(FunctionName=name)
        if policy:
            iam.delete_role_policy(RoleName=role, PolicyName=POLICY)
        iam.delete_role(RoleName=role)
        logs = stack.connect("logs")
        for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")[
            "logGroups"
        ]:
            logs.delete_log_group(logGroupName=group["logGroupName"])


def make_policy(stack: Stack, toml: bytes | str) -> Any:
    """What a function of this endpoint.toml may do in the deployed stack; None for nothing."""
    text = toml.decode() if isinstance(toml, bytes) else toml
    names = {
        **NAMES,
        "AWS::StackName": stack.state["stack_name"],
        "AWS::Region": stack.state["region"],
        "AWS::AccountId": "000000000000",
        "ModelBucket.Arn": f"arn:aws:s3:::{stack.state['model_bucket']}",
    }
    return resolve(read_policy(write_policy(parse_endpoint(tomllib.loads(text)), None)), {}, names)


@contextmanager
def add_routes(stack: Stack, endpoint: str, *, like: str) -> Iterator[None]:
    """The HTTP routes of `endpoint`, as the deployed endpoint `like` has them."""
    gateway = stack.connect("apigatewayv2")
    [api] = [each for each in gateway.get_apis()["Items"] if each["ApiId"] in stack.api_url]
    where = {"ApiId": api["ApiId"]}
    stem, prefix = stack.state["stack_name"], f"/serve/{like}"
    made: list[tuple[str, str]] = []
    for route in gateway.get_routes(**where)["Items"]:
        method, path = route["RouteKey"].split(" ", 1)
        if path != prefix and not path.startswith(f"{prefix}/"):
            continue
        old = route["Target"].removeprefix("integrations/")
        uri = gateway.get_integration(**where, IntegrationId=old)["IntegrationUri"]
        integration = gateway.create_integration(
            **where,
            IntegrationType="AWS_PROXY",
            IntegrationUri=uri.replace(f"{stem}-{like}", f"{stem}-{endpoint}"),
            PayloadFormatVersion="2.0",
        )["IntegrationId"]
        key = f"{method} {path.replace(prefix, f'/serve/{endpoint}')}"
        target = f"integrations/{integration}"
        made.append(
            (gateway.create_route(**where, RouteKey=key, Target=target)["RouteId"], integration)
        )
    try:
        yield
    finally:
        for route_id, integration in made:
            gateway.delete_route(**where, RouteId=route_id)
            gateway.delete_integration(**where, IntegrationId=integration)


def pack(files: Mapping[str, bytes | str]) -> bytes:
    """A zip of the files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return archive.getvalue()
