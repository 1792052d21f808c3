"""The project's targets, each as a ratio within one run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench import hot_path
from bench.findings import (
    MEGABYTE,
    ColdStarts,
    Findings,
    Loads,
    compare,
    compare_loads,
    compare_totals,
    list_added,
    sum_stage,
)

SHIPPED = "usual, no .pyc, boto3 in requirements"
FLOOR, PLAIN_FLOOR = "floor, onnx", "floor, onnx, plain http.client"


@dataclass(frozen=True)
class Target:
    """One of them, and what was measured for it."""

    text: str
    measured: str
    is_met: bool


def list_targets(findings: Findings) -> Iterable[Target]:
    if findings.cold:
        yield from list_cold_targets(findings.cold)
    if findings.hot:
        yield from list_hot_targets(findings.hot)
    if findings.statistics:
        ours = [added for added in list_added(findings.statistics) if added.is_ours]
        most = max(ours, key=lambda added: added.ratio)
        text = "statistics add at most 0.6 x what Powertools' record adds"
        measured = f"{most.ratio:.2f} ({most.row.name}, {most.microseconds:.1f} µs)"
        yield Target(text, measured, most.ratio <= 0.6)
    yield from list_load_targets(findings.loads)
    if findings.onnx_bytes:
        size = findings.onnx_bytes / MEGABYTE
        yield Target("an onnx function has at most 150 MB", f"{size:.0f} MB", size <= 150)


def list_cold_targets(cold: ColdStarts) -> Iterable[Target]:
    """Against the floor; what stands beside it is against the one whose GET needs no TLS."""
    for name, limit in (("ours, onnx, HTTP", 1.15), ("ours, onnx, invoke", 1.0)):
        ratio, plain = (compare_totals(cold, name, floor) for floor in (FLOOR, PLAIN_FLOOR))
        text = f"cold start, {name}: at most {limit} x floor"
        yield Target(text, f"{ratio:.2f} ({plain:.2f} x that by plain http.client)", ratio <= limit)
    http = compare_totals(cold, SHIPPED, "ours, onnx, HTTP")
    invoke = compare_totals(cold, SHIPPED, "ours, onnx, invoke")
    init = compare(*([sample.init for sample in cold[each][1]] for each in (SHIPPED, FLOOR)))
    text = f"cold start, {SHIPPED}: at least 9 x ours by HTTP"
    measured = f"{http:.1f} (by invoke {invoke:.1f}; until the first /next {init:.1f} x floor)"
    yield Target(text, measured, http >= 9)


def list_hot_targets(rows: Sequence[hot_path.Row]) -> Iterable[Target]:
    floor, invoke, http, usual = rows
    for row, limit in ((http, 0.44), (invoke, 0.36)):
        ratio, over = row.median / usual.median, row.median - floor.median
        text = f"hot path, {row.name}: at most {limit} x the usual handler"
        yield Target(text, f"{ratio:.2f} ({over:.0f} µs over the floor)", ratio <= limit)
    for stage in ("framework", "preprocess", "process", "postprocess", "statistics"):
        own, theirs = sum_stage(http, stage), sum_stage(usual, stage)
        text = f"hot path, {stage}: under the usual handler"
        yield Target(text, f"{own:.1f} of {theirs:.1f} µs", own < theirs)


def list_load_targets(loads: Loads) -> Iterable[Target]:
    for (load, row), samples in loads.items():
        if row != "ours":
            continue
        ratio, plain = (
            compare_loads(loads, load, row, floor)
            for floor in ("floor", "floor, plain http.client")
        )
        text = f"loading {load} takes at most 1.1 x floor"
        measured = f"{ratio:.2f} ({plain:.2f} x that by plain http.client)"
        yield Target(text, measured, ratio <= 1.1)
        peak = max(sample.peak for sample in samples) / MEGABYTE
        limit = 1.3 * load.megabytes + 120
        text = f"loading {load} holds at most 1.3 x it + 120 MB"
        yield Target(text, f"{peak:.0f} of {limit:.0f} MB", peak <= limit)
