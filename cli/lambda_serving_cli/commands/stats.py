"""The command ``lambda-serving stats``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import Variable
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving_cli.aws.logs import NoLogGroupError, Source
from lambda_serving_cli.aws.target import find_cloud
from lambda_serving_cli.commands.options.where import Where, find_project, with_where
from lambda_serving_cli.statistics.figures import Report, describe_endpoint
from lambda_serving_cli.statistics.records import Tally
from lambda_serving_cli.statistics.report import make_console, show
from lambda_serving_cli.terminal.steps import StepError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@with_where
def stats(
    endpoints: Annotated[
        list[str] | None,
        typer.Argument(help="Endpoints; without one, all of the stack.", show_default=False),
    ] = None,
    since: Annotated[
        str, typer.Option(help="How far back: 15m, 2h, 1d, or from an ISO time on.")
    ] = "1h",
    version: Annotated[str | None, typer.Option(help="Of this version alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    *,
    where: Where,
) -> None:
    """Show what the endpoints' logs say: requests, errors, latency, distributions.

    Examples:

        lambda-serving stats
        lambda-serving stats iris_onnx --since 15m --json
        lambda-serving stats --stack lambda-serving-prod --since 2026-11-22T12:00
    """
    until = datetime.now().astimezone()
    begin = read_since(since, until)
    source = Source(find_cloud(where))
    report = make_report(source, endpoints or [], version, begin, until)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2, default=datetime.isoformat))
    else:
        show(report, make_console(sys.stdout))


def read_since(text: str, now: datetime) -> datetime:
    """When "15m", "2h" or "1d" ago was, or an ISO time; one without an offset is local time.

    Raises:
        StepError: it is neither, or it lies ahead.
    """
    advice = "write --since 15m, 2h, 1d or 2026-01-31T08:00"
    try:
        if span := re.fullmatch(r"(\d+)\s*([smhdw])", text.strip()):
            begin = now - timedelta(**{UNITS[span[2]]: int(span[1])})
        else:
            begin = datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise StepError(f"--since: {text!r} is no time", advice=advice) from error
    if begin > now:
        raise StepError(f"--since: {text!r} lies ahead", advice=advice)
    # CloudWatch knows no times before that.
    return max(begin, datetime.fromtimestamp(0, UTC).astimezone())


def make_report(
    source: Source, endpoints: list[str], version: str | None, since: datetime, until: datetime
) -> Report:
    """Read the logs of the endpoints, or of all of the stack's, and add them up.

    Raises:
        StepError: they cannot be read.
    """
    tally, empty = Tally(version), list[str]()
    with Console(stderr=True).status("looking for the endpoints") as status:
        for endpoint in dict.fromkeys(endpoints) or source.list_endpoints():
            before, lines = tally.records, 0

            def note(number: int, endpoint: str = endpoint) -> None:
                nonlocal lines
                lines += number
                status.update(f"reading the log of {endpoint}: {lines:,} lines")

            note(0)
            try:
                for event in source.read_events(endpoint, since, until, note):
                    tally.add(event)
            except NoLogGroupError:  # Lambda makes one at the first invoke
                if endpoints:
                    raise
            if tally.records == before:
                empty.append(endpoint)
    figures = {
        name: describe_endpoint(tally.endpoints[name], read_variables(name))
        for name in sorted(tally.endpoints)
    }
    return Report(source.origin, since, until, tally.records, figures, empty)


def read_variables(endpoint: str) -> Mapping[str, Variable]:
    """What the project's endpoint.toml declares; nothing where there is none, or a wrong one."""
    folder = find_project() / "functions" / endpoint
    try:
        return read_endpoint(folder).metrics.variables
    except (SettingsError, OSError, RecursionError):
        return {}
