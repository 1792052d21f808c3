"""What CloudFormation does on AWS and ministack leaves out: routes, and TLS.

SAM writes the routes of an HTTP API as an OpenAPI `Body`, which ministack ignores: here they are
made by API calls, with their authorizers, from the very document that CloudFormation got. And the
bucket admits TLS alone, which ministack does not speak: that one rule is lifted.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lambda_serving_cli.aws.authorization import IAM, JWT, NONE
from lambda_serving_cli.aws.local_stack import STACK_NAME
from lambda_serving_cli.local_cloud.deploy import list_resources
from lambda_serving_cli.local_cloud.intrinsics import Intrinsics, name_resources

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client

ANY_METHOD = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
AUTHORIZER = "x-amazon-apigateway-authorizer"
CORS = "x-amazon-apigateway-cors"
GREEDY = "/{proxy+}"
"""On AWS a greedy path also stands for a bare trailing slash, on ministack not: it gets a route of
its own there (on AWS a route cannot end in a slash)."""


class Route(NamedTuple):
    """Where a route leads, and whom it lets in: by `scheme`, one of the document's."""

    uri: str
    scheme: str = ""


def reconcile_routes() -> int:
    """Give each HTTP API the routes, authorizers and CORS that its `Body` names, and no others.

    Returns how many routes were made or removed.
    """
    import boto3

    client, changes = boto3.client("apigatewayv2"), 0
    for api_id, body in list_documents():
        changes += reconcile_api(client, api_id, body)
    return changes


def list_documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, OpenAPI document) of each HTTP API of the stack."""
    import boto3

    client = boto3.client("cloudformation")
    answer = client.get_template(StackName=STACK_NAME, TemplateStage="Processed")
    # boto3 hands out JSON as a dict, whatever its stubs say, and anything else as text.
    body: Any = answer["TemplateBody"]
    template: dict[str, Any] = json.loads(body) if isinstance(body, str) else body
    [stack] = client.describe_stacks(StackName=STACK_NAME)["Stacks"]
    names: dict[str, Any] = {"AWS::StackName": STACK_NAME}
    names |= {
        item["ParameterKey"]: item.get("ParameterValue", "") for item in stack.get("Parameters", [])
    }
    names |= name_resources(list_resources())
    intrinsics = Intrinsics(template.get("Conditions", {}), names)
    for logical, resource in template["Resources"].items():
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            yield names[logical], intrinsics.resolve(resource["Properties"]["Body"])


def read_routes(body: Mapping[str, Any]) -> dict[str, Route]:
    """Route key ("ANY /serve/iris") -> where it leads, from an OpenAPI document."""
    routes = {}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            if INTEGRATION not in operation:  # no function has it: `validate` tells
                continue
            verb = "ANY" if method == ANY_METHOD else method.upper()
            key = "$default" if path == "/$default" else f"{verb} {path}"
            scheme = next((name for each in operation.get("security", []) for name in each), "")
            routes[key] = Route(operation[INTEGRATION]["uri"], scheme)
            if path.endswith(GREEDY):
                routes[key.removesuffix(GREEDY.lstrip("/"))] = routes[key]
    return routes


def reconcile_api(client: "ApiGatewayV2Client", api_id: str, body: Mapping[str, Any]) -> int:
    """Make what is missing and remove what is stale. Returns how many routes changed."""
    wanted = read_routes(body)
    permits = reconcile_authorizers(client, api_id, body)
    reconcile_cors(client, api_id, body.get(CORS))
    integrations = {
        item["IntegrationId"]: item.get("IntegrationUri", "")
        for page in client.get_paginator("get_integrations").paginate(ApiId=api_id)
        for item in page["Items"]
    }
    kept, changes = set(), 0
    for page in client.get_paginator("get_routes").paginate(ApiId=api_id):
        for found in page["Items"]:
            target = found.get("Target", "").removeprefix("integrations/")
            route = wanted.get(found["RouteKey"])
            there = (found.get("AuthorizationType", NONE), found.get("AuthorizerId", ""))
            if route and (integrations.get(target), there) == (route.uri, permits[route.scheme]):
                kept.add(found["RouteKey"])
            else:
                client.delete_route(ApiId=api_id, RouteId=found["RouteId"])
                changes += 1
    targets = {uri: identifier for identifier, uri in integrations.items()}
    for key in sorted(set(wanted) - kept):
        uri, scheme = wanted[key]
        if uri not in targets:
            targets[uri] = create_integration(client, api_id, uri)
        kind, authorizer = permits[scheme]
        permit: Any = {"AuthorizationType": kind}
        if authorizer:
            permit["AuthorizerId"] = authorizer
        client.create_route(
            ApiId=api_id, RouteKey=key, Target=f"integrations/{targets[uri]}", **permit
        )
        changes += 1
    for uri in set(integrations.values()) - {route.uri for route in wanted.values()}:
        client.delete_integration(ApiId=api_id, IntegrationId=targets[uri])
    return changes


def reconcile_authorizers(
    client: "ApiGatewayV2Client", api_id: str, body: Mapping[str, Any]
) -> dict[str, tuple[str, str]]:
    """Make the authorizers of the document's schemes.

    Returns:
        Scheme -> (type of authorization, id of its authorizer or ""). One that is no scheme of the
        document lets nobody in, and has none.
    """
    there = {item["Name"]: item for item in client.get_authorizers(ApiId=api_id)["Items"]}
    permits = {"": (NONE, "")}
    schemes: Mapping[str, Any] = body.get("components", {}).get("securitySchemes", {})
    for name, scheme in schemes.items():
        permits[name] = (IAM, "")
        if AUTHORIZER in scheme:
            settings = read_authorizer(name, scheme[AUTHORIZER])
            found = there.pop(name, None)
            if found is None:
                made = client.create_authorizer(ApiId=api_id, **settings)["AuthorizerId"]
            else:
                made = found["AuthorizerId"]
                client.update_authorizer(ApiId=api_id, AuthorizerId=made, **settings)
            permits[name] = (JWT, made)
    for stale in there.values():
        client.delete_authorizer(ApiId=api_id, AuthorizerId=stale["AuthorizerId"])
    return permits


def read_authorizer(name: str, settings: Mapping[str, Any]) -> Any:
    """An authorizer of OpenAPI in the words of the API Gateway API."""
    tokens = settings["jwtConfiguration"]
    return {
        "Name": name,
        "AuthorizerType": JWT,
        "IdentitySource": [settings["identitySource"]],
        "JwtConfiguration": {"Issuer": tokens["issuer"], "Audience": tokens["audience"]},
    }


def reconcile_cors(
    client: "ApiGatewayV2Client", api_id: str, wanted: Mapping[str, Any] | None
) -> None:
    """Let API Gateway answer what browsers ask before a request, or no more."""
    if wanted:
        settings: Any = {key[0].upper() + key[1:]: value for key, value in wanted.items()}
        client.update_api(ApiId=api_id, CorsConfiguration=settings)
    elif client.get_api(ApiId=api_id).get("CorsConfiguration"):
        client.delete_cors_configuration(ApiId=api_id)


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
