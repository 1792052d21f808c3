"""Which stack a command talks to: the local cloud, or one in AWS by the user's own credentials."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from lambda_serving_cli.local_cloud.layout import CREDENTIAL, STACK_NAME, Layout, Stack, find_root
from lambda_serving_cli.local_cloud.steps import StepError

if TYPE_CHECKING:
    from botocore.config import Config

REACH_SECONDS = 2.0
"""What the local cloud has to take a connection."""

StackOption = Annotated[
    str | None,
    typer.Option(
        help="Name of a CloudFormation stack in AWS.", show_default=f"{STACK_NAME}, with --aws"
    ),
]
AwsOption = Annotated[
    bool, typer.Option("--aws", help="The stack in AWS, even while the local cloud is up.")
]
StateOption = Annotated[
    Path | None,
    typer.Option(help="Folder of a local cloud's state.", show_default=".local"),
]


@dataclass(frozen=True)
class Target:
    """A deployed stack, and how to reach it. `functions` maps endpoints to function names."""

    stack_name: str
    region: str
    endpoint_url: str | None
    """Where AWS answers; None for AWS itself (or what AWS_ENDPOINT_URL says)."""
    bucket: str
    api_url: str | None
    functions: Mapping[str, str]
    local: bool

    @property
    def name(self) -> str:
        """The target as a person knows it."""
        return "the local cloud" if self.local else f"stack {self.stack_name} in {self.region}"

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client. The local cloud's never holds the user's own profile or credentials."""
        return _make_client(service, self.region, self.endpoint_url, self.local, config)


def find_target(stack: str | None, state: Path | None, aws: bool) -> Target:
    """The local cloud where it is up and neither `stack` nor `aws` is given; else AWS.

    Raises:
        StepError: it cannot be reached, or is not there.
        BadParameter: `stack` or `aws` together with `state`.
    """
    if state is not None and (stack or aws):
        raise typer.BadParameter(
            "--state names a local cloud, --stack and --aws a stack in AWS: take one of them"
        )
    if stack is None and not aws:
        local = _find_local(state)
        if local is not None:
            return local
    return _find_in_aws(stack or STACK_NAME, was_named=bool(stack or aws))


@contextmanager
def tell_aws_errors(then: str = "") -> Iterator[None]:
    """What AWS and its client raise becomes a StepError, with what to do about it, and `then`."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError as error:
        advice = "`aws configure`, or set AWS_PROFILE; `make up` starts the local cloud"
        raise StepError("there are no AWS credentials", advice=advice) from error
    except ClientError as error:
        about = error.response["Error"]
        reason = f"{error.operation_name}: {about.get('Message') or about.get('Code')}"
        raise StepError(reason, advice=_join(_advise(about.get("Code", "")), then)) from error
    except BotoCoreError as error:
        advice = "check the network, AWS_PROFILE and the region"
        raise StepError(str(error), advice=_join(advice, then or "try again")) from error


def _advise(code: str) -> str:
    if code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired"):
        return "the credentials are too old: sign in again"
    if code.startswith("AccessDenied") or code in ("403", "Forbidden", "UnauthorizedOperation"):
        return "the credentials do not permit it: take another AWS_PROFILE, or have it permitted"
    if code == "NoSuchBucket":
        return "the stack's bucket is gone: deploy again"
    return ""


def _join(advice: str, then: str) -> str:
    return "; then ".join(part for part in (advice, then) if part)


def _find_local(state: Path | None) -> Target | None:
    """The local cloud of a state folder; None where none is up and none was named."""
    try:
        layout = Layout(find_root(Path.cwd()), (state or find_root(Path.cwd()) / ".local"))
    except FileNotFoundError:
        if state is None:
            return None  # not in the project: its local cloud is not known
        layout = Layout(Path.cwd(), state)
    try:
        stack = Stack(**json.loads(layout.stack_file.read_text()))
    except FileNotFoundError:
        if state is None:
            return None
        raise StepError(
            f"no local cloud is up in {layout.state}", advice="`lambda-serving local up` starts it"
        ) from None
    except (ValueError, TypeError) as error:
        raise StepError(f"{layout.stack_file} cannot be read: {error}") from error
    _check_reachable(stack.aws_endpoint_url)
    return Target(
        stack_name=stack.stack_name,
        region=stack.region,
        endpoint_url=stack.aws_endpoint_url,
        bucket=stack.model_bucket,
        api_url=stack.api_url,
        functions=stack.functions,
        local=True,
    )


def _check_reachable(url: str) -> None:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), REACH_SECONDS).close()
    except OSError as error:
        raise StepError(
            f"the local cloud does not answer at {url}",
            advice="`make up` starts it again; --aws or --stack NAME take the stack in AWS",
        ) from error


def _find_in_aws(name: str, *, was_named: bool) -> Target:
    from botocore.exceptions import ClientError

    with tell_aws_errors():
        region = _find_region()
        cloudformation = _make_client("cloudformation", region, None, False)
        try:
            (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"].get("Code") != "ValidationError":
                raise
            advice = "`sam deploy` makes it; --stack names another one"
            if not was_named:
                advice = f"`make up` starts the local cloud; for AWS, {advice}"
            raise StepError(f"there is no stack {name} in {region}", advice=advice) from error
        outputs = {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}
        functions = _list_functions(cloudformation, name)
    if "ModelBucket" not in outputs:
        raise StepError(
            f"the stack {name} has no output ModelBucket ({found['StackStatus']})",
            advice="it is not deployed whole, or not of this project's template",
        )
    return Target(
        stack_name=name,
        region=region,
        endpoint_url=None,
        bucket=outputs["ModelBucket"],
        api_url=outputs.get("ApiUrl"),
        functions=functions,
        local=False,
    )


def _list_functions(cloudformation: Any, stack: str) -> dict[str, str]:
    """Endpoint -> function name, of the functions that are named `<stack>-<endpoint>`."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    names = sorted(
        resource.get("PhysicalResourceId", "")
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    )
    prefix = f"{stack}-"
    return {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}


def _find_region() -> str:
    """The region of the environment or of the user's profile."""
    from botocore.session import Session

    region = os.environ.get("AWS_REGION") or Session().get_config_variable("region")
    if not region:
        raise StepError("no AWS region is set", advice="set AWS_REGION, or one in your profile")
    return str(region)


def _make_client(
    service: str, region: str, endpoint_url: str | None, local: bool, config: Config | None = None
) -> Any:
    import boto3
    import botocore.session
    from botocore.config import Config

    # What is not named by a variable of the environment or a file is not looked up there.
    blind = {name: (None, None, None, None) for name in ("profile", "config_file")}
    core = botocore.session.Session(session_vars=blind) if local else None
    keys: dict[str, Any] = {}
    if local:
        keys = {"aws_access_key_id": CREDENTIAL, "aws_secret_access_key": CREDENTIAL}
    session = boto3.Session(botocore_session=core, region_name=region, **keys)
    calm = Config(
        retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=60
    )
    return session.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint_url,
        config=calm.merge(config) if config else calm,
    )
