"""The report: tables, the targets, and what was measured on."""

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import cold_start, hot_path
from bench.findings import (
    MEGABYTE,
    SPREAD,
    ColdStarts,
    Findings,
    Loads,
    compare,
    compare_loads,
    compare_totals,
    list_added,
    show_spread,
)
from bench.places import Places
from bench.targets import FLOOR, PLAIN_FLOOR, list_targets


def render(findings: Findings) -> str:
    """The whole report, as Markdown."""
    parts = [
        "# Benchmark\n\nWritten by `make bench`; ratios of one run are what counts, since "
        f"milliseconds depend on the machine. {describe_machine()}, {findings.rounds} rounds, "
        "all rows of a table in another order each round; those that targets compare more often. "
        "Cold starts and loads are compared round by round: a ratio is the median of theirs.",
        "## Targets\n\n"
        + render_table(
            ["", "target", "measured"],
            [
                ["met" if target.is_met else "**not met**", target.text, target.measured]
                for target in list_targets(findings)
            ],
        ),
    ]
    if findings.cold:
        parts.append(render_cold(findings.cold))
    if findings.hot:
        parts.append(render_hot(findings.hot))
    if findings.statistics:
        parts.append(render_statistics(findings.statistics))
    if findings.loads:
        parts.append(render_loads(findings.loads))
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


def render_cold(cold: ColdStarts) -> str:
    lines = []
    for name, (row, samples) in cold.items():
        floors = [row.floor, *([PLAIN_FLOOR] if row.floor == FLOOR else [])]
        ratios = [f"{compare_totals(cold, name, floor):.2f}" for floor in floors]
        inits = statistics.median(sample.init for sample in samples)
        line = [name, *show_spread([sample.total for sample in samples], 0.001)]
        line += [*ratios, *[""] * (2 - len(floors)), f"{inits * 1000:.0f}"]
        for stage in cold_start.STAGES:
            took = statistics.median(sample.stages[stage] for sample in samples)
            line.append(f"{took * 1000:.0f}")
        lines.append(line)
    header = ["", *SPREAD, "x floor", "x plain", "init", *cold_start.STAGES]
    return (
        "## Cold start\n\nMilliseconds from the spawn of a process to its first answer; `init` is "
        "the median until its first /next. Stages are medians, each of its own, so that they need "
        "not add up to the whole. `fetch` is what the main thread waits for the model. `x plain` "
        "compares with the floor whose GET is by http.client: urllib's `urlopen` makes a TLS "
        "context, as any GET from S3 needs one on AWS, though this S3 is none. The web adapter's "
        "row is without the adapter, a binary that starts beside the server.\n\n"
        "![cold start by stage](cold_start.svg)\n\n" + render_table(header, lines)
    )


def render_hot(rows: Sequence[hot_path.Row]) -> str:
    lines = []
    for row in rows:
        line = [row.name, *show_spread(row.times), f"{row.median:.0f}"]
        line.append(f"{row.median - rows[0].median:+.0f}")
        line.append(f"{row.median / rows[-1].median:.2f}")
        for stage in hot_path.STAGES:
            line.append(f"{row.find_stage(stage):.1f}" if stage in row.stages else "")
        lines.append(line)
    header = ["", *SPREAD, "quietest", "over floor", "x usual", *hot_path.STAGES]
    return (
        "## Hot path\n\nMicroseconds of a request inside a warm process. `quietest` is the least "
        f"median of {hot_path.REQUESTS} requests, which is what is compared: whatever else runs on "
        "the machine only adds. Stages are such medians of further requests with a clock around "
        "each, which costs a little itself; the usual handler decodes and encodes within its "
        "framework.\n\n" + render_table(header, lines)
    )


def render_statistics(rows: Sequence[hot_path.Row]) -> str:
    lines = []
    for row, added, ratio in list_added(rows):
        lines.append([
            row.name, *show_spread(row.times, digits=1), f"{row.median:.1f}", f"{added:+.1f}",
            f"{row.median / (row.median - added):.2f}", f"{ratio:.2f}",
        ])  # fmt: skip
    return (
        "## What statistics add\n\nMicroseconds of a request, as above, of the same endpoint "
        "without and with them, and without them but with a record of Powertools (5 metrics, 2 "
        "dimensions) after each request; `x Powertools` compares what is added.\n\n"
        + render_table(["", *SPREAD, "quietest", "over off", "x off", "x Powertools"], lines)
    )


def render_loads(loads: Loads) -> str:
    lines = []
    for (load, row), samples in loads.items():
        floors = ("floor", "floor, plain http.client")
        peak = max(sample.peak for sample in samples)
        whole, floor = (
            [sample.process_seconds for sample in loads[load, each]] for each in (row, "floor")
        )
        after = max(sample.after for sample in samples)
        lines.append([
            f"{load}, {row}", *show_spread([sample.seconds for sample in samples], digits=2),
            *[f"{compare_loads(loads, load, row, each):.2f}" for each in floors],
            f"{compare(whole, floor):.2f}", f"{peak / MEGABYTE:.0f}",
            f"{peak / MEGABYTE / load.megabytes:.2f}", f"{after / MEGABYTE:.0f}",
        ])  # fmt: skip
    header = ["", *SPREAD, "x floor", "x plain", "whole process x floor"]
    header += ["peak MB", "peak over model", "MB afterwards"]
    return (
        "## Model load\n\nSeconds from the request for the model to its session, the libraries "
        "imported already; a fresh process each time. `x plain` compares with the floor by "
        "http.client.\n\n" + render_table(header, lines)
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
