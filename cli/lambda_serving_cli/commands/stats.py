"""The command ``lambda-serving stats``."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from lambda_serving_cli.aws.logs import read_report
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import find_stack
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.since import read_since
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.project.metrics import read_declared
from lambda_serving_cli.statistics.report import show
from lambda_serving_cli.terminal.output import make_console, write_json
from lambda_serving_cli.terminal.progress import show_status


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
