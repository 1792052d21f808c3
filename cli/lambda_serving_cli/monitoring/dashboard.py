"""The dashboards: their widgets on the grid, and their bodies as JSON, a line for each widget."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving_cli.monitoring.graphs import Widget
from lambda_serving_cli.monitoring.widgets import show_endpoint, show_overview
from lambda_serving_cli.terminal.errors import CommandError

COLUMNS = 24
MOST_WIDGETS, MOST_METRICS = 500, 2_500
"""Of a dashboard (CloudWatch service quotas); of a graph, as many metrics as widgets."""


def make_dashboards(endpoints: Sequence[EndpointSettings]) -> dict[str, dict[str, Any]]:
    """As many dashboards as it takes, by their logical ids; the first begins with all endpoints.

    Raises:
        CommandError: CloudWatch would not take one endpoint's widgets or metrics.
    """
    resources = {}
    for number, sections in enumerate(split(endpoints), 1):
        widgets = ",\n".join(json.dumps(widget) for widget in place(sections))
        suffix = "" if number == 1 else str(number)
        resources[f"Dashboard{suffix}"] = {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardName": {"Fn::Sub": "${StackName}" + (suffix and f"-{suffix}")},
                "DashboardBody": {"Fn::Sub": f'{{"widgets": [\n{widgets}\n]}}'},
            },
        }
    return resources


def split(endpoints: Sequence[EndpointSettings]) -> list[list[list[Widget]]]:
    """The sections of each dashboard; an endpoint's widgets stay together."""
    dashboards = [[show_overview()]]
    for settings in endpoints:
        section = show_endpoint(settings)
        check_limits(settings.endpoint, section)
        if not fits([*dashboards[-1], section]):
            dashboards.append([])
        dashboards[-1].append(section)
    return dashboards


def place(sections: Sequence[Sequence[Widget]]) -> Iterator[dict[str, Any]]:
    """Widgets from left to right; each section begins a new row."""
    y = 0
    for section in sections:
        x = row = 0
        for widget in section:
            if x + widget.width > COLUMNS:
                x, y, row = 0, y + row, 0
            position = {"x": x, "y": y, "width": widget.width, "height": widget.height}
            yield {"type": widget.kind, **position, "properties": widget.properties}
            x, row = x + widget.width, max(row, widget.height)
        y += row


def fits(sections: Sequence[Sequence[Widget]]) -> bool:
    counts = [count_metrics(widget) for section in sections for widget in section]
    return len(counts) <= MOST_WIDGETS and sum(counts) <= MOST_METRICS


def check_limits(endpoint: str, widgets: Sequence[Widget]) -> None:
    counts = [count_metrics(widget) for widget in widgets]
    if not fits([widgets]) or max(counts) > MOST_WIDGETS:
        raise CommandError(
            f"{endpoint} would have {len(counts)} widgets and {sum(counts)} metrics, up to"
            f" {max(counts)} in one widget; a CloudWatch dashboard takes {MOST_WIDGETS},"
            f" {MOST_METRICS} and {MOST_WIDGETS}",
            advice="declare fewer variables, or fewer buckets, under [metrics.variables]",
        )


def count_metrics(widget: Widget) -> int:
    return len(widget.properties.get("metrics", ()))
