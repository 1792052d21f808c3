"""A report as a person reads it: figures in lines, distributions as bars."""

from collections.abc import Iterable, Mapping

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
from lambda_serving_cli.terminal.output import count_things, print_wrapped, write_fields

LONGEST_LABEL = 24
LONGEST_BAR = 40
BESIDE_BAR = 26
"""Columns that indent, count and percentage take."""

EIGHTHS = " ▏▎▍▌▋▊▉█"


def show(report: Report, console: Console, with_bars: bool = True) -> None:
    """Print the report; a distribution has a bar for each line, or numbers alone."""
    target = report.target
    cloud = "the local cloud" if target.cloud == "local" else "AWS"
    where = f" at {target.endpoint_url}" if target.endpoint_url else ""
    head = f"Stack {target.stack} of {cloud}{where}, region {target.region}"
    print_wrapped(console, head)
    since, until = (f"{each:%Y-%m-%d %H:%M:%S}" for each in (report.since, report.until))
    until = until.removeprefix(f"{report.since:%Y-%m-%d} ")
    records = count_things(report.records, "record")
    console.print(f"{since} to {until}: {records}")
    for name, figures in report.endpoints.items():
        show_endpoint(name, figures, console, with_bars)
    if report.without_records:
        console.print()
        print_wrapped(console, f"no records: {', '.join(report.without_records)}", style="dim")
    if not report.records:
        console.print("Send a request, or look further back by --since.")


def show_endpoint(name: str, figures: EndpointFigures, console: Console, with_bars: bool) -> None:
    """The endpoint as a whole, then each version where there are several."""
    versions = [version for version in figures.versions if version != NO_VERSION]
    if len(versions) != 1:
        title = ", all versions" if versions else ""
        show_figures(name, title, figures, console, with_bars)
    for version in versions:
        own = figures.versions[version] if len(versions) > 1 else figures
        show_figures(name, f", version {version}", own, console, with_bars)


def show_figures(
    name: str, title: str, figures: Figures, console: Console, with_bars: bool
) -> None:
    console.print()
    console.print(Text(name, "bold") + Text(title))
    write_fields(list_rows(figures), console)
    charts = list(list_charts(figures))
    widest = max((len(shorten(label)) for _, counts in charts for label in counts), default=0)
    for heading, counts in charts:
        print_wrapped(console, heading, "  ")
        show_bars(counts, widest, console, with_bars)


def list_charts(figures: Figures) -> Iterable[tuple[str, Mapping[str, float]]]:
    """Heading, and the counts that become bars."""
    for name, found in figures.variables.items():
        if isinstance(found, Enum):
            yield name, found.classes
        elif isinstance(found, Scalar):
            ends = f"min {found.min:.4g}, median {found.p50:.4g}, max {found.max:.4g}"
            yield f"{name}: {ends}", {name_bucket(each): each.count for each in found.buckets}


def list_rows(figures: Figures) -> Iterable[tuple[str, str]]:
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
            keys = ("last", "min", "mean", "max")
            yield name, ", ".join(f"{key} {getattr(found, key):.6g}" for key in keys)


def describe_errors(figures: Figures) -> str:
    if not figures.errors:
        return "none"
    share = f" ({figures.errors / figures.count:.1%})" if figures.count else ""
    faults = f", {figures.faults:,} of them faults (5xx)" if figures.faults else ""
    classes = ", ".join(f"{name} {number:,}" for name, number in figures.errors_by_class.items())
    return f"{figures.errors:,}{share}{faults}{': ' * bool(classes)}{classes}"


def show_bars(counts: Mapping[str, float], widest: int, console: Console, with_bars: bool) -> None:
    """A line for each: label, bar, count and share. The longest bar is the greatest count."""
    room = max(8, min(LONGEST_BAR, console.width - widest - BESIDE_BAR))
    total, most = sum(counts.values()), max(counts.values())
    for label, count in counts.items():
        share = count / total if total else 0.0
        line = Text(f"    {shorten(label):<{widest}} ")
        if with_bars:
            bar = draw_bar(count / most if most else 0.0, room, console.encoding)
            line.append(f"{bar:<{room}} ", "cyan")
        line.append(f"{count:>8,.0f} {share:>6.1%}")
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
