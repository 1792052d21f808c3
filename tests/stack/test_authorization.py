"""Who may call, on further HTTP APIs before the deployed functions: as the template makes them for
other values of Auth, with tokens of a user pool. A deploy of their own would take a minute each."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from lambda_serving_cli.aws.authorization import sign
from lambda_serving_cli.aws.local_stack import ask_token
from lambda_serving_cli.local_cloud.callers import make_pool, name_issuer
from lambda_serving_cli.local_cloud.intrinsics import Intrinsics, name_resources
from lambda_serving_cli.local_cloud.routes import reconcile_api
from lambda_serving_cli.project import limits
from tests.events import list_endpoints, load_event
from tests.servers.built import PROJECT
from tests.stack.conftest import Stack

SITE = "https://shop.example"
ROUTES = [
    *((method, f"/serve/{endpoint}{rest}")
      for endpoint in list_endpoints()
      for method, rest in (
          ("GET", ""), ("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/docs"),
          ("GET", "/openapi.json"), ("POST", ""), ("POST", "/1"))),
    ("GET", "/serve/iris_onnx/"),
]  # fmt: skip


@dataclass(frozen=True)
class Api:
    """An HTTP API of its own before the functions of the stack."""

    client: Any
    id: str
    url: str
    http: httpx.Client

    def publish(self, stack: Stack, **parameters: str) -> int:
        """Routes, authorizers and CORS as the template has them for these parameters."""
        translated = limits.translate((PROJECT / "template.yaml").read_text(), parameters)
        names = {name: each.get("Default") for name, each in translated["Parameters"].items()}
        pages = stack.connect("cloudformation").get_paginator("list_stack_resources")
        names |= parameters | {"AWS::StackName": "other"}
        names |= name_resources(
            {
                each["LogicalResourceId"]: (each["ResourceType"], each["PhysicalResourceId"])
                for page in pages.paginate(StackName=stack.state["stack_name"])
                for each in page["StackResourceSummaries"]
            }
        )
        intrinsics = Intrinsics(translated["Conditions"], names)
        body = intrinsics.resolve(translated["Resources"]["Api"]["Properties"]["Body"])
        return reconcile_api(self.client, self.id, body)

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        """A sample request of the path's endpoint."""
        event = load_event(f"http_{path.split('/')[2]}")
        about, body = {}, None
        if method == "POST":
            text = event["body"]
            body = base64.b64decode(text) if event["isBase64Encoded"] else text.encode()
            about = {"content-type": event["headers"]["content-type"]}
        url = f"{self.url}{path}"
        return self.http.request(method, url, content=body, headers=about | headers)


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[Api]:
    client = stack.connect("apigatewayv2")
    made = client.create_api(Name="guarded", ProtocolType="HTTP")["ApiId"]
    client.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    with httpx.Client(timeout=60) as http:
        yield Api(client, made, f"{stack.state['aws_endpoint_url']}/_aws/execute-api/{made}", http)
    client.delete_api(ApiId=made)


@dataclass(frozen=True)
class Tokens:
    """Access tokens of a user pool, by what is wrong with them."""

    good: str
    bad: dict[str, str]


@pytest.fixture(scope="module")
def tokens(stack: Stack, api: Api) -> Tokens:
    """Of a pool whose first client is the API's audience."""
    cognito = stack.connect("cognito-idp")
    pool = make_pool(cognito, "tests")
    [first] = cognito.list_user_pool_clients(UserPoolId=pool)["UserPoolClients"]
    audience = first["ClientId"]
    good = ask_token(cognito, audience)
    cognito.update_user_pool_client(
        UserPoolId=pool, ClientId=audience, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        AccessTokenValidity=1, TokenValidityUnits={"AccessToken": "seconds"},
    )  # fmt: skip
    expired = ask_token(cognito, audience)
    other = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="other", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    api.publish(stack, Auth="JWT", JwtIssuer=name_issuer(pool), JwtAudience=f"none,{audience}")
    bad = {
        "expired": expired,
        "wrong audience": ask_token(cognito, other),
        "wrong key": sign_again(good),
        "unsigned": good.rpartition(".")[0] + ".",
        "garbage": "a.b.c",
    }
    return Tokens(good, bad)


def sign_again(token: str) -> str:
    """The same token with the signature of another key."""
    head = token.rpartition(".")[0]
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signature = key.sign(head.encode(), padding.PKCS1v15(), SHA256())
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def read_claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def test_no_route_without_a_token_and_every_one_with(api: Api, tokens: Tokens) -> None:
    for method, path in ROUTES:
        assert api.ask(method, path).status_code == 401, (method, path)
        let_in = api.ask(method, path, authorization=f"Bearer {tokens.good}")
        assert let_in.status_code == 200, (method, path, let_in.text)


@pytest.mark.parametrize(
    "defect", ["expired", "wrong audience", "wrong key", "unsigned", "garbage"]
)
def test_tokens_that_let_nobody_in(api: Api, tokens: Tokens, defect: str) -> None:
    token = tokens.bad[defect]
    if defect == "expired":  # it was good for a second
        time.sleep(max(0.0, read_claims(token)["exp"] - time.time()))
    refused = api.ask("POST", "/serve/iris_onnx", authorization=f"Bearer {token}")
    assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})


def test_the_document_tells_of_the_token(api: Api, tokens: Tokens) -> None:
    path = "/serve/iris_onnx/openapi.json"
    document = api.ask("GET", path, authorization=f"Bearer {tokens.good}").json()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_no_route_without_a_signature(stack: Stack, api: Api, tokens: Tokens) -> None:
    """After the tokens: the same API with another value of the parameter.

    The local cloud asks for a signature and does not check it, as test_who_may_call.py does.
    """
    assert api.publish(stack, Auth="AWS_IAM") > 0
    for method, path in ROUTES[:: len(list_endpoints()) - 1]:  # each kind, and each endpoint
        assert api.ask(method, path).status_code == 403, (method, path)
    path = "/serve/iris_onnx"
    credentials = stack.functions._request_signer._credentials
    signed = sign("GET", f"{api.url}{path}", None, {}, stack.state["region"], credentials)
    assert api.ask("GET", path, **signed).status_code == 200
    document = api.ask("GET", f"{path}/openapi.json", **signed).json()
    assert "signature" in document["components"]["securitySchemes"]
    assert api.publish(stack, Auth="AWS_IAM") == 0


def test_the_api_has_the_cors_that_is_asked_for(stack: Stack, api: Api) -> None:
    """It answers no site here: the local cloud refuses what a browser sends for a page."""
    api.publish(stack, Auth="AWS_IAM", CorsOrigins=f"https://a.example,{SITE}")
    cors = api.client.get_api(ApiId=api.id)["CorsConfiguration"]
    assert cors["AllowOrigins"] == ["https://a.example", SITE]
    assert "POST" in cors["AllowMethods"] and "authorization" in cors["AllowHeaders"]
    asked = {"origin": SITE, "access-control-request-method": "POST"}
    answer = api.ask("OPTIONS", "/serve/iris_onnx", **asked)
    assert (answer.status_code, answer.json()["type"]) == (403, "ForeignOrigin")
    api.publish(stack, Auth="AWS_IAM")
    assert not api.client.get_api(ApiId=api.id).get("CorsConfiguration")
