"""A report of costs: its figures, for a terminal, for a document."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypedDict

from lambda_serving_cli.cost import prices
from lambda_serving_cli.cost.formula import (
    Load,
    count_per_million,
    count_total,
    find_break_even,
    list_costs,
    list_servers,
)


class Bill(TypedDict):
    """One processor's month, in USD."""

    items: dict[str, float]
    total: float
    per_million: float
    """What a million further requests cost."""


class Alternative(TypedDict):
    """A server that is always on, and from where on it is cheaper; None is never."""

    server: str
    architecture: str
    month: float
    """USD, with a load balancer."""
    requests: float | None
    """A month."""
    per_second: float | None
    servers: int | None


class Report(TypedDict):
    load: dict[str, Any]
    utilization: float
    prices: dict[str, Any]
    architectures: dict[str, Bill]
    always_on: list[Alternative]


def make_report(
    load: Load, architectures: list[str], utilization: float = 0.6, servers: int = 1
) -> Report:
    """All figures; ``servers`` are there at least, ``utilization`` is their share of busy time."""
    bills: dict[str, Bill] = {}
    for architecture in architectures:
        costs = list_costs(load, architecture)
        bills[architecture] = {
            "items": {cost.name: cost.usd for cost in costs},
            "total": count_total(costs),
            "per_million": count_per_million(load, costs),
        }
    alternatives: list[Alternative] = []
    for server in list_servers(load, architectures):
        found = find_break_even(load, server, utilization, servers)
        month = prices.HOURS * (servers * server.hour + prices.LOAD_BALANCER_HOUR)
        alternatives.append(
            {
                "server": server.name,
                "architecture": server.architecture,
                "month": month,
                "requests": found and found.requests,
                "per_second": found and found.per_second,
                "servers": found and found.servers,
            }
        )
    return {
        "load": asdict(load),
        "utilization": utilization,
        "prices": {"region": prices.REGION, "date": prices.DATE, "sources": prices.SOURCES},
        "architectures": bills,
        "always_on": alternatives,
    }


def describe_load(report: Report) -> str:
    """What the figures are for, in a sentence."""
    load = report["load"]
    snapshot = "restored from a snapshot" if load["snap_start"] else f"{load['cold_ms']:g} ms each"
    return (
        f"{load['requests']:,} requests a month, {load['memory_mb']} MB,"
        f" {load['duration_ms']:g} ms a request, {load['cold_share'] * 100:g} % cold starts"
        f" ({snapshot}), {load['metrics']} metrics, records of {load['log_frequency'] * 100:g} %"
    )


def list_bill_rows(report: Report) -> list[list[str]]:
    """Head, items, total and the price of a million requests, a column each processor."""
    bills = list(report["architectures"].values())
    rows = [["USD a month", *report["architectures"]]]
    rows += [
        [name, *(f"{bill['items'][name]:.2f}" for bill in bills)] for name in bills[0]["items"]
    ]
    rows.append(["total", *(f"{bill['total']:.2f}" for bill in bills)])
    rows.append(["a million further requests", *(f"{bill['per_million']:.2f}" for bill in bills)])
    return rows


def list_server_rows(report: Report) -> list[list[str]]:
    """Head, and a row each server."""
    begins = ["cheaper from, million requests a month", "that is, a second", "servers"]
    rows = [["always on", "processor", "USD a month", *begins]]
    for each in report["always_on"]:
        begins = ["never", "", ""]
        if each["requests"] is not None:
            millions = f"{each['requests'] / 1_000_000:.1f}"
            begins = [millions, f"{each['per_second']:.1f}", f"{each['servers']}"]
        rows.append([each["server"], each["architecture"], f"{each['month']:.2f}", *begins])
    return rows


def describe_prices(report: Report) -> str:
    told = report["prices"]
    return f"List prices of {told['region']} as of {told['date']}, without the free tier."


def describe_servers(report: Report) -> str:
    """What the servers of the second table are taken to do."""
    busy = report["utilization"] * 100
    return (
        f"Servers have the function's memory and are at most {busy:g} % busy, behind a load"
        " balancer; a request keeps one vCPU busy, as on Lambda at 1,769 MB; logs and metrics"
        " would cost the same there."
    )


def write_markdown(report: Report) -> str:
    """Both tables, for a document."""
    parts = [
        describe_load(report) + ":",
        write_table(list_bill_rows(report)),
        write_table(list_server_rows(report)),
        describe_prices(report),
    ]
    return "\n\n".join(parts) + "\n"


def write_table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    line = "| --- |" + " ---: |" * (len(rows[0]) - 1)
    return "\n".join([head, line, *body])
