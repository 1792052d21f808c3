"""The command ``lambda-serving cost``."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import find_stack
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.since import SINCE_HELP, read_since
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.cost.formula import Load
from lambda_serving_cli.cost.measured import OPTIONS, Measured, describe_measured, measure
from lambda_serving_cli.cost.report import (
    Report,
    describe_load,
    describe_prices,
    describe_servers,
    list_bill_rows,
    list_server_rows,
    make_report,
    write_markdown,
)
from lambda_serving_cli.cost.report import write_table as write_markdown_table
from lambda_serving_cli.cost.sizes import ASSUMPTION, Size, list_size_rows, list_sizes
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import write_json, write_line, write_text
from lambda_serving_cli.terminal.progress import show_status
from lambda_serving_cli.terminal.tables import write_table


@with_stack_options
def cost(
    endpoint: Annotated[
        str | None,
        typer.Argument(help="A deployed endpoint, whose load is measured.", show_default=False),
    ] = None,
    since: Annotated[str, typer.Option(help=f"With ENDPOINT. {SINCE_HELP}")] = "1d",
    requests: Annotated[
        int | None, typer.Option(min=1, help="Requests a month.", show_default="1000000")
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(
            min=128, max=10_240, help="MemorySize of the function, MB.", show_default="1769"
        ),
    ] = None,
    duration_ms: Annotated[
        float | None,
        typer.Option(min=0.001, max=900_000, help="A request, in the function.", show_default="20"),
    ] = None,
    cold_share: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Share of the requests that start cold.", show_default="0.01"
        ),
    ] = None,
    cold_ms: Annotated[
        float | None,
        typer.Option(min=0, max=900_000, help="A cold start's INIT.", show_default="900"),
    ] = None,
    used: Annotated[
        float | None,
        typer.Option("--memory-used", min=1, help="MB that the function needs, with ENDPOINT."),
    ] = None,
    architecture: Annotated[
        Literal["x86_64", "arm64"] | None,
        typer.Option(help="One processor.", show_default="both"),
    ] = None,
    metrics: Annotated[
        int, typer.Option(min=0, help="Custom metrics: names times sets of dimensions.")
    ] = 10,
    log_frequency: Annotated[
        float, typer.Option(min=0, max=1, help="As [metrics] of endpoint.toml says.")
    ] = 1.0,
    log_bytes: Annotated[
        int, typer.Option(min=0, help="Log lines of a request, the HTTP API's too.")
    ] = 1000,
    record_bytes: Annotated[int, typer.Option(min=0, help="Statistics of a request.")] = 1000,
    snapstart: Annotated[bool, typer.Option("--snapstart", help="With SnapStart.")] = False,
    servers: Annotated[
        int, typer.Option(min=1, max=100, help="Fewest servers to compare with.")
    ] = 1,
    utilization: Annotated[
        float, typer.Option(min=0.01, max=1, help="How busy a server may be.")
    ] = 0.6,
    as_json: JsonOption = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Write Markdown, for a document.")
    ] = False,
    *,
    selection: StackSelection,
) -> None:
    """Show what an endpoint costs on AWS, and a server instead.

    With ENDPOINT its log tells the load, as far as no option does, and memory sizes are compared.
    Without, it says from which load on a server that is always on costs less. By list prices of
    us-east-1, without the free tier.

    Examples:

    \b
      lambda-serving cost iris_onnx --since 7d
      lambda-serving cost --requests 5000000 --duration-ms 12
      lambda-serving cost --memory 3538 --duration-ms 250 --cold-share 0.05 \\
          --snapstart
      lambda-serving cost --architecture arm64 --log-frequency 0.01 --json
    """
    measured = None if endpoint is None else read_measured(selection, endpoint, since)
    given = {
        "requests": requests,
        "memory_mb": memory,
        "duration_ms": duration_ms,
        "cold_share": cold_share,
        "cold_ms": cold_ms,
    }
    load = Load(
        **list_figures(measured) | {name: each for name, each in given.items() if each is not None},
        metrics=metrics,
        log_frequency=log_frequency,
        log_bytes=log_bytes,
        record_bytes=record_bytes,
        snap_start=snapstart,
    )
    architectures: list[str] = [architecture] if architecture else ["x86_64", "arm64"]
    report = make_report(load, architectures, utilization, servers)
    if measured is not None:
        sizes = list_sizes(load, architectures, used or measured.used_mb)
        show_sizes(measured, report, sizes, as_json, as_markdown)
    elif as_json:
        write_json(report)
    elif as_markdown:
        write_line(write_markdown(report).removesuffix("\n"))
    else:
        show_report(report)


def read_measured(selection: StackSelection, endpoint: str, since: str) -> Measured:
    """What the endpoint's log tells.

    Raises:
        CommandError: there is no stack or endpoint, or no request has come.
    """
    until = datetime.now().astimezone()
    begin = read_since(since, until)
    try:
        stack = find_stack(selection)
    except CommandError as error:
        raise CommandError(error.reason, advice=f"{error.advice}; or {OPTIONS}") from error
    with show_status("looking for the endpoint", sys.stderr) as tell:
        return measure(stack, endpoint, begin, until, tell)


def list_figures(measured: Measured | None) -> dict[str, Any]:
    """The fields of a load that were measured."""
    if measured is None:
        return {}
    found = {
        "requests": measured.requests_a_month,
        "memory_mb": measured.memory_mb,
        "duration_ms": measured.duration_ms,
        "cold_share": measured.cold_share,
        "cold_ms": measured.cold_ms,
    }
    return {name: value for name, value in found.items() if value is not None}


def show_sizes(
    measured: Measured, report: Report, sizes: Sequence[Size], as_json: bool, as_markdown: bool
) -> None:
    """What was measured, and a month with each memory size."""
    if as_json:
        plain = {name: report[name] for name in ("load", "prices")}
        write_json({"measured": measured, **plain, "sizes": [size._asdict() for size in sizes]})
        return
    write_text(describe_measured(measured))
    write_text(f"A month: {describe_load(report)}")
    write_line()
    rows = list_size_rows(sizes)
    if as_markdown:
        write_line(write_markdown_table(rows))
    else:
        write_table(rows[0], rows[1:], numbers=len(rows[0]) - 2)
    write_line()
    write_text(ASSUMPTION)
    write_text(describe_prices(report))


def show_report(report: Report) -> None:
    """A month's bill, then the servers to compare with."""
    bill, servers = list_bill_rows(report), list_server_rows(report)
    write_text(describe_load(report))
    write_line()
    write_table(bill[0], bill[1:], numbers=len(bill[0]) - 1)
    write_line()
    write_table(servers[0], servers[1:], numbers=len(servers[0]) - 2)
    write_line()
    write_text(describe_servers(report))
    write_text(describe_prices(report))
