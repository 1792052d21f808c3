"""The command ``lambda-serving stats``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lambda_serving.endpoint_toml import read_endpoint
from lambda_serving.errors import SettingsError
from lambda_serving.metric_types import Variable
from lambda_serving_cli.local_cloud.layout import Layout, find_root
from lambda_serving_cli.local_cloud.steps import StepError, report_failure
from lambda_serving_cli.stats.figures import Report, describe_endpoint
from lambda_serving_cli.stats.logs import NoLogGroupError, Source, connect_aws, connect_local
from lambda_serving_cli.stats.records import Tally
from lambda_serving_cli.stats.terminal import make_console, show

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def stats(
    endpoints: Annotated[
        list[str] | None,
        typer.Argument(help="Endpoints; without one, all of the stack.", show_default=False),
    ] = None,
    since: Annotated[
        str, typer.Option(help="How far back: 15m, 2h, 1d, or from an ISO time on.")
    ] = "1h",
    local: Annotated[
        bool | None,
        typer.Option(
            "--local/--aws",
            help="The cloud on this machine, or AWS.",
            show_default="local while `make up` runs, but AWS with --stack, --region or --profile",
        ),
    ] = None,
    stack: Annotated[
        str | None, typer.Option(help="Name of the stack.", show_default="samconfig.toml's")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Of this version alone.")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region of the stack.")] = None,
    profile: Annotated[str | None, typer.Option(help="AWS profile to sign in with.")] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder of the local cloud's state.", show_default=".local")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what the endpoints' logs say: requests, errors, latency, distributions.

    Examples:

        lambda-serving stats
        lambda-serving stats iris_onnx --since 15m --json
        lambda-serving stats --stack lambda-serving-prod --since 2026-11-22T12:00
    """
    try:
        until = datetime.now().astimezone()
        begin = read_since(since, until)
        source = find_source(local, stack, region, profile, state)
        report = make_report(source, endpoints or [], version, begin, until)
    except StepError as error:
        report_failure(error)
        raise typer.Exit(1) from error
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


def find_source(
    local: bool | None,
    stack: str | None,
    region: str | None,
    profile: str | None,
    state: Path | None,
) -> Source:
    """The logs that are meant.

    Raises:
        StepError: the options contradict each other, or the logs cannot be reached.
    """
    root = find_project()
    layout = Layout(root, (state or root / ".local").resolve())
    if local is None and state is not None:
        local = True
    if local is None:
        names_aws = any(option is not None for option in (stack, region, profile))
        local = layout.stack_file.exists() and not names_aws
    if local and (region or profile):
        raise StepError("the local cloud has neither --region nor --profile", advice="or --aws")
    if not local and state is not None:
        raise StepError("AWS has no --state", advice="leave out --state or --aws")
    return connect_local(layout, stack) if local else connect_aws(root, stack, region, profile)


def find_project() -> Path:
    """The project's folder. Without one, what it tells of the stack is missed, and no more."""
    try:
        return find_root(Path.cwd())
    except FileNotFoundError:
        return Path.cwd()


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
    return Report(source.target, since, until, tally.records, figures, empty)


def read_variables(endpoint: str) -> Mapping[str, Variable]:
    """What the project's endpoint.toml declares; nothing where there is none, or a wrong one."""
    folder = find_project() / "functions" / endpoint
    try:
        return read_endpoint(folder).metrics.variables
    except (SettingsError, OSError):
        return {}
