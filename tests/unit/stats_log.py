"""Logs as the runtime itself writes them, and what `lambda-serving stats` makes of them."""

from collections.abc import Mapping
from typing import Any

import orjson

from lambda_serving.settings.endpoint import MetricSettings, Variable
from lambda_serving.telemetry.statistics import Statistics
from lambda_serving_cli.statistics.figures import EndpointFigures, describe_endpoint
from lambda_serving_cli.statistics.records import LogEvent, Tally

BUCKETS = (1.0, 2.0, 4.0)
VARIABLES = {
    "x": Variable("x", "scalar", buckets=BUCKETS),
    "y": Variable("y", "enum", values=("a", "b")),
    "last": Variable("last", "value"),
    "sold": Variable("sold", "counter"),
}


class Log:
    """Lines of log streams, written by the statistics of one endpoint each."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def open(self, name: str = "e", stream: str = "s", frequency: float = 1.0) -> Statistics:
        def write(record: Mapping[str, Any]) -> None:
            self.events.append(LogEvent(stream, orjson.dumps(record).decode()))

        return Statistics("LambdaServing", name, MetricSettings(frequency, VARIABLES), write)

    def tally(self, version: str | None = None) -> Tally:
        tally = Tally(version)
        for event in self.events:
            tally.add(event)
        return tally

    def describe(self, declared: Mapping[str, Variable] = VARIABLES) -> EndpointFigures:
        return describe_endpoint(self.tally().endpoints["e"], declared)


def serve(
    statistics: Statistics, body: dict[str, Any], version: str = "1", number: int = 0
) -> None:
    with statistics.begin_request(f"request-{number}") as record:
        record.version = version
        record.pick_variables(body)
        record.stages["process"] = 0.001
