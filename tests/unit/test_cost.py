"""Costs against bills that were worked out by hand from AWS's price pages."""

import json
import subprocess
from math import inf, isclose
from pathlib import Path
from typing import Any

import pytest

from lambda_serving_cli.cost import prices
from lambda_serving_cli.cost.formula import (
    Load,
    charge,
    count_capacity,
    count_per_million,
    count_total,
    find_break_even,
    list_costs,
)
from lambda_serving_cli.cost.prices import SERVERS, Server
from lambda_serving_cli.cost.report import make_report, write_markdown
from tests.servers.program import run_here

PROJECT = Path(__file__).parents[2]

ONE_GB = Load(memory_mb=1024, duration_ms=100, cold_ms=500)
"""A million requests of 0.1 GB-seconds, ten thousand INITs of 0.5."""


def run(*options: str) -> subprocess.CompletedProcess[str]:
    done = run_here(PROJECT, "cost", *options)
    return subprocess.CompletedProcess(options, done.exit_code, done.stdout, done.stderr)


def test_tiers() -> None:
    tiers = ((10.0, 1.0), (30.0, 0.5), (inf, 0.1))
    assert charge(0, tiers) == 0
    assert charge(4, tiers) == 4
    assert charge(10, tiers) == 10
    assert charge(20, tiers) == 10 + 5
    assert charge(130, tiers) == 10 + 10 + 10


def test_a_bill_by_hand() -> None:
    """x86_64: 100,000 GB-seconds at 0.0000166667, 5,000 more of INIT; 10^9 bytes of each log."""
    bill = {cost.name: round(cost.usd, 6) for cost in list_costs(ONE_GB, "x86_64")}
    assert bill == {
        "Lambda requests": 0.2,
        "Lambda GB-seconds, requests": 1.66667,
        "Lambda GB-seconds, INIT": 0.083333,  # 5,000 * 0.0000166667 = 0.0833335
        "HTTP API": 1.0,
        "CloudWatch, log lines": 0.465661,  # 0.9313 GB at 0.50
        "CloudWatch, records": 0.465661,
        "CloudWatch, metrics": 3.0,
        "S3 requests": 0.004,
    }


def test_arm_costs_a_fifth_less_by_the_gb_second() -> None:
    bill = {cost.name: cost.usd for cost in list_costs(ONE_GB, "arm64")}
    assert isclose(bill["Lambda GB-seconds, requests"], 1.33334)
    assert isclose(bill["Lambda GB-seconds, INIT"], 0.066667)


def test_totals() -> None:
    costs = list_costs(ONE_GB, "x86_64")
    assert round(count_total(costs), 4) == 6.8853
    assert round(count_per_million(ONE_GB, costs), 4) == 3.8853  # without the metrics
    ten = Load(**vars(ONE_GB) | {"requests": 10_000_000})
    assert isclose(count_per_million(ten, list_costs(ten, "x86_64")), 3.885325, rel_tol=1e-5)


def test_milliseconds_are_rounded_up() -> None:
    """AWS bills whole ones: 12.1 is 13."""
    bills = [list_costs(Load(duration_ms=ms), "x86_64")[1].usd for ms in (12.1, 13.0)]
    assert bills[0] == bills[1]


def test_records_are_sampled() -> None:
    bill = {c.name: c.usd for c in list_costs(Load(log_frequency=0.1), "x86_64")}
    assert isclose(bill["CloudWatch, records"], 0.04656613, rel_tol=1e-6)
    assert isclose(bill["CloudWatch, log lines"], 0.4656613, rel_tol=1e-6)


def test_lambdas_own_example() -> None:
    """AWS's price page, SnapStart: a month of 1 GB is 2.68 million GB-seconds of cache (by 31
    days; here 730 hours), and 74,400 restores cost 10.40."""
    load = Load(
        requests=7_440_000, memory_mb=1024, duration_ms=100, cold_share=0.01, snap_start=True
    )
    bill = {cost.name: cost.usd for cost in list_costs(load, "x86_64")}
    assert round(bill["SnapStart, restores"], 2) == 10.40
    assert round(bill["SnapStart, cache"] * 744 / 730, 2) == 4.03
    assert "Lambda GB-seconds, INIT" not in bill
    assert bill["S3 requests"] == 0


FARGATE = Server("a server", "", "x86_64", 1, 2, 0.05)


def test_capacity() -> None:
    """Of one processor that is busy 60 % of the time: 30 requests of 20 ms a second."""
    assert count_capacity(Load(duration_ms=20), FARGATE, 0.6) == pytest.approx(30)
    assert count_capacity(Load(duration_ms=20), SERVERS[0], 0.6) == pytest.approx(60)
    # A fourth of a processor takes four times as long.
    part = Load(duration_ms=80, memory_mb=442)
    assert count_capacity(part, FARGATE, 0.6) == pytest.approx(30, rel=1e-3)
    several = Load(duration_ms=20, memory_mb=3538)
    assert count_capacity(several, FARGATE, 0.6) == pytest.approx(30)


def test_break_even_by_hand() -> None:
    """A server and its load balancer are 730 * (0.05 + 0.0225) = 52.925 a month; a million requests
    of 10 ms are 1.454 by Lambda and the HTTP API, 0.089 by the load balancer's units."""
    found = find_break_even(Load(memory_mb=1024, duration_ms=10, cold_ms=500), FARGATE)
    each = 0.2 + 0.166667 + 0.0833335 + 1.0 + 0.004 - 0.008 / 25 / 3600 * 1e6
    assert found is not None
    assert found.servers == 1
    assert found.requests == pytest.approx(52.925 / each * 1e6, rel=1e-5)
    assert found.per_second == pytest.approx(found.requests / (730 * 3600))


def test_several_servers_where_one_is_too_few() -> None:
    """100 ms at 1,024 MB are 57.9 of a whole vCPU: one server that is 40 % busy carries 6.91 a
    second, 18.156 million a month."""
    found = find_break_even(ONE_GB, FARGATE, 0.4)
    each = (0.2 + 1.66667 + 0.0833335 + 1.0 + 0.004 - 0.008 / 25 / 3600 * 1e6) / 1e6
    assert found is not None
    assert found.servers == 2
    assert found.requests == pytest.approx(730 * (0.1 + 0.0225) / each, rel=1e-5)
    assert 18.156e6 < found.requests < 2 * 18.156e6


def test_never_where_a_busy_server_costs_more() -> None:
    """One processor that is busy 1 % of the time carries 26,280 requests of a second a month: they
    are 0.79 by Lambda, and 36.50 a server."""
    slow = Load(duration_ms=1000, cold_share=0)
    assert find_break_even(slow, FARGATE, 0.01) is None
    report = make_report(slow, ["x86_64"], 0.01)
    assert [row["requests"] for row in report["always_on"]] == [None, None]
    assert "| never |" in write_markdown(report)


@pytest.mark.parametrize(
    ("memory", "names"),
    [
        (128, ["EC2 c7i.large", "Fargate 1 vCPU, 2 GB"]),
        (2048, ["EC2 c7i.large", "Fargate 1 vCPU, 2 GB"]),
        (2049, ["EC2 c7i.large", "Fargate 1 vCPU, 8 GB"]),
        (8192, ["EC2 c7i.xlarge", "Fargate 1 vCPU, 8 GB"]),
        (10_240, ["EC2 c7i.2xlarge", "Fargate 2 vCPU, 16 GB"]),
    ],
)
def test_servers_have_the_memory_of_the_function(memory: int, names: list[str]) -> None:
    done = run("--json", "--architecture", "x86_64", "--memory", str(memory))
    assert [row["server"] for row in json.loads(done.stdout)["always_on"]] == names


def test_two_servers_at_least() -> None:
    one, two = (find_break_even(Load(), SERVERS[0], least=least) for least in (1, 2))
    assert one is not None
    assert two is not None
    assert (one.servers, two.servers) == (1, 2)
    assert one.requests < two.requests


def test_the_document_is_the_commands_own() -> None:
    """docs/cost.md holds what the command writes by the prices of now."""
    text = (PROJECT / "docs/cost.md").read_text()
    both = ["x86_64", "arm64"]
    assert write_markdown(make_report(Load(), both)) in text
    snapshot = Load(snap_start=True)
    assert write_markdown(make_report(snapshot, ["arm64"])) in text
    assert all(url in text for url in prices.SOURCES.values())


def test_for_programs() -> None:
    done = run("--json", "--architecture", "arm64", "--duration-ms", "12.5")
    assert (done.returncode, done.stderr) == (0, "")
    report: dict[str, Any] = json.loads(done.stdout)
    assert list(report["architectures"]) == ["arm64"]
    assert report["load"]["duration_ms"] == 12.5
    assert report["prices"]["date"] == prices.DATE
    assert report["architectures"]["arm64"]["items"]["HTTP API"] == 1.0
    assert {row["architecture"] for row in report["always_on"]} == {"arm64"}


def test_for_a_person() -> None:
    done = run("--requests", "5000000")
    assert (done.returncode, done.stderr) == (0, "")
    assert "5,000,000 requests a month" in done.stdout
    assert "List prices of us-east-1 as of" in done.stdout
    assert "EC2 c7g.large" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ["--requests", "0"],
        ["--memory", "64"],
        ["--duration-ms", "fast"],
        ["--cold-share", "1.5"],
        ["--log-frequency", "-1"],
        ["--architecture", "i386"],
        ["--utilization", "0"],
        ["--no-such-option"],
    ],
)
def test_wrong_usage(wrong: list[str]) -> None:
    done = run(*wrong)
    assert done.returncode == 2
    assert wrong[0] in done.stderr
    assert "Traceback" not in done.stderr
