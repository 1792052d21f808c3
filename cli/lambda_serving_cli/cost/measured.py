"""The load of a deployed endpoint, as its log tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lambda_serving_cli.aws.logs import NoLogGroupError, StackLogs
from lambda_serving_cli.aws.stack import Stack
from lambda_serving_cli.cost.formula import SECONDS
from lambda_serving_cli.logs.platform import Report, read_report
from lambda_serving_cli.logs.reader import parse_object
from lambda_serving_cli.statistics.records import Sums, Tally
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import count_things

REPORTS, LOCAL_REPORTS = '?"platform.report" ?"REPORT RequestId"', '"REPORT"'
"""Filter patterns of Lambda's reports, as JSON or as text; the local cloud knows no `?`."""

OPTIONS = "give the figures as options: `lambda-serving cost --requests 1000000 --duration-ms 20`"
"""What there is to do where nothing is measured."""


@dataclass(frozen=True)
class Measured:
    """What an endpoint did between two times. None is what its log does not tell."""

    since: datetime
    until: datetime
    requests: float
    duration_ms: float
    """Mean, in the function."""
    cold_share: float
    cold_ms: float | None
    """Mean of INIT."""
    memory_mb: int | None
    """The function's MemorySize."""
    used_mb: float | None
    """The most that an environment has used."""

    @property
    def requests_a_month(self) -> int:
        return max(1, round(self.requests * SECONDS / (self.until - self.since).total_seconds()))


def measure(
    stack: Stack,
    endpoint: str,
    since: datetime,
    until: datetime,
    tell: Callable[[str], object],
) -> Measured:
    """Read an endpoint's log.

    Raises:
        CommandError: there is no such stack or endpoint, or no request has come.
    """
    logs, tally = StackLogs(stack), Tally()
    try:
        for event in logs.read_events(
            endpoint, since, until, lambda _: tell("reading the records")
        ):
            tally.add(event)
    except NoLogGroupError as error:
        raise CommandError(error.reason, advice=f"deploy it, or {OPTIONS}") from error
    sums = tally.endpoints[endpoint].total if endpoint in tally.endpoints else Sums()
    requests = sums.totals["Count"]
    if not requests:
        raise CommandError(
            f"no request to {endpoint} was recorded since {since:%Y-%m-%d %H:%M:%S}",
            advice=f"look further back by --since, or {OPTIONS}",
        )
    tell("reading the reports")
    reports = _read_reports(logs, endpoint, since, until)
    inits = [report.init for report in reports if report.init]
    # The local cloud's own durations are of the emulator, its memory of all functions together.
    times = [] if stack.local else [each.milliseconds for each in reports if each.milliseconds]
    used = [] if stack.local else [each.used for each in reports if each.used]
    sizes = [report.memory for report in reports if report.memory]
    return Measured(
        since,
        until,
        requests,
        sum(times) / len(times) if times else sums.samples["Latency"].mean,
        min(1.0, sums.totals["ColdStart"] / requests),
        sum(inits) / len(inits) if inits else None,
        round(sizes[-1]) if sizes else None,
        max(used, default=None),
    )


def describe_measured(measured: Measured) -> str:
    """What was measured, and what could not be, in a sentence or two."""
    since, until = (f"{each:%Y-%m-%d %H:%M}" for each in (measured.since, measured.until))
    text = (
        f"Measured from {since} to {until}: {count_things(round(measured.requests), 'request')},"
        f" {measured.duration_ms:.3g} ms each in the function,"
        f" {measured.cold_share * 100:.3g} % cold"
    )
    if measured.cold_ms is not None:
        text += f", an INIT of {measured.cold_ms:,.0f} ms"
    if measured.used_mb is not None:
        return f"{text}. It needs {measured.used_mb:,.0f} MB at least: the most that it has used."
    return f"{text}. What memory it needs, Lambda tells on AWS alone (else --memory-used)."


def _read_reports(logs: StackLogs, endpoint: str, since: datetime, until: datetime) -> list[Report]:
    start, end = (round(each.timestamp() * 1000) for each in (since, until))
    pattern = LOCAL_REPORTS if logs.is_local else REPORTS
    messages = (
        event.message for page in logs.list_pages(endpoint, start, end, pattern) for event in page
    )
    found = (read_report(message, parse_object(message)) for message in messages)
    return [report for report in found if report is not None]
