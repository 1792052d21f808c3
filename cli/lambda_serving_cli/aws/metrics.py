"""Metrics of the last hour: what Lambda throttled, and what circuit breakers took out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any, NamedTuple

from lambda_serving_cli.aws.stack import DeployedStack

HOUR = 3600

MOST_QUERIES = 500
"""Of one call (Amazon CloudWatch API reference, GetMetricData)."""


class Count(NamedTuple):
    """A metric that counts, under its dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


def count_throttles(function: str) -> Count:
    return Count("AWS/Lambda", "Throttles", (("FunctionName", function),))


def count_taken_out(stack: DeployedStack, endpoint: str, version: str) -> Count:
    dimensions = (("Endpoint", endpoint), ("Version", version))
    return Count(stack.namespace, "VersionsTakenOut", dimensions)


def read_counts(stack: DeployedStack, counts: Sequence[Count]) -> Mapping[Count, int]:
    """The sums of the last hour, of those that are not 0; one call for each 500.

    Raises:
        ClientError, BotoCoreError: CloudWatch refuses, or cannot be reached.
    """
    found: dict[Count, int] = {}
    client, until = stack.client("cloudwatch"), datetime.now(UTC)
    for part in batched(counts, MOST_QUERIES, strict=False):
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=list(_make_queries(part)),
            StartTime=until - timedelta(seconds=HOUR),
            EndTime=until,
        )
        for result in (each for page in pages for each in page.get("MetricDataResults", [])):
            total = round(sum(result["Values"]))
            if total:
                count = part[int(result["Id"].removeprefix("n"))]
                found[count] = found.get(count, 0) + total
    return found


def _make_queries(counts: Iterable[Count]) -> Iterator[dict[str, Any]]:
    for number, count in enumerate(counts):
        dimensions = [{"Name": name, "Value": value} for name, value in count.dimensions]
        metric = {"Namespace": count.namespace, "MetricName": count.name, "Dimensions": dimensions}
        yield {
            "Id": f"n{number}",
            "MetricStat": {"Metric": metric, "Period": HOUR, "Stat": "Sum"},
        }
