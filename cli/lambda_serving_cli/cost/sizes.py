"""What a load costs with other memory sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lambda_serving_cli.cost.formula import (
    WHOLE_VCPU_MB,
    Load,
    count_total,
    list_costs,
    resize,
)

SIZES = (512, 1024, 1769, 3538, 5307, 7076, 8845, 10_240)
"""MB: parts and multiples of a virtual CPU's, and the most that a function may have."""

ASSUMPTION = (
    "A request is taken to keep one vCPU busy, which a function has from 1,769 MB on: with less"
    " memory it takes longer by as much, with more it gets no faster, unless the model uses several"
    " vCPUs at once. So do cold starts."
)


class Size(NamedTuple):
    """A memory size, and a month with it."""

    memory_mb: int
    vcpus: float
    duration_ms: float
    usd: dict[str, float]
    """By processor."""
    note: str
    """"now", or why it is out of the question."""


def list_sizes(load: Load, architectures: Sequence[str], used_mb: float | None) -> list[Size]:
    """The sizes to compare, the load's own among them; those below `used_mb` are too small."""
    found = []
    for memory in sorted({*SIZES, load.memory_mb}):
        other = resize(load, memory)
        usd = {name: count_total(list_costs(other, name)) for name in architectures}
        note = "now" if memory == load.memory_mb else ""
        if used_mb is not None and memory < used_mb:
            note = "too little memory"
        found.append(Size(memory, memory / WHOLE_VCPU_MB, other.duration_ms, usd, note))
    return found


def list_size_rows(sizes: Sequence[Size]) -> list[list[str]]:
    """Head, and a row each size."""
    rows = [["memory, MB", "note", "vCPUs", "ms a request", *(f"USD, {n}" for n in sizes[0].usd)]]
    for size in sizes:
        costs = [f"{usd:.2f}" for usd in size.usd.values()]
        rows.append(
            [
                f"{size.memory_mb:,}",
                size.note,
                f"{size.vcpus:.2f}",
                f"{size.duration_ms:,.1f}",
                *costs,
            ]
        )
    return rows
