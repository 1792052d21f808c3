"""The logs of a stack's functions: the local cloud's, or AWS's with the user's own credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lambda_serving.settings.endpoint import Variable
from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.aws.stack import Stack
from lambda_serving_cli.statistics.figures import Origin, Report, describe_endpoint
from lambda_serving_cli.statistics.records import LogEvent, Tally
from lambda_serving_cli.terminal.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

PATTERN = '"CloudWatchMetrics"'
"""Only lines with this word are sent. It stands in EMF records, wrapped in JSON or not."""

MOST_EVENTS = 10_000
"""Of one page (Amazon CloudWatch Logs, FilterLogEvents)."""


class NoLogGroupError(CommandError):
    """There is no log group of that endpoint."""


class StackLogs:
    """The logs of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._logs: CloudWatchLogsClient = stack.client("logs")
        url = self._logs.meta.endpoint_url
        is_own = ".amazonaws." in url
        self.origin = Origin(
            "local" if stack.local else "aws",
            stack.stack_name,
            stack.region,
            None if is_own else url,
        )

    def read_events(
        self, endpoint: str, since: datetime, until: datetime, note: Callable[[int], object]
    ) -> Iterator[LogEvent]:
        """Log lines that may hold EMF records. ``note`` is told the lines of each page.

        Raises:
            NoLogGroupError: the endpoint has no log group.
            CommandError: the logs cannot be read.
        """
        group = f"/aws/lambda/{self._stack.stack_name}-{endpoint}"
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
                if not self._stack.local or len(page["events"]) < MOST_EVENTS or not events:
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
            stack = self._stack
            raise NoLogGroupError(
                f"the stack {stack.stack_name} ({stack.region}) has no endpoint {endpoint!r}:"
                f" there is no log group {group}",
                advice="without a name, all endpoints there are will be shown",
            ) from error


def read_report(
    stack: Stack,
    endpoints: Sequence[str],
    version: str | None,
    since: datetime,
    until: datetime,
    find_variables: Callable[[str], Mapping[str, Variable]],
    tell: Callable[[str], object],
) -> Report:
    """Read the logs of the endpoints, or of all of the stack's, and add them up.

    `find_variables` says what an endpoint declares, `tell` is told what is being read.

    Raises:
        CommandError: there is no such stack, or they cannot be read.
    """
    logs, tally, empty = StackLogs(stack), Tally(version), list[str]()
    for endpoint in dict.fromkeys(endpoints) or stack.list_functions():
        before, lines = tally.records, 0

        def note(number: int, endpoint: str = endpoint) -> None:
            nonlocal lines
            lines += number
            tell(f"reading the log of {endpoint}: {lines:,} lines")

        note(0)
        try:
            for event in logs.read_events(endpoint, since, until, note):
                tally.add(event)
        except NoLogGroupError:  # Lambda makes one at the first invoke
            if endpoints:
                raise
        if tally.records == before:
            empty.append(endpoint)
    figures = {
        name: describe_endpoint(tally.endpoints[name], find_variables(name))
        for name in sorted(tally.endpoints)
    }
    return Report(logs.origin, since, until, tally.records, figures, empty)
