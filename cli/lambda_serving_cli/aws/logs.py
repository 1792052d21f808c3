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
        self.is_local = stack.local
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
        start, end = (round(each.timestamp() * 1000) for each in (since, until))
        for events in self.list_pages(endpoint, start, end, PATTERN):
            note(len(events))
            yield from events

    def list_pages(
        self, endpoint: str, start: int, end: int | None, pattern: str = ""
    ) -> Iterator[list[LogEvent]]:
        """All log events between two times, in milliseconds, that match a filter pattern.

        Raises:
            NoLogGroupError: the endpoint has no log group.
            CommandError: the logs cannot be read.
        """
        known, token = 0, ""
        while True:
            events, token = self.read_page(endpoint, start, end, pattern, token)
            new, known = events[known:], 0
            yield new
            if token:
                continue
            if not self.is_cut(events) or not new:
                return
            # On from its last millisecond, without what is known of that.
            start = new[-1].timestamp
            known = sum(event.timestamp == start for event in events)

    def is_cut(self, events: Sequence[LogEvent]) -> bool:
        """Whether an answer without a token is not the last: the local cloud gives none."""
        return self.is_local and len(events) >= MOST_EVENTS

    def read_page(
        self, endpoint: str, start: int, end: int | None, pattern: str, token: str
    ) -> tuple[list[LogEvent], str]:
        """One call: its events, and the token of the next one or "".

        Raises:
            NoLogGroupError: the endpoint has no log group.
            CommandError: the logs cannot be read.
        """
        group = f"/aws/lambda/{self._stack.stack_name}-{endpoint}"
        more: dict[str, Any] = {"endTime": end} if end is not None else {}
        if pattern:
            more["filterPattern"] = pattern
        if token:
            more["nextToken"] = token
        with tell_aws_errors(), self._tell_absence(endpoint, group):
            page = self._logs.filter_log_events(logGroupName=group, startTime=start, **more)
        events = [
            LogEvent(
                event.get("logStreamName", ""),
                event.get("message", ""),
                event.get("timestamp", 0),
                event.get("eventId", ""),
            )
            for event in page["events"]
        ]
        return events, page.get("nextToken", "")

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
