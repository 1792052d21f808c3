"""The dashboard: its widgets on the grid, and its body as JSON, a line for each widget."""

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


def write_dashboard(endpoints: Sequence[EndpointSettings]) -> str:
    """The dashboard as a resource of the template.

    Raises:
        CommandError: CloudWatch would not take that many widgets or metrics.
    """
    widgets = list(place([show_overview(), *map(show_endpoint, endpoints)]))
    check_limits(widgets)
    lines = ",\n".join(f"          {json.dumps(widget)}" for widget in widgets)
    return (
        "  Dashboard:\n"
        "    Type: AWS::CloudWatch::Dashboard\n"
        "    Properties:\n"
        "      DashboardName: !Ref AWS::StackName\n"
        "      DashboardBody: !Sub |-\n"
        f'        {{"widgets": [\n{lines}\n        ]}}\n'
    )


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


def check_limits(widgets: Sequence[dict[str, Any]]) -> None:
    counts = [len(widget["properties"].get("metrics", ())) for widget in widgets]
    if len(counts) > MOST_WIDGETS or sum(counts) > MOST_METRICS or max(counts) > MOST_WIDGETS:
        raise CommandError(
            f"the dashboard would have {len(counts)} widgets and {sum(counts)} metrics, up to"
            f" {max(counts)} in one widget; CloudWatch takes {MOST_WIDGETS}, {MOST_METRICS} and"
            f" {MOST_WIDGETS}",
            advice="declare fewer variables, or fewer buckets, under [metrics.variables]",
        )
