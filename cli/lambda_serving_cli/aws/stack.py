"""Which stack a command talks to: the local cloud, or one in AWS by the user's own credentials."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lambda_serving_cli.aws.authorization import JWT, NONE, Access
from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.aws.local_stack import (
    CREDENTIAL,
    STACK_FILE,
    LocalStack,
    ask_token,
    read_local_stack,
)
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.files.root import find_root_or_cwd
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark

if TYPE_CHECKING:
    from botocore.config import Config

REACH_SECONDS = 2.0
"""What the local cloud has to take a connection."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Where a stack is, and how to talk to its services."""

    stack_name: str
    region: str
    local: bool
    endpoint_url: str | None = None
    """Where AWS answers; None for AWS itself (or what AWS_ENDPOINT_URL says)."""
    profile: str | None = None

    @property
    def name(self) -> str:
        """The cloud and its stack as a person knows them."""
        return "the local cloud" if self.local else f"stack {self.stack_name} in {self.region}"

    def make_session(self) -> Any:
        """A boto3 session. The local cloud's never holds the user's own profile or credentials."""
        import boto3
        import botocore.session

        keys: dict[str, Any] = {"profile_name": self.profile}
        if self.local:
            # What is not named by a variable of the environment or a file is not looked up there.
            blind = {name: (None, None, None, None) for name in ("profile", "config_file")}
            keys = {
                "botocore_session": botocore.session.Session(session_vars=blind),
                "aws_access_key_id": CREDENTIAL,
                "aws_secret_access_key": CREDENTIAL,
            }
        return boto3.Session(region_name=self.region, **keys)

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client."""
        from botocore.config import Config

        calm = Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            connect_timeout=10,
            read_timeout=60,
        )
        return self.make_session().client(
            service,
            endpoint_url=self.endpoint_url,
            config=calm.merge(config) if config else calm,
        )

    def list_functions(self) -> Mapping[str, str]:
        """Endpoint -> function name, of the functions that are named `<stack>-<endpoint>`.

        Those of the stack, by CloudFormation: names alone would mix `a` with `a-dev`.

        Raises:
            CommandError: there is no such stack, or it cannot be asked.
        """
        with self.tell_absence():
            pages = self.client("cloudformation").get_paginator("list_stack_resources")
            resources = pages.paginate(StackName=self.stack_name).build_full_result()
        prefix = f"{self.stack_name}-"
        names = sorted(
            resource.get("PhysicalResourceId", "")
            for resource in resources["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        )
        return {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}

    @contextmanager
    def tell_absence(self) -> Iterator[None]:
        """Around calls of CloudFormation: a CommandError where there is no such stack."""
        from botocore.exceptions import ClientError

        with tell_aws_errors():
            try:
                yield
            except ClientError as error:
                if error.response["Error"].get("Code") != "ValidationError":
                    raise
                raise CommandError(
                    f"there is no stack {self.stack_name} in {self.region}",
                    advice="`sam deploy` makes it, --stack and --region name another one;"
                    " `make up` starts the local cloud",
                ) from error


@dataclass(frozen=True, kw_only=True)
class DeployedStack(Stack):
    """A deployed stack with what it holds. `functions` maps endpoints to function names."""

    bucket: str
    api_url: str | None
    functions: Mapping[str, str]
    auth: str = NONE
    namespace: str = "LambdaServing"
    """Of the statistics' metrics."""
    token_client: str = ""
    """The client of a local cloud's own user pool, which anyone may have tokens of."""

    def find_access(self, token: str | None = None) -> Access:
        """What the HTTP API asks for; the token that was given, or one of the local cloud's own."""
        if token is None and self.auth == JWT and self.token_client:
            token = ask_token(self.client("cognito-idp"), self.token_client)
        return Access(self.auth, self.region, token, lambda: self.make_session().get_credentials())


def find_stack(selection: StackSelection) -> Stack:
    """The local cloud, where it is meant or is up and nothing else was said; else AWS.

    Raises:
        CommandError: the local cloud cannot be reached, or there is no region.
    """
    return _find_local(selection) or _find_aws(selection)


def find_deployed_stack(selection: StackSelection) -> DeployedStack:
    """The stack of `find_stack`, with what it holds.

    Raises:
        CommandError: it cannot be reached, or is not there, or not whole.
    """
    return _find_local(selection) or _describe(_find_aws(selection))


def find_optional_stack(selection: StackSelection) -> DeployedStack | None:
    """The stack; None where none was named and none can be reached, which is told.

    Raises:
        CommandError: the one that was named cannot be reached.
    """
    try:
        return find_deployed_stack(selection)
    except CommandError as error:
        if selection.is_local is not None:
            raise
        remark(f"No stack is there yet ({error.reason}): .local/models stands for its bucket.")
        return None


def _find_local(selection: StackSelection) -> DeployedStack | None:
    """The local cloud; None where AWS is meant, or none is up and none was named."""
    if selection.is_local is False:
        return None
    state = (selection.state or find_root_or_cwd() / ".local").resolve()
    try:
        stack = read_local_stack(state)
    except FileNotFoundError:
        if selection.is_local is None:
            return None
        raise CommandError(
            f"no local cloud is up in {state}",
            advice="`make up` starts it; --state names another one's folder; --aws means AWS",
        ) from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        advice = "`make up` writes it anew"
        raise CommandError(
            f"{state / STACK_FILE} cannot be read: {error}", advice=advice
        ) from error
    _check_reachable(stack.aws_endpoint_url)
    return open_local_stack(stack)


def open_local_stack(stack: LocalStack) -> DeployedStack:
    """The stack of a local cloud."""
    told = dict(vars(stack))
    endpoint_url, bucket = told.pop("aws_endpoint_url"), told.pop("model_bucket")
    return DeployedStack(local=True, endpoint_url=endpoint_url, bucket=bucket, **told)


def _check_reachable(url: str) -> None:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), REACH_SECONDS).close()
    except OSError as error:
        raise CommandError(
            f"the local cloud does not answer at {url}",
            advice="`make up` starts it again; --aws or --stack NAME take the stack in AWS",
        ) from error


def _find_aws(selection: StackSelection) -> Stack:
    from botocore.session import Session

    name, region, profile = selection.complete()
    with tell_aws_errors():
        region = region or Session(profile=profile).get_config_variable("region")
    if not region:
        advice = "give --region, set AWS_REGION, or one in your profile"
        raise CommandError("no AWS region is set", advice=advice)
    return Stack(stack_name=name, region=region, local=False, profile=profile)


def _describe(stack: Stack) -> DeployedStack:
    with stack.tell_absence():
        client = stack.client("cloudformation")
        (found,) = client.describe_stacks(StackName=stack.stack_name)["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}
    parameters = {
        item["ParameterKey"]: item.get("ParameterValue", "") for item in found.get("Parameters", [])
    }
    if "ModelBucket" not in outputs:
        raise CommandError(
            f"the stack {stack.stack_name} has no output ModelBucket ({found['StackStatus']})",
            advice="it is not deployed whole, or not of this project's template",
        )
    return DeployedStack(
        **vars(stack),
        bucket=outputs["ModelBucket"],
        api_url=outputs.get("ApiUrl"),
        functions=stack.list_functions(),
        auth=parameters.get("Auth", NONE),  # an older template is open
        namespace=parameters.get("MetricsNamespace") or DeployedStack.namespace,
    )
