"""Who may call, CORS, throttling and keys, in what CloudFormation gets for their parameters."""

import tomllib
from functools import cache
from typing import Any

import pytest

from lambda_serving_cli.local_cloud.intrinsics import Intrinsics
from lambda_serving_cli.project import limits
from tests.servers.built import FUNCTION, PROJECT, list_resources, read_endpoint_name

Properties = dict[str, Any]
TEXT = (PROJECT / "template.yaml").read_text()
JWT = {"Auth": "JWT", "JwtIssuer": "https://issuer.example/pool", "JwtAudience": "one,two"}
SIGV4 = {"x-amazon-apigateway-authtype": "awsSigv4"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


class Names(dict[str, Any]):
    """Parameters by their values; resources by their own names."""

    def __missing__(self, name: str) -> str:
        return name


@cache
def resolve(text: str = TEXT, **parameters: str) -> dict[str, Properties]:
    """Logical id -> the properties of a resource, for these values of parameters."""
    translated = limits.translate(text, parameters)
    defaults = {name: each.get("Default") for name, each in translated["Parameters"].items()}
    names = Names(defaults | parameters)
    found = {}
    for logical, resource in translated["Resources"].items():
        intrinsics = Intrinsics(translated["Conditions"], names)
        kept = {"Api", "ApiApiGatewayDefaultStage", "ModelBucket"}
        if logical in kept or resource["Type"] == "AWS::Logs::LogGroup":
            found[logical] = intrinsics.resolve(drop_attributes(resource["Properties"]))
        elif resource["Type"] == "AWS::Lambda::Function":
            found[logical] = resource["Properties"]
        elif resource["Type"] == "AWS::IAM::Role":
            found[logical] = {"Conditional": intrinsics.resolve(list_conditional(resource))}
    return found


def list_conditional(role: Properties) -> list[Any]:
    """Statements of its policies that hang on a condition."""
    policies = role["Properties"].get("Policies", [])
    statements = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
    return [each for each in statements if "Fn::If" in each]


def drop_attributes(value: Any) -> Any:
    """Without `Fn::GetAtt`, which nobody knows before a deploy."""
    if isinstance(value, dict):
        return {k: drop_attributes(v) for k, v in value.items() if k != "Fn::GetAtt"}
    return [drop_attributes(item) for item in value] if isinstance(value, list) else value


def list_operations(api: Properties) -> dict[tuple[str, str], Properties]:
    """(path, method) -> its operation."""
    return {
        (path, method): operation
        for path, methods in api["Body"]["paths"].items()
        for method, operation in methods.items()
    }


def list_routes(endpoint: str) -> list[tuple[str, str]]:
    """The routes of an endpoint, as `list_operations` has them."""
    below = f"/serve/{endpoint}/{{proxy+}}"
    return [(path, verb) for path in (f"/serve/{endpoint}", below) for verb in ("get", "post")]


def read_schemes(api: Properties, operation: Properties) -> list[Properties]:
    """The security schemes that an operation asks for."""
    schemes = api["Body"]["components"]["securitySchemes"]
    return [schemes[name] for each in operation.get("security", []) for name in each]


def test_signed_requests_are_asked_for_unless_told_otherwise(template: dict[str, Any]) -> None:
    parameter = template["Parameters"]["Auth"]
    assert (parameter["Default"], parameter["AllowedValues"]) == (
        "AWS_IAM",
        ["AWS_IAM", "JWT", "NONE"],
    )
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    for name in ("default", "dev", "prod"):
        assert "Auth=NONE" not in str(config[name]["deploy"])


@pytest.mark.parametrize("auth", ["AWS_IAM", "JWT", "NONE"])
def test_every_route_lets_in_whom_the_parameter_says(
    auth: str, functions: dict[str, Properties]
) -> None:
    api = resolve(**(JWT if auth == "JWT" else {"Auth": auth}))["Api"]
    operations = list_operations(api)
    assert sorted(operations) == sorted(route for name in functions for route in list_routes(name))
    for operation in operations.values():
        schemes = read_schemes(api, operation)
        if auth == "NONE":
            assert operation["security"] == []
            continue
        [scheme] = schemes
        if auth == "AWS_IAM":
            assert scheme.items() >= SIGV4.items()
            continue
        authorizer = scheme["x-amazon-apigateway-authorizer"]
        assert authorizer["type"] == "jwt"
        assert authorizer["identitySource"] == "$request.header.Authorization"
        assert authorizer["jwtConfiguration"] == {
            "issuer": "https://issuer.example/pool",
            "audience": ["one", "two"],
        }


def test_no_token_is_let_in_without_jwt() -> None:
    """An authorizer that nobody asked for would need an issuer."""
    assert "x-amazon-apigateway-authorizer" not in str(resolve()["Api"])


@pytest.mark.parametrize("auth", ["AWS_IAM", "JWT", "NONE"])
def test_a_route_without_security_asks_for_a_signature(auth: str) -> None:
    text = TEXT.replace("              security: *callers\n", "", 1)
    assert text != TEXT
    api = resolve(text, **(JWT if auth == "JWT" else {"Auth": auth}))["Api"]
    [scheme] = read_schemes(api, list_operations(api)["/serve/filetype", "get"])
    assert scheme.items() >= SIGV4.items()


def test_what_is_refused_of_the_api_fails_the_deploy() -> None:
    """Without it API Gateway drops authorizers and routes that it does not take, and only warns."""
    assert resolve()["Api"]["FailOnWarnings"] is True


def test_each_route_leads_to_its_own_function(template: dict[str, Any]) -> None:
    operations = list_operations(resolve()["Api"])
    for logical, properties in list_resources(template, FUNCTION).items():
        for route in list_routes(read_endpoint_name(properties)):
            integration = operations[route]["x-amazon-apigateway-integration"]
            assert integration["uri"].endswith(f"/functions/{logical}.Arn:live/invocations")
            assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
            assert integration["payloadFormatVersion"] == "2.0"


def test_the_api_may_call_the_functions_of_its_stack_alone(template: dict[str, Any]) -> None:
    """By its role, which takes the place of two permissions of each function. It names them by a
    star: a list would be one more place that each endpoint stands in, and what the API calls is
    what its paths say."""
    role = template["Resources"]["ApiRole"]["Properties"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}
    [policy] = role["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"]["Fn::Sub"].endswith(":function:${AWS::StackName}-*:live")
    assert "AWS::Lambda::Permission" not in str(limits.translate(TEXT, {}))


CORS = "x-amazon-apigateway-cors"


def test_no_other_site_by_default() -> None:
    assert CORS not in resolve()["Api"]["Body"]


def test_the_sites_that_are_named() -> None:
    body = resolve(CorsOrigins="https://a.example,http://localhost:3000")["Api"]["Body"]
    assert body[CORS]["allowOrigins"] == ["https://a.example", "http://localhost:3000"]
    assert {"authorization", "content-type"} <= set(body[CORS]["allowHeaders"])
    assert set(body[CORS]["allowMethods"]) == {"GET", "POST"}


@pytest.mark.parametrize("auth", ["AWS_IAM", "JWT"])
def test_a_browser_is_answered_before_it_has_signed(auth: str) -> None:
    """A browser's preflight request has neither token nor signature. API Gateway answers it where
    no route takes OPTIONS; a route of any method would refuse it, or pass it on to a function."""
    parameters = {**JWT, "Auth": auth, "CorsOrigins": "https://a.example"}
    body = resolve(**parameters)["Api"]["Body"]
    methods = {method for path in body["paths"].values() for method in path}
    assert methods == {method.lower() for method in body[CORS]["allowMethods"]}


def test_requests_are_throttled() -> None:
    default = resolve()["ApiApiGatewayDefaultStage"]["DefaultRouteSettings"]
    assert default == {"ThrottlingRateLimit": 500, "ThrottlingBurstLimit": 1000}
    own = resolve(ThrottleRate="7", ThrottleBurst="9")["ApiApiGatewayDefaultStage"]
    assert own["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": "7",
        "ThrottlingBurstLimit": "9",
    }


def test_a_function_may_have_a_concurrency_of_its_own() -> None:
    assert "ReservedConcurrentExecutions" not in TEXT
    line = "      CodeUri: functions/filetype\n"
    text = TEXT.replace(line, f"{line}      ReservedConcurrentExecutions: 5\n")
    assert resolve(text)["Filetype"]["ReservedConcurrentExecutions"] == 5


def test_no_key_by_default() -> None:
    resources = resolve()
    assert "KmsKeyId" not in str(resources) and "kms:" not in str(resources)
    assert read_encryption(resources["ModelBucket"]) == {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}
    }


def test_a_key_encrypts_models_and_logs() -> None:
    resources = resolve(KmsKeyArn=KEY)
    assert read_encryption(resources["ModelBucket"]) == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
    }
    groups = [each for each in resources.values() if "RetentionInDays" in each]
    assert len(groups) > 1
    assert {group["KmsKeyId"] for group in groups} == {KEY}
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY}
    assert resources["IrisOnnxRole"]["Conditional"] == [decrypt]
    assert resources["IrisCanaryRole"]["Conditional"] == []  # it reads no model


def read_encryption(bucket: Properties) -> Properties:
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    found: Properties = rule
    return found
