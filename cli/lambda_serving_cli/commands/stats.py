"""The command ``lambda-serving stats``."""

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from lambda_serving_cli.aws.logs import read_report
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import find_stack
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.project.metrics import read_declared
from lambda_serving_cli.statistics.report import show
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import make_console, write_json
from lambda_serving_cli.terminal.progress import show_status

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@with_stack_options
def stats(
    endpoints: Annotated[
        list[str] | None,
        typer.Argument(help="Endpoints; without one, all of the stack.", show_default=False),
    ] = None,
    since: Annotated[
        str, typer.Option(help="How far back: 15m, 2h, 1d, or from an ISO time on.")
    ] = "1h",
    version: Annotated[str | None, typer.Option(help="Of this version alone.")] = None,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Show requests, errors, latency and distributions of endpoints.

    The figures come from the endpoints' logs. Bars are for a terminal only.

    Examples:

    \b
      lambda-serving stats
      lambda-serving stats iris_onnx --since 15m --json
      lambda-serving stats --stack lambda-serving-prod --since 2026-11-22T12:00
    """
    until = datetime.now().astimezone()
    begin = read_since(since, until)
    stack = find_stack(selection)
    with show_status("looking for the endpoints", sys.stderr) as update:
        report = read_report(stack, endpoints or [], version, begin, until, read_declared, update)
    if as_json:
        write_json(report)
    else:
        show(report, make_console(sys.stdout), with_bars=sys.stdout.isatty())


def read_since(text: str, now: datetime) -> datetime:
    """When "15m", "2h" or "1d" ago was, or an ISO time; one without an offset is local time.

    Raises:
        CommandError: it is neither, or it lies ahead.
    """
    advice = "write --since 15m, 2h, 1d or 2026-01-31T08:00"
    try:
        if span := re.fullmatch(r"(\d+)\s*([smhdw])", text.strip()):
            begin = now - timedelta(**{UNITS[span[2]]: int(span[1])})
        else:
            begin = datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise CommandError(f"--since: {text!r} is no time", advice=advice) from error
    if begin > now:
        raise CommandError(f"--since: {text!r} lies ahead", advice=advice)
    # CloudWatch knows no times before that.
    return max(begin, datetime.fromtimestamp(0, UTC).astimezone())
