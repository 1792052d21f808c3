"""The command ``lambda-serving cost``."""

from typing import Annotated, Literal

import typer

from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.cost.formula import Load
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
from lambda_serving_cli.terminal.output import write_json, write_line, write_text
from lambda_serving_cli.terminal.tables import write_table


def cost(
    requests: Annotated[int, typer.Option(min=1, help="Requests a month.")] = 1_000_000,
    memory: Annotated[
        int, typer.Option(min=128, max=10_240, help="MemorySize of the function, MB.")
    ] = 1769,
    duration_ms: Annotated[
        float, typer.Option(min=0.001, max=900_000, help="A request, in the function.")
    ] = 20,
    cold_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the requests that start cold.")
    ] = 0.01,
    cold_ms: Annotated[float, typer.Option(min=0, max=900_000, help="A cold start's INIT.")] = 900,
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
) -> None:
    """Show what an endpoint costs on AWS, and a server instead.

    It says from which load on a server that is always on costs less. By list prices of
    us-east-1, without the free tier.

    Examples:

    \b
      lambda-serving cost --requests 5000000 --duration-ms 12
      lambda-serving cost --memory 3538 --duration-ms 250 --cold-share 0.05 \\
          --snapstart
      lambda-serving cost --architecture arm64 --log-frequency 0.01 --json
    """
    load = Load(
        requests=requests,
        memory_mb=memory,
        duration_ms=duration_ms,
        cold_share=cold_share,
        cold_ms=cold_ms,
        metrics=metrics,
        log_frequency=log_frequency,
        log_bytes=log_bytes,
        record_bytes=record_bytes,
        snap_start=snapstart,
    )
    architectures: list[str] = [architecture] if architecture else ["x86_64", "arm64"]
    report = make_report(load, architectures, utilization, servers)
    if as_json:
        write_json(report)
    elif as_markdown:
        write_line(write_markdown(report).removesuffix("\n"))
    else:
        show_report(report)


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
