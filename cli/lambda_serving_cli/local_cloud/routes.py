"""What CloudFormation does on AWS and ministack leaves out: routes, and TLS.

SAM writes the routes of an HTTP API as an OpenAPI `Body`, which ministack ignores: here they are
made by API calls, from the very document that CloudFormation got. And the bucket admits TLS alone,
which ministack does not speak: that one rule is lifted.
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lambda_serving_cli.aws.local_stack import REGION, STACK_NAME
from lambda_serving_cli.local_cloud.deploy import list_resources

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client

ANY_METHOD = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
GREEDY = "/{proxy+}"
"""On AWS a greedy path also stands for a bare trailing slash, on ministack not: it gets a route of
its own there (on AWS a route cannot end in a slash)."""

ACCOUNT = "000000000000"
"""Ministack's account unless told otherwise."""


def reconcile_routes() -> int:
    """Give each HTTP API the routes that its `Body` names, and no others.

    Returns how many routes were made or removed.
    """
    import boto3

    resources = list_resources()
    names = {logical: physical for logical, (_, physical) in resources.items()}
    template = read_template()
    changes = 0
    for logical, resource in template["Resources"].items():
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            wanted = read_routes(resource["Properties"]["Body"], names)
            changes += reconcile_api(boto3.client("apigatewayv2"), names[logical], wanted)
    return changes


def read_template() -> dict[str, Any]:
    """The deployed template after SAM's transform."""
    import boto3

    answer = boto3.client("cloudformation").get_template(
        StackName=STACK_NAME, TemplateStage="Processed"
    )
    # boto3 hands out JSON as a dict, whatever its stubs say, and anything else as text.
    body: Any = answer["TemplateBody"]
    template: dict[str, Any] = json.loads(body) if isinstance(body, str) else body
    return template


def read_routes(body: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Route key ("ANY /serve/iris") -> integration URI, from an OpenAPI document."""
    routes = {}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            verb = "ANY" if method == ANY_METHOD else method.upper()
            key = "$default" if path == "/$default" else f"{verb} {path}"
            routes[key] = substitute(operation[INTEGRATION]["uri"], names)
            if path.endswith(GREEDY):
                routes[key.removesuffix(GREEDY.lstrip("/"))] = routes[key]
    return routes


def substitute(value: str | Mapping[str, str], names: Mapping[str, str]) -> str:
    """Resolve `Fn::Sub` with the physical ids of the stack's resources."""
    if isinstance(value, str):
        return value
    pseudo = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
    known = {**names, **pseudo}
    return re.sub(r"\$\{([^}]+)\}", lambda found: known[found[1]], value["Fn::Sub"])


def reconcile_api(client: "ApiGatewayV2Client", api_id: str, wanted: Mapping[str, str]) -> int:
    """Make what is missing and remove what is stale. Returns how many routes changed."""
    integrations = {
        item["IntegrationId"]: item.get("IntegrationUri", "")
        for page in client.get_paginator("get_integrations").paginate(ApiId=api_id)
        for item in page["Items"]
    }
    kept, changes = set(), 0
    for page in client.get_paginator("get_routes").paginate(ApiId=api_id):
        for route in page["Items"]:
            target = route.get("Target", "").removeprefix("integrations/")
            if wanted.get(route["RouteKey"]) == integrations.get(target, None):
                kept.add(route["RouteKey"])
            else:
                client.delete_route(ApiId=api_id, RouteId=route["RouteId"])
                changes += 1
    targets = {uri: identifier for identifier, uri in integrations.items()}
    for key in sorted(set(wanted) - kept):
        uri = wanted[key]
        if uri not in targets:
            targets[uri] = create_integration(client, api_id, uri)
        client.create_route(ApiId=api_id, RouteKey=key, Target=f"integrations/{targets[uri]}")
        changes += 1
    for uri in set(integrations.values()) - set(wanted.values()):
        client.delete_integration(ApiId=api_id, IntegrationId=targets[uri])
    return changes


def create_integration(client: "ApiGatewayV2Client", api_id: str, uri: str) -> str:
    """Make the integration that calls the function of this URI; returns its id."""
    created = client.create_integration(
        ApiId=api_id,
        IntegrationType="AWS_PROXY",
        IntegrationMethod="POST",
        IntegrationUri=uri,
        PayloadFormatVersion="2.0",
    )
    return created["IntegrationId"]


def allow_plain_http(bucket: str) -> None:
    """Drop from the bucket's policy the statements that ask for TLS, and keep the others."""
    import boto3

    client = boto3.client("s3")
    try:
        policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        return
    kept = [rule for rule in policy["Statement"] if "aws:SecureTransport" not in json.dumps(rule)]
    if not kept:
        client.delete_bucket_policy(Bucket=bucket)
    elif kept != policy["Statement"]:
        client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**policy, "Statement": kept}))
