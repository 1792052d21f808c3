"""The logs of a stack's functions: the local cloud's, or AWS's with the user's own credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.aws.target import Cloud
from lambda_serving_cli.statistics.figures import Origin
from lambda_serving_cli.statistics.records import LogEvent
from lambda_serving_cli.terminal.steps import StepError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

PATTERN = '"CloudWatchMetrics"'
"""Only lines with this word are sent. It stands in EMF records, wrapped in JSON or not."""

MOST_EVENTS = 10_000
"""Of one page (Amazon CloudWatch Logs, FilterLogEvents)."""


class NoLogGroupError(StepError):
    """There is no log group of that endpoint."""


class Source:
    """The logs of one stack."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._logs: CloudWatchLogsClient = cloud.client("logs")
        url = self._logs.meta.endpoint_url
        is_own = ".amazonaws." in url
        self.origin = Origin(
            "local" if cloud.local else "aws",
            cloud.stack_name,
            cloud.region,
            None if is_own else url,
        )

    def list_endpoints(self) -> list[str]:
        """Those of the stack.

        Raises:
            StepError: there is no such stack, or it cannot be asked.
        """
        return list(self._cloud.list_functions())

    def read_events(
        self, endpoint: str, since: datetime, until: datetime, note: Callable[[int], object]
    ) -> Iterator[LogEvent]:
        """Log lines that may hold EMF records. ``note`` is told the lines of each page.

        Raises:
            NoLogGroupError: the endpoint has no log group.
            StepError: the logs cannot be read.
        """
        group = f"/aws/lambda/{self._cloud.stack_name}-{endpoint}"
        start, end = (round(each.timestamp() * 1000) for each in (since, until))
        known = 0
        with tell_aws_errors(), self._tell_absence(endpoint, group):
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
                if not self._cloud.local or len(page["events"]) < MOST_EVENTS or not events:
                    return
                # The local cloud ends after one full page. On from its last millisecond, without
                # what is known of that.
                start = events[-1]["timestamp"]
                known = sum(event["timestamp"] == start for event in page["events"])

    @contextmanager
    def _tell_absence(self, endpoint: str, group: str) -> Iterator[None]:
        try:
            yield
        except self._logs.exceptions.ResourceNotFoundException as error:
            cloud = self._cloud
            raise NoLogGroupError(
                f"the stack {cloud.stack_name} ({cloud.region}) has no endpoint {endpoint!r}:"
                f" there is no log group {group}",
                advice="without a name, all endpoints there are will be shown",
            ) from error
