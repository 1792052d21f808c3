"""What a run found, and the figures that tables and targets share."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench import cold_start, hot_path, model_load

MEGABYTE = 2**20
OFF, POWERTOOLS = "off", "Powertools"
"""Kinds of records that the others are compared with."""

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
    stages = ("event source", "decode", "encode") if stage == "framework" else (stage,)
    return sum(statistics.median(row.stages[name]) for name in stages if name in row.stages)


class Added(NamedTuple):
    """What a record adds to the requests of a row, against the row without records."""

    row: hot_path.Row
    microseconds: float
    ratio: float
    """To what Powertools' record adds to the same requests."""

    @property
    def is_ours(self) -> bool:
        return not self.row.name.endswith(POWERTOOLS)


def list_added(rows: Sequence[hot_path.Row]) -> Iterator[Added]:
    """Of each row. Rows are named "event source, kind of record"."""
    medians = {row.name: row.median for row in rows}
    for row in rows:
        source = row.name.partition(", ")[0]
        off = medians[f"{source}, {OFF}"]
        added = row.median - off
        yield Added(row, added, added / (medians[f"{source}, {POWERTOOLS}"] - off))


def show_spread(values: Sequence[float], unit: float = 1.0, digits: int = 0) -> list[str]:
    """Cells of a table: how many there are, the least, the first quartile, median and third one."""
    quartiles = statistics.quantiles(values, method="inclusive") if values[1:] else [*values] * 3
    least, first, median, third = (
        f"{value / unit:.{digits}f}" for value in (min(values), *quartiles)
    )
    return [str(len(values)), least, f"{first} to {third}", median]


SPREAD = ("n", "min", "quartiles", "median")
"""The columns of `show_spread`."""
