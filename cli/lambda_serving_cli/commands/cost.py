"""The command ``lambda-serving cost``."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Literal

import typer

from lambda_serving_cli.cost.formula import Load
from lambda_serving_cli.cost.report import Report, make_report, show, write_markdown


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
        float, typer.Option(min=0, max=1, help="As \\[metrics] of endpoint.toml says.")
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
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="For documents.")] = False,
) -> None:
    """Say what an endpoint costs on AWS, and when a server that is always on costs less.

    By list prices of us-east-1, without the free tier.

    Examples:

        lambda-serving cost --requests 5000000 --duration-ms 12

        lambda-serving cost --memory 3538 --duration-ms 250 --cold-share 0.05 --snapstart

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
    print_report(make_report(load, architectures, utilization, servers), as_json, as_markdown)


def print_report(report: Report, as_json: bool, as_markdown: bool) -> None:
    """On standard output, in one of the three forms."""
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    elif as_markdown:
        typer.echo(write_markdown(report), nl=False)
    else:
        show(report, sys.stdout)
