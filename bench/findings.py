"""What a run found, and the figures that tables and targets share."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench import cold_start, hot_path, model_load

MEGABYTE = 2**20
ColdStarts = Mapping[str, tuple[cold_start.Row, list[cold_start.Sample]]]
Loads = Mapping[tuple[model_load.Load, str], list[model_load.Sample]]


@dataclass
class Findings:
    """Each part may be missing."""

    rounds: int
    cold: ColdStarts = field(default_factory=dict)
    hot: Sequence[hot_path.Row] = ()
    loads: Loads = field(default_factory=dict)
    statistics: Sequence[hot_path.Row] = ()
    onnx_bytes: int = 0
    """Of the onnx function with its layers, unzipped."""


def median_total(cold: ColdStarts, name: str) -> float:
    """Seconds from the spawn to the first answer."""
    return statistics.median(sample.total for sample in cold[name][1])


def median_init(cold: ColdStarts, name: str) -> float:
    """Seconds from the spawn to the first /next."""
    return statistics.median(sample.init for sample in cold[name][1])


def median_seconds(samples: Sequence[model_load.Sample]) -> float:
    return statistics.median(sample.seconds for sample in samples)


def sum_stage(row: hot_path.Row, stage: str) -> float:
    """Microseconds; `framework` is all that is neither the user's code, the model nor statistics.

    The usual handler decodes and encodes within its framework.
    """
    stages = ("entrance", "decode", "encode") if stage == "framework" else (stage,)
    return sum(statistics.median(row.stages[name]) for name in stages if name in row.stages)


def list_added(rows: Sequence[hot_path.Row]) -> Iterator[tuple[hot_path.Row, float]]:
    """What statistics add, in microseconds, to each row named "entrance, what is on": against the
    row "entrance, off"."""
    off = {row.name.partition(", ")[0]: row.median for row in rows if row.name.endswith(", off")}
    for row in rows:
        yield row, row.median - off[row.name.partition(", ")[0]]


def show_spread(values: Sequence[float], unit: float = 1.0, digits: int = 0) -> list[str]:
    """Cells of a table: how many there are, the least, the first quartile, median and third one."""
    quartiles = statistics.quantiles(values, method="inclusive") if values[1:] else [*values] * 3
    least, first, median, third = (
        f"{value / unit:.{digits}f}" for value in (min(values), *quartiles)
    )
    return [str(len(values)), least, f"{first} to {third}", median]


SPREAD = ("n", "min", "quartiles", "median")
"""The columns of `show_spread`."""
