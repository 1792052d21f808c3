"""The logs of a stack's functions: the local cloud's, or AWS's with the user's own credentials."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambda_serving_cli.local_cloud.layout import STACK_NAME, Layout, Stack, aws_environment
from lambda_serving_cli.local_cloud.steps import StepError
from lambda_serving_cli.stats.figures import Cloud, Target
from lambda_serving_cli.stats.records import LogEvent

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

PATTERN = '"CloudWatchMetrics"'
"""Only lines with this word are sent. It stands in EMF records, wrapped in JSON or not."""

MOST_EVENTS = 10_000
"""Of one page (Amazon CloudWatch Logs, FilterLogEvents)."""

SETTINGS = {
    "local": Config(connect_timeout=5, retries={"total_max_attempts": 1}),
    # FilterLogEvents is throttled at a few calls a second.
    "aws": Config(connect_timeout=10, retries={"mode": "standard", "total_max_attempts": 5}),
}

SIGN_IN = (
    "sign in (`aws configure`, `aws sso login`) or name a profile by --profile;"
    " --local reads the local cloud"
)


class NoLogGroupError(StepError):
    """There is no log group of that endpoint."""


class Source:
    """The logs of one stack."""

    def __init__(
        self, cloud: Cloud, stack: str, region: str | None, profile: str | None = None
    ) -> None:
        """See ``connect_local`` and ``connect_aws``."""
        self._cloud, self._stack = cloud, stack
        with self._tell_plainly():
            self._session = boto3.Session(region_name=region, profile_name=profile)
            self._logs: CloudWatchLogsClient = self._connect("logs")
        meta = self._logs.meta
        is_own = ".amazonaws." in meta.endpoint_url
        self.target = Target(cloud, stack, meta.region_name, None if is_own else meta.endpoint_url)

    def _connect(self, service: Any) -> Any:
        return self._session.client(service, config=SETTINGS[self._cloud])

    def list_endpoints(self) -> list[str]:
        """Those of the stack, from CloudFormation: names alone would mix `a` with `a-dev`.

        Raises:
            StepError: there is no such stack, or it cannot be asked.
        """
        prefix = f"{self._stack}-"
        with self._tell_plainly():
            pages = self._connect("cloudformation").get_paginator("list_stack_resources")
            return sorted(
                resource["PhysicalResourceId"].removeprefix(prefix)
                for page in pages.paginate(StackName=self._stack)
                for resource in page["StackResourceSummaries"]
                if resource["ResourceType"] == "AWS::Lambda::Function"
                and resource.get("PhysicalResourceId", "").startswith(prefix)
            )

    def read_events(
        self, endpoint: str, since: datetime, until: datetime, note: Callable[[int], object]
    ) -> Iterator[LogEvent]:
        """Log lines that may hold EMF records. ``note`` is told the lines of each page.

        Raises:
            NoLogGroupError: the endpoint has no log group.
            StepError: the logs cannot be read.
        """
        group = f"/aws/lambda/{self._stack}-{endpoint}"
        start, end = (round(each.timestamp() * 1000) for each in (since, until))
        known = 0
        with self._tell_plainly(endpoint, group):
            while True:
                pages = self._logs.get_paginator("filter_log_events").paginate(
                    logGroupName=group, startTime=start, endTime=end, filterPattern=PATTERN
                )
                events: list[Any] = []
                for page in pages:
                    events = page["events"][known:]
                    known = 0
                    note(len(events))
                    for event in events:
                        yield LogEvent(event.get("logStreamName", ""), event["message"])
                if self._cloud == "aws" or len(page["events"]) < MOST_EVENTS or not events:
                    return
                # The local cloud ends after one full page. On from its last millisecond, without
                # what is known of that.
                start = events[-1]["timestamp"]
                known = sum(event["timestamp"] == start for event in page["events"])

    @contextmanager
    def _tell_plainly(self, endpoint: str = "", group: str = "") -> Iterator[None]:
        """Errors of boto3 as StepErrors."""
        try:
            yield
        except ClientError as error:
            told = error.response["Error"]
            code, message = told.get("Code", ""), told.get("Message", "")
            where = f"the stack {self._stack} ({self.target.region})"
            if code == "ResourceNotFoundException":
                raise NoLogGroupError(
                    f"{where} has no endpoint {endpoint!r}: there is no log group {group}",
                    advice="without a name, all endpoints there are will be shown",
                ) from error
            if code == "ValidationError" and "does not exist" in message:
                raise StepError(f"{where} does not exist", advice=self._advise(code)) from error
            raise StepError(f"{code}: {message}", advice=self._advise(code)) from error
        except BotoCoreError as error:
            raise StepError(str(error), advice=self._advise(type(error).__name__)) from error

    def _advise(self, error: str) -> str:
        """What to do about an error of this name."""
        if self._cloud == "local":
            return "`make up` starts the local cloud, or brings it up to date; --aws reads AWS"
        if any(word in error for word in ("Credential", "Token", "SSO", "Signature", "Client")):
            return SIGN_IN
        return "--stack, --region and --profile say where to look; --local reads the local cloud"


def connect_local(layout: Layout, stack: str | None) -> Source:
    """The local cloud. From here on AWS is that cloud, for this process.

    Raises:
        StepError: it is not up.
    """
    try:
        described = Stack(**json.loads(layout.stack_file.read_text()))
    except FileNotFoundError as error:
        raise StepError(
            f"no local cloud is up: there is no {layout.stack_file}",
            advice="`make up` starts it; --state names another one's folder; --aws reads AWS",
        ) from error
    except (OSError, ValueError, TypeError) as error:
        advice = "`make up` writes it anew"
        raise StepError(f"{layout.stack_file} cannot be read: {error}", advice=advice) from error
    environment = aws_environment(described.aws_endpoint_url)
    os.environ.clear()
    os.environ.update(environment)
    return Source("local", stack or described.stack_name, described.region)


def connect_aws(root: Path, stack: str | None, region: str | None, profile: str | None) -> Source:
    """AWS, where `sam deploy` puts this project unless told otherwise.

    Raises:
        StepError: there is no region, no such profile, or samconfig.toml cannot be read.
    """
    remembered = read_samconfig(root / "samconfig.toml")
    stack = stack or remembered.get("stack_name") or STACK_NAME
    # boto3 itself looks at AWS_DEFAULT_REGION and at the profile.
    region = region or remembered.get("region") or os.environ.get("AWS_REGION") or None
    return Source("aws", stack, region, profile)


def read_samconfig(path: Path) -> dict[str, str]:
    """The texts that `sam deploy` uses of its own accord, such as stack_name and region.

    Raises:
        StepError: the file is not TOML.
    """
    told: dict[str, str] = {}
    try:
        table = tomllib.loads(path.read_text())
        for command in ("global", "deploy"):
            part = table.get("default", {}).get(command, {}).get("parameters", {})
            told |= {key: value for key, value in part.items() if isinstance(value, str)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise StepError(f"{path}: {error}", advice="mend it, as `sam` asks for too") from error
    return told
