"""Widgets of a CloudWatch dashboard, and the metrics and searches that graphs show.

Source: Amazon CloudWatch API reference, "Dashboard body structure and syntax"; user guide, "Search
expression syntax", "Statistics definitions" and "Using dynamic labels". All texts pass Fn::Sub:
``${X}`` is a parameter's value, ``${!X}`` comes out as ``${X}``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NAMESPACE = "${MetricsNamespace}"
"""Parameter of the template, and SERVING_METRICS_NAMESPACE of every function."""

MOST_DECIMALS = 10
"""Of a bound in a statistic."""

Line = list[Any]
"""What a graph draws: one metric, or an expression that may find many."""


@dataclass(frozen=True)
class Widget:
    """One box of the dashboard; width and height in units of its 24 columns."""

    kind: str
    width: int
    height: int
    properties: dict[str, Any]


def write_text(markdown: str) -> Widget:
    """A headline over the whole width."""
    return Widget("text", 24, 2, {"markdown": markdown})


def draw(title: str, lines: Sequence[Line], width: int = 6, **properties: Any) -> Widget:
    """A graph over time, of 5-minute values unless the dashboard's time range is long."""
    for number, line in enumerate(lines, 1):
        if "expression" in line[-1]:
            line[-1].setdefault("id", f"e{number}")
    own = {"title": title, "region": "${AWS::Region}", **properties, "metrics": list(lines)}
    return Widget("metric", width, 6, own)


def find(
    metrics: str | Sequence[str],
    dimensions: Sequence[str],
    statistic: str,
    label: str,
    endpoint: str = "",
    **rendering: Any,
) -> Line:
    """Every metric of these names that has exactly these dimensions, of one endpoint or of all."""
    names = [metrics] if isinstance(metrics, str) else metrics
    wanted = " OR ".join(f'MetricName="{name}"' for name in names)
    terms = [f'Endpoint="{endpoint}"'] if endpoint else []
    terms.append(f"({wanted})" if len(names) > 1 else wanted)
    return search([NAMESPACE, *dimensions], " ".join(terms), statistic, label, **rendering)


def search(schema: Sequence[str], terms: str, statistic: str, label: str, **rendering: Any) -> Line:
    """A search expression; ``schema`` is the namespace and the names of the dimensions."""
    quoted = ",".join(name if name.isalnum() else f'"{name}"' for name in schema)
    expression = f"SEARCH('{{{quoted}}} {terms}', '{statistic}')"
    return [{"expression": expression, "label": label, **rendering}]


def repeat(**rendering: Any) -> Line:
    """The metric of the line before, shown another way."""
    return ["...", rendering]


def name(what: str) -> str:
    """In a label: the value of a dimension (``Dim.Version``), or ``MetricName``."""
    return f"${{!PROP('{what}')}}"


def divide(bounds: Sequence[float]) -> list[tuple[str, str]]:
    """Statistic and label of each bucket between ascending bounds, and of both open ends.

    A percentile rank leaves its lower bound out and takes its upper bound in, so that the
    buckets cover every value once.
    """
    texts = [format_bound(bound) for bound in bounds]
    pairs = zip(texts, texts[1:], strict=False)
    inner = [(f"PR({low}:{high})", f"{low} to {high}") for low, high in pairs]
    first, last = texts[0], texts[-1]
    return [(f"PR(:{first})", f"up to {first}"), *inner, (f"PR({last}:)", f"over {last}")]


def is_divisible(bounds: Sequence[float]) -> bool:
    """Whether CloudWatch can tell the buckets: it knows no percentile of negative values."""
    texts = [format_bound(bound) for bound in bounds]
    return bool(bounds) and bounds[0] >= 0 and len(set(texts)) == len(texts)


def format_bound(bound: float) -> str:
    """0.5, 1, 1000000: without an exponent, which statistics do not know."""
    return f"{bound:.{MOST_DECIMALS}f}".rstrip("0").rstrip(".")
