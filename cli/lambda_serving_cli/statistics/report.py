"""A report as a person reads it: figures in lines, distributions as bars."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import TextIO

from rich.console import Console
from rich.text import Text

from lambda_serving.messages.request_metrics import NO_VERSION
from lambda_serving_cli.statistics.figures import (
    Counter,
    EndpointFigures,
    Enum,
    Figures,
    Report,
    Scalar,
    Value,
)
from lambda_serving_cli.statistics.sample import Bucket

LONGEST_LABEL = 24
LONGEST_BAR = 40
BESIDE_BAR = 26
"""Columns that indent, count and percentage take."""

EIGHTHS = " ▏▎▍▌▋▊▉█"


def make_console(file: TextIO) -> Console:
    """Colours on a terminal alone; what the file's encoding lacks comes out as `?`."""
    if isinstance(file, io.TextIOWrapper):
        file.reconfigure(errors="replace")
    return Console(file=file, highlight=False, markup=False, emoji=False)


def show(report: Report, console: Console) -> None:
    """Print the report."""
    target = report.target
    cloud = "the local cloud" if target.cloud == "local" else "AWS"
    where = f" at {target.endpoint_url}" if target.endpoint_url else ""
    head = f"Stack {target.stack} of {cloud}{where}, region {target.region}"
    console.print(head, soft_wrap=True)
    since, until = (f"{each:%Y-%m-%d %H:%M:%S}" for each in (report.since, report.until))
    until = until.removeprefix(f"{report.since:%Y-%m-%d} ")
    records = count_things(report.records, "record")
    console.print(f"{since} to {until}: {records}")
    for name, figures in report.endpoints.items():
        show_endpoint(name, figures, console)
    if report.without_records:
        console.print(
            f"\nno records: {', '.join(report.without_records)}", style="dim", soft_wrap=True
        )
    if not report.records:
        console.print("Send a request, or look further back by --since.")


def show_endpoint(name: str, figures: EndpointFigures, console: Console) -> None:
    """The endpoint as a whole, then each version where there are several."""
    versions = [version for version in figures.versions if version != NO_VERSION]
    title = f", version {versions[0]}" if len(versions) == 1 else ""
    title = ", all versions" if len(versions) > 1 else title
    show_figures(name, title, figures, console)
    if len(versions) > 1:
        for version in versions:
            show_figures(name, f", version {version}", figures.versions[version], console)


def show_figures(name: str, title: str, figures: Figures, console: Console) -> None:
    console.print()
    console.print(Text(name, "bold") + Text(title))
    rows = list(list_rows(figures))
    widest = max(len(label) for label, _ in rows)
    for label, text in rows:
        console.print(Text(f"  {label:<{widest}}  ") + text, soft_wrap=True)
    charts = list(list_charts(figures))
    widest = max((len(shorten(label)) for _, counts in charts for label in counts), default=0)
    for heading, counts in charts:
        console.print(Text(f"  {heading}"), soft_wrap=True)
        show_bars(counts, widest, console)


def list_charts(figures: Figures) -> Iterable[tuple[str, Mapping[str, float]]]:
    """Heading, and the counts that become bars."""
    for name, found in figures.variables.items():
        if isinstance(found, Enum):
            yield name, found.classes
        elif isinstance(found, Scalar):
            ends = f"min {found.min:.4g}, median {found.p50:.4g}, max {found.max:.4g}"
            yield f"{name}: {ends}", {name_bucket(each): each.count for each in found.buckets}


def list_rows(figures: Figures) -> Iterable[tuple[str, str | Text]]:
    """What fits in one line each."""
    yield "requests", f"{figures.count:,.0f}"
    yield "errors", describe_errors(figures)
    if figures.latency_ms is not None:
        yield "latency", name_times(figures.latency_ms)
    if figures.stages_ms:
        yield "stages", f"{name_times(figures.stages_ms)} (medians)"
    starts = [f"{figures.cold_starts:,}"]
    if figures.model_load_ms is not None:
        loads = count_things(figures.model_loads, "model load")
        median = " (median)" if figures.model_loads > 1 else ""
        starts.append(f"{loads} of {name_time(figures.model_load_ms)}{median}")
    yield "cold starts", "; ".join(starts)
    for other in figures.others:
        told = ", ".join(f"{key.lower()} {value}" for key, value in other.dimensions.items())
        yield other.name, f"{other.sum:,.6g} ({told})" if told else f"{other.sum:,.6g}"
    for name, found in figures.variables.items():
        if isinstance(found, Counter):
            yield name, f"sum {found.sum:,.6g}"
        elif isinstance(found, Value):
            parts = (("last", found.last), ("min", found.min), ("mean", found.mean))
            told = ", ".join(f"{key} {value:.6g}" for key, value in (*parts, ("max", found.max)))
            yield name, told


def describe_errors(figures: Figures) -> Text:
    if not figures.errors:
        return Text("none")
    text = Text(f"{figures.errors:,}", "red")
    if figures.count:
        text.append(f" ({figures.errors / figures.count:.1%})")
    faults = f", {figures.faults:,} of them faults (5xx)" if figures.faults else ""
    classes = ", ".join(f"{name} {number:,}" for name, number in figures.errors_by_class.items())
    return text.append(f"{faults}: {classes}" if classes else faults, "default")


def show_bars(counts: Mapping[str, float], widest: int, console: Console) -> None:
    """A line for each: label, bar, count and share. The longest bar is the greatest count."""
    room = max(8, min(LONGEST_BAR, console.width - widest - BESIDE_BAR))
    total, most = sum(counts.values()), max(counts.values())
    for label, count in counts.items():
        bar = draw_bar(count / most if most else 0.0, room, console.encoding)
        share = count / total if total else 0.0
        line = Text(f"    {shorten(label):<{widest}} ")
        line.append(f"{bar:<{room}}", "cyan").append(f" {count:>8,.0f} {share:>6.1%}")
        console.print(line, no_wrap=True, overflow="ellipsis")


def draw_bar(share: float, room: int, encoding: str) -> str:
    """A bar of ``share`` of ``room`` columns. What is not nothing shows."""
    if not encoding.lower().startswith("utf"):
        return "#" * max(round(share * room), share > 0)
    whole, rest = divmod(max(round(share * room * 8), share > 0), 8)
    return EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")


def name_bucket(bucket: Bucket) -> str:
    """Above the first number, and up to and with the second."""
    if bucket.over is None:
        return f"up to {bucket.to:.6g}"
    if bucket.to is None:
        return f"over {bucket.over:.6g}"
    if bucket.over == bucket.to:
        return f"{bucket.to:.6g}"
    return f"{bucket.over:.6g} to {bucket.to:.6g}"


def shorten(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 2]}.."


def name_times(times: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {name_time(value)}" for name, value in times.items())


def name_time(milliseconds: float) -> str:
    """Three digits or so: "0.12 ms", "34.1 ms", "1,204 ms"."""
    digits = 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0
    return f"{milliseconds:,.{digits}f} ms"


def count_things(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
