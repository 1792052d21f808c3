"""The report: tables, the targets, and what was measured on."""

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import cold_start, hot_path, model_load
from bench.places import Places

MEGABYTE = 2**20
ColdStarts = Mapping[str, tuple[cold_start.Row, list[cold_start.Sample]]]
Loads = Mapping[tuple[int, str], list[model_load.Sample]]
SHIPPED = "usual, no .pyc, boto3 in requirements"


@dataclass
class Report:
    """What a run found; each part may be missing."""

    rounds: int
    cold: ColdStarts = field(default_factory=dict)
    hot: Sequence[hot_path.Row] = ()
    loads: Loads = field(default_factory=dict)
    statistics: str = ""
    """The table of bench/statistics.py."""
    onnx_bytes: int = 0
    """Of the onnx function with its layers, unzipped."""


@dataclass(frozen=True)
class Target:
    """One of the project's targets, and what was measured for it."""

    text: str
    measured: str
    is_met: bool


def render(report: Report) -> str:
    """The whole report, as Markdown."""
    parts = [
        "# Benchmark\n\nWritten by `make bench`; ratios of one run are what counts, since "
        f"milliseconds depend on the machine. {describe_machine()}, {report.rounds} rounds, "
        "all rows of a table in turn.",
        "## Targets\n\n"
        + render_table(
            ["", "target", "measured"],
            [
                ["met" if target.is_met else "**not met**", target.text, target.measured]
                for target in list_targets(report)
            ],
        ),
    ]
    if report.cold:
        parts.append(render_cold(report.cold))
    if report.hot:
        parts.append(render_hot(report.hot))
    if report.statistics:
        parts.append(f"## What statistics add\n\n{report.statistics.strip()}")
    if report.loads:
        parts.append(render_loads(report.loads))
    return "\n\n".join(parts) + "\n"


def describe_machine() -> str:
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    load = os.getloadavg()[1]
    python = platform.python_version()
    return f"{os.cpu_count()} x {model}, Python {python}, load average at the end {load:.1f}"


def list_targets(report: Report) -> Iterable[Target]:
    if report.cold:
        yield from list_cold_targets(report.cold)
    if report.hot:
        yield from list_hot_targets(report.hot)
    if report.statistics:
        rows = [line.strip("| ").split(" | ") for line in report.statistics.splitlines()[2:]]
        name, _, added, _ = max(rows, key=lambda row: float(row[2]))
        text = "statistics add at most 100 µs to a request"
        yield Target(text, f"{float(added):.1f} µs ({name})", float(added) <= 100)
    for (megabytes, row), samples in report.loads.items():
        if row == "ours":
            ratio = median_seconds(samples) / median_seconds(report.loads[megabytes, "floor"])
            text = f"loading {megabytes} MB takes at most 1.1 x floor"
            yield Target(text, f"{ratio:.2f}", ratio <= 1.1)
            peak, limit = max(s.peak for s in samples) / MEGABYTE, 1.3 * megabytes + 120
            text = f"loading {megabytes} MB holds at most 1.3 x it + 120 MB"
            yield Target(text, f"{peak:.0f} of {limit:.0f} MB", peak <= limit)
    if report.onnx_bytes:
        size = report.onnx_bytes / MEGABYTE
        yield Target("an onnx function has at most 150 MB", f"{size:.0f} MB", size <= 150)


def list_cold_targets(cold: ColdStarts) -> Iterable[Target]:
    floor = median_total(cold, "floor, onnx")
    for name, limit in (("ours, onnx, HTTP", 1.15), ("ours, onnx, invoke", 1.0)):
        ratio = median_total(cold, name) / floor
        text = f"cold start, {name}: at most {limit} x floor"
        yield Target(text, f"{ratio:.2f}", ratio <= limit)
    shipped = median_total(cold, SHIPPED)
    http = shipped / median_total(cold, "ours, onnx, HTTP")
    invoke = shipped / median_total(cold, "ours, onnx, invoke")
    text = f"cold start, {SHIPPED}: at least 9 x ours by HTTP"
    yield Target(text, f"{http:.1f} (by invoke {invoke:.1f})", http >= 9)


def list_hot_targets(rows: Sequence[hot_path.Row]) -> Iterable[Target]:
    floor, invoke, http, usual = rows
    for row, limit in ((http, 200), (invoke, 120)):
        over = row.median - floor.median
        text = f"hot path, {row.name}: at most {limit} µs over the floor"
        yield Target(text, f"{over:.0f} µs", over <= limit)
    for stage in ("framework", "preprocess", "process", "postprocess", "statistics"):
        own, theirs = sum_stage(http, stage), sum_stage(usual, stage)
        text = f"hot path, {stage}: under the usual handler"
        yield Target(text, f"{own:.1f} of {theirs:.1f} µs", own < theirs)


def sum_stage(row: hot_path.Row, stage: str) -> float:
    """Microseconds; `framework` is all that is neither the user's code, the model nor statistics.

    The usual handler decodes and encodes within its framework.
    """
    stages = ("entrance", "decode", "encode") if stage == "framework" else (stage,)
    return sum(statistics.median(row.stages[name]) for name in stages if name in row.stages)


def median_total(cold: ColdStarts, name: str) -> float:
    return statistics.median(sample.total for sample in cold[name][1])


def median_seconds(samples: Sequence[model_load.Sample]) -> float:
    return statistics.median(sample.seconds for sample in samples)


def render_cold(cold: ColdStarts) -> str:
    lines = []
    for name, (row, samples) in cold.items():
        floor = [sample.total for sample in cold[row.floor][1]]
        totals = [sample.total for sample in samples]
        median, least = statistics.median(totals), min(totals)
        line = [name, f"{median * 1000:.0f}", f"{least * 1000:.0f}"]
        line += [f"{median / statistics.median(floor):.2f}", f"{least / min(floor):.2f}"]
        for stage in cold_start.STAGES:
            took = statistics.median(sample.stages[stage] for sample in samples)
            line.append(f"{took * 1000:.0f}")
        lines.append(line)
    header = ["", "median ms", "min ms", "x floor", "x floor (min)", *cold_start.STAGES]
    return (
        "## Cold start\n\nFrom the spawn of a process to its first answer; stages are medians in "
        "ms. `fetch` is what the main thread waits for the model.\n\n"
        "![cold start by stage](cold_start.svg)\n\n" + render_table(header, lines)
    )


def render_hot(rows: Sequence[hot_path.Row]) -> str:
    floor = rows[0].median
    lines = []
    for row in rows:
        line = [
            row.name,
            f"{row.median:.0f}",
            f"{min(row.times):.0f}",
            f"{row.median - floor:+.0f}",
        ]
        for stage in hot_path.STAGES:
            values = row.stages.get(stage)
            line.append(f"{statistics.median(values):.1f}" if values else "")
        lines.append(line)
    header = ["", "median µs", "min µs", "over floor", *hot_path.STAGES]
    return (
        "## Hot path\n\nMicroseconds of a request inside a warm process. Stages are of further "
        "requests with a clock around each, which costs a little itself; the usual handler decodes "
        "and encodes within its framework.\n\n" + render_table(header, lines)
    )


def render_loads(loads: Loads) -> str:
    lines = []
    for (megabytes, row), samples in loads.items():
        floor = loads[megabytes, "floor"]
        seconds, peak = median_seconds(samples), max(sample.peak for sample in samples)
        process = statistics.median(sample.process_seconds for sample in samples)
        floor_process = statistics.median(sample.process_seconds for sample in floor)
        least = min(sample.seconds for sample in samples)
        after = max(sample.after for sample in samples)
        lines.append([
            f"{megabytes} MB, {row}", f"{seconds:.2f}", f"{least:.2f}",
            f"{seconds / median_seconds(floor):.2f}", f"{process / floor_process:.2f}",
            f"{peak / MEGABYTE:.0f}", f"{peak / MEGABYTE / megabytes:.2f}",
            f"{after / MEGABYTE:.0f}",
        ])  # fmt: skip
    header = ["", "median s", "min s", "x floor", "whole process x floor"]
    header += ["peak MB", "peak over model", "MB afterwards"]
    return (
        "## Model load\n\nFrom the request for the model to its session, the libraries imported "
        "already; a fresh process each time.\n\n" + render_table(header, lines)
    )


def render_table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *lines])


def measure_function(places: Places, endpoint: str) -> int:
    """Bytes of a built function with its layers."""
    function = places.functions[endpoint]
    folders = [function.code, *function.layers]
    files = (path for folder in folders for path in folder.rglob("*") if not path.is_dir())
    return sum(path.lstat().st_size for path in files)
