"""`lambda-serving stats`: the report as text, in terminals wide and narrow."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from lambda_serving.settings.endpoint import Variable
from lambda_serving_cli.statistics.figures import Origin, Report, describe_endpoint
from lambda_serving_cli.statistics.records import LogEvent
from lambda_serving_cli.statistics.report import show
from lambda_serving_cli.terminal.output import make_console
from tests.unit.stats_log import VARIABLES, Log, serve

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


def render(encoding: str, width: int, log: Log, variables: Mapping[str, Variable]) -> str:
    """The report of a log as text of an encoding."""
    tally = log.tally()
    report = Report(
        Origin("aws", "stack", "eu-west-1", None), NOW, NOW, tally.records,
        {name: describe_endpoint(sums, variables) for name, sums in tally.endpoints.items()},
        ["idle"],
    )  # fmt: skip
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = make_console(file)
    console.width = width
    show(report, console)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("width", [20, 80, 200])
def test_the_report_fits_any_terminal(encoding: str, width: int) -> None:
    log = Log()
    statistics = log.open()
    with pytest.raises(ValueError), statistics.begin_request("r"):
        raise ValueError("no")
    for version in ("1", "2"):
        serve(statistics, {"x": 1.0, "y": ["a", "b"], "last": 2.0, "sold": 4}, version)
    enum = {"Dimensions": [["Endpoint", "Version", "kind"]], "Metrics": [{"Name": "Count"}]}
    kind = "[red]Größe\x1b[1m" + "x" * 300
    record = {"_aws": {"CloudWatchMetrics": [enum]}, "Endpoint": "e", "Version": "1"}
    log.events.append(LogEvent("s", json.dumps(record | {"kind": kind, "Count": 1})))
    text = render(encoding, width, log, VARIABLES)
    assert "Stack stack of AWS, region eu-west-1" in text
    for word in ("e, all versions", "e, version 1", "e, version 2", "sum 8", "last 2", "idle"):
        assert word in text
    assert "version -" not in text
    assert ("█" in text) == (encoding == "utf-8") and ("##" in text) == (encoding != "utf-8")
    assert "\x1b" not in text
    bars = [line for line in text.splitlines() if "#" in line or "█" in line]
    assert all(len(line) <= width for line in bars)


def test_no_records_says_what_to_do() -> None:
    text = render("utf-8", 80, Log(), {})
    assert "0 records" in text and "--since" in text
