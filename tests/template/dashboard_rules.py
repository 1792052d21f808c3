"""What CloudWatch asks of a dashboard's body, as far as we use it.

Source: Amazon CloudWatch API reference, "Dashboard body structure and syntax"; user guide,
"CloudWatch service quotas", "Search expression syntax" and "Statistics definitions".
"""

import json
import re
from itertools import combinations
from typing import Any

WIDGET = {"type", "x", "y", "width", "height", "properties"}
GRAPH = {"title", "region", "stacked", "yAxis", "metrics"}
RENDERING = {"id", "expression", "label", "stat", "color", "visible", "yAxis"}
NUMBER = r"\d+(\.\d{1,10})?"
STATISTIC = re.compile(rf"Sum|Average|Minimum|Maximum|p\d\d|PR\((:{NUMBER}|{NUMBER}:({NUMBER})?)\)")
SEARCH = re.compile(r"SEARCH\('\{(?P<schema>[^{}']+)\} (?P<terms>[^']+)', '(?P<statistic>[^']+)'\)")
NAME = re.compile(r'[A-Za-z0-9]+|"[^"\\]+"')
"""In a search's schema: quoted where it is more than letters and digits."""

VALUES = {
    "AWS::Region": "eu-central-1",
    "StackName": "some-stack",
    "MetricsNamespace": "Some/Space",
}


def substitute(text: str) -> str:
    """Fn::Sub; KeyError for a name that is not among VALUES."""
    text = re.sub(r"\$\{([^!}]+)\}", lambda found: VALUES[found[1]], text)
    return text.replace("${!", "${")


def read_widgets(text: str) -> list[dict[str, Any]]:
    """The widgets of a body as the template holds it, after a check of every rule."""
    body = json.loads(substitute(text))
    assert body.keys() == {"widgets"}
    widgets: list[dict[str, Any]] = body["widgets"]
    assert len(widgets) <= 500
    assert sum(len(widget["properties"].get("metrics", ())) for widget in widgets) <= 2500
    for widget in widgets:
        check_widget(widget)
    for one, other in combinations(widgets, 2):
        assert not overlap(one, other), (one, other)
    return widgets


def check_widget(widget: dict[str, Any]) -> None:
    assert widget.keys() == WIDGET
    assert widget["x"] >= 0 and widget["y"] >= 0
    assert widget["width"] >= 1 and widget["x"] + widget["width"] <= 24
    assert 1 <= widget["height"] <= 1000
    properties = widget["properties"]
    if widget["type"] == "text":
        assert properties.keys() == {"markdown"}
        return
    assert widget["type"] == "metric"
    assert {"title", "region", "metrics"} <= properties.keys() <= GRAPH
    assert 1 <= len(properties["metrics"]) <= 500
    for number, line in enumerate(properties["metrics"]):
        check_line(line, is_first=number == 0)
    ids = [line[-1]["id"] for line in properties["metrics"] if "id" in line[-1]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]*", each) for each in ids)


def check_line(line: list[Any], is_first: bool) -> None:
    *names, rendering = line
    assert rendering.keys() <= RENDERING
    assert rendering.get("yAxis", "left") in ("left", "right")
    expression = rendering.get("expression")
    if expression is None:
        assert STATISTIC.fullmatch(rendering["stat"])
        # Namespace, metric, then pairs of dimensions; or all of the line before.
        assert names == ["..."] if len(names) == 1 else len(names) % 2 == 0
        assert not (is_first and "..." in names)
    else:
        assert names == [] and "id" in rendering
        check_search(expression)


def check_search(expression: str) -> None:
    if not expression.startswith("SEARCH"):
        return  # metric math
    found = SEARCH.fullmatch(expression)
    assert found, expression
    assert len(found["schema"] + found["terms"]) <= 1024
    assert all(NAME.fullmatch(name) for name in found["schema"].split(",")), expression
    assert STATISTIC.fullmatch(found["statistic"])
    assert found["terms"].count("(") == found["terms"].count(")")


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(
        one[start] < other[start] + other[length] and other[start] < one[start] + one[length]
        for start, length in (("x", "width"), ("y", "height"))
    )
