"""The formula: a month of one endpoint, and where a server that is always on gets cheaper."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from lambda_serving_cli.cost import prices
from lambda_serving_cli.cost.prices import HOURS, SERVERS, Server, Tiers

SECONDS = HOURS * 3600
"""Of a month."""

MOST_SERVERS = 1000

WHOLE_VCPU_MB = 1769
"""Memory from which on a function has a whole virtual CPU."""


@dataclass(frozen=True)
class Load:
    """One endpoint in one month."""

    requests: int = 1_000_000
    memory_mb: int = 1769
    duration_ms: float = 20.0
    """Of a request, in the function."""
    cold_share: float = 0.01
    """Of the requests, those that wait for a cold start."""
    cold_ms: float = 900.0
    """Of an INIT."""
    metrics: int = 10
    """Custom metrics: names, times the sets of dimensions they have."""
    log_frequency: float = 1.0
    """The share of requests that leave a record, as ``[metrics]`` says."""
    log_bytes: int = 1000
    """Of a request: Lambda's own lines, and the HTTP API's; an estimate."""
    record_bytes: int = 1000
    """Of a request's statistics; iris_onnx has 1,035."""
    snap_start: bool = False

    @property
    def gigabytes(self) -> float:
        return self.memory_mb / 1024

    @property
    def cold_starts(self) -> float:
        return self.requests * self.cold_share


class Cost(NamedTuple):
    """One line of the bill."""

    name: str
    usd: float
    """A month."""
    is_fixed: bool = False
    """Whether it is the same without any request."""


class BreakEven(NamedTuple):
    """From where on a server is cheaper."""

    requests: float
    """A month."""
    servers: int
    """How many of them carry it."""

    @property
    def per_second(self) -> float:
        """Requests, evenly over the month."""
        return self.requests / SECONDS


def charge(quantity: float, tiers: Tiers) -> float:
    """What a quantity costs where the price falls in steps."""
    total = begin = 0.0
    for end, price in tiers:
        total += max(0.0, min(quantity, end) - begin) * price
        begin = end
    return total


def list_costs(load: Load, architecture: str) -> list[Cost]:
    """A month of the endpoint by HTTP, line by line."""
    running = load.requests * math.ceil(load.duration_ms) / 1000 * load.gigabytes
    starting = load.cold_starts * math.ceil(load.cold_ms) / 1000 * load.gigabytes
    tiers = prices.LAMBDA_GB_SECONDS[architecture]
    run = charge(running, tiers)
    lines = load.requests * load.log_bytes
    records = load.requests * load.log_frequency * load.record_bytes
    logged = charge(lines, prices.LOG_BYTES)
    return [
        Cost("Lambda requests", load.requests * prices.LAMBDA_REQUEST),
        Cost("Lambda GB-seconds, requests", run),
        *(
            _list_snapshot_costs(load)
            if load.snap_start
            else [Cost("Lambda GB-seconds, INIT", charge(running + starting, tiers) - run)]
        ),
        Cost("HTTP API", charge(load.requests, prices.HTTP_API)),
        Cost("CloudWatch, log lines", logged),
        Cost("CloudWatch, records", charge(lines + records, prices.LOG_BYTES) - logged),
        Cost("CloudWatch, metrics", charge(load.metrics, prices.METRICS), is_fixed=True),
        Cost("S3 requests", 0.0 if load.snap_start else load.cold_starts * prices.S3_GET),
    ]


def _list_snapshot_costs(load: Load) -> list[Cost]:
    """SnapStart of one published version: its INIT is billed once, when it is published."""
    cached = SECONDS * load.gigabytes * prices.SNAPSTART_GB_SECOND
    restored = load.cold_starts * load.gigabytes * prices.SNAPSTART_GB_RESTORED
    return [Cost("SnapStart, cache", cached, is_fixed=True), Cost("SnapStart, restores", restored)]


def count_total(costs: list[Cost]) -> float:
    """USD a month."""
    return math.fsum(cost.usd for cost in costs)


def count_per_million(load: Load, costs: list[Cost]) -> float:
    """USD that a million requests add, without what is the same without any."""
    return math.fsum(cost.usd for cost in costs if not cost.is_fixed) / load.requests * 1_000_000


def find_vcpu(memory_mb: float) -> float:
    """The share of one virtual CPU that a function has; one is all that a single thread uses."""
    return min(1.0, memory_mb / WHOLE_VCPU_MB)


def resize(load: Load, memory_mb: int) -> Load:
    """The same load with another memory size: with less of a virtual CPU all takes longer."""
    slower = find_vcpu(load.memory_mb) / find_vcpu(memory_mb)
    return replace(
        load,
        memory_mb=memory_mb,
        duration_ms=load.duration_ms * slower,
        cold_ms=load.cold_ms * slower,
    )


def count_capacity(load: Load, server: Server, utilization: float) -> float:
    """Requests a second that a server carries, at that share of its processors' time.

    A request keeps one virtual CPU busy. A function of less than 1,769 MB has but a part of one,
    and so takes longer than a server would (AWS Lambda, "Configure Lambda function memory").
    """
    busy_ms = load.duration_ms * find_vcpu(load.memory_mb)
    return server.vcpus * utilization * 1000 / busy_ms


def find_break_even(
    load: Load, server: Server, utilization: float = 0.6, least: int = 1
) -> BreakEven | None:
    """The fewest requests a month from which on servers behind a load balancer cost less.

    ``least`` servers are there at all times, and as many as the load needs. Against them stands
    what they replace: Lambda and the HTTP API, at the prices of the first tier. Logs and metrics
    are the same with both. None where Lambda is cheaper at any load.
    """
    million = Load(**vars(load) | {"requests": 1_000_000})
    ours = [
        cost
        for cost in list_costs(million, server.architecture)
        if not cost.name.startswith("CloudWatch")
    ]
    each = count_per_million(million, ours) / 1_000_000
    fixed = math.fsum(cost.usd for cost in ours if cost.is_fixed)
    unit = prices.LOAD_BALANCER_UNIT_HOUR / prices.LOAD_BALANCER_REQUESTS / 3600
    if each <= unit:
        return None
    for count in range(least, MOST_SERVERS):
        month = HOURS * (count * server.hour + prices.LOAD_BALANCER_HOUR)
        requests = max(0.0, (month - fixed) / (each - unit))
        if requests <= count * count_capacity(load, server, utilization) * SECONDS:
            return BreakEven(requests, count)
    return None


def list_servers(load: Load, architectures: list[str]) -> list[Server]:
    """Those to compare with: of each kind the smallest that has the function's memory."""
    fitting: dict[tuple[str, str], Server] = {}
    for server in SERVERS:
        if server.architecture in architectures and server.memory_gb >= load.gigabytes:
            fitting.setdefault((server.kind, server.architecture), server)
    return list(fitting.values())
