"""The command `logs`."""

import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Annotated

import typer

from lambda_serving_cli.aws.logs import StackLogs
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import Stack, find_stack
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.since import SINCE_HELP, read_since
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.logs.show import Printer, write_raw
from lambda_serving_cli.logs.tail import Filter, Source, follow, read_history
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark
from lambda_serving_cli.terminal.progress import show_status

USUAL, OF_REQUEST = "15m", "1d"
"""How far back, where nothing is said."""


@with_stack_options
def logs(
    endpoints: Annotated[
        list[str] | None,
        typer.Argument(help="Endpoints; without one, all of the stack.", show_default=False),
    ] = None,
    to_follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    request: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Lines of one request, in all endpoints that it came to."),
    ] = None,
    errors: Annotated[
        bool, typer.Option("--errors", help="Failures alone: errors, timeouts, crashes.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(help=SINCE_HELP, show_default=f"{USUAL}; {OF_REQUEST} with --request"),
    ] = None,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Show the logs of endpoints: requests, cold starts, what the code logs, tracebacks.

    A request's id is the answer's header x-request-id, and `request_id` of an error. With --json
    each event is an object on a line of its own.

    Examples:

    \b
      lambda-serving logs iris_onnx --follow
      lambda-serving logs --errors --since 2h
      lambda-serving logs --request 6f0c9d0e-5c0f-4a56-9f5b-0f4f3d4e8a11
      lambda-serving logs iris_onnx --stack lambda-serving-prod --json
    """
    now = datetime.now().astimezone()
    begin = read_since(since or (OF_REQUEST if request else USUAL), now)
    if request is not None and not request.strip():
        raise typer.BadParameter("expected the id of a request", param_hint="--request")
    try:
        has_any = show_logs(
            find_stack(selection),
            endpoints or [],
            Filter(request or "", errors, as_json),
            (begin, now),
            to_follow,
        )
    except KeyboardInterrupt:
        if not to_follow:
            raise
        return
    if request and not has_any:
        raise CommandError(
            f"no line since {begin:%Y-%m-%d %H:%M:%S} names the request {request}",
            advice="look further back by --since; CloudWatch shows a line after some seconds; a"
            " request that is not sampled ([metrics] log_frequency) and does not fail leaves none",
        )
    if not has_any:
        what = "There are no failures" if errors else "There is nothing"
        remark(f"{what} since {begin:%Y-%m-%d %H:%M:%S}: --since 1d looks further back.")


def show_logs(
    stack: Stack,
    endpoints: Sequence[str],
    wanted: Filter,
    period: tuple[datetime, datetime],
    to_follow: bool,
) -> bool:
    """Print what is wanted of the endpoints, or of all of the stack's; whether there was any.

    Raises:
        CommandError: there is no such stack or endpoint, or the logs cannot be read.
    """
    begin, end = (round(each.timestamp() * 1000) for each in period)
    with show_status("looking for the endpoints", sys.stderr) as tell:
        names = list(dict.fromkeys(endpoints or stack.list_functions()))
        tell("reading the logs")
        logs = StackLogs(stack)
        sources = [Source(logs, name, begin, wanted, is_optional=not endpoints) for name in names]
        entries = read_history(sources, end)
        first = next(entries, None)
    show = write_raw if wanted.raw else Printer(names).show
    for entry in chain([] if first is None else [first], entries):
        show(entry)
    if to_follow:
        for entry in follow(sources):
            show(entry)
    return first is not None
