"""What a run found, and the figures that tables and targets share."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
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


def compare(own: Sequence[float], other: Sequence[float]) -> float:
    """How many times the other row's time: the median over the rounds, each by itself.

    What a round takes depends on what else ran on the machine meanwhile. One of the rows may have
    been measured several times in each round.
    """
    rounds = min(len(own), len(other))
    sides = [batched(times, len(times) // rounds, strict=False) for times in (own, other)]
    ratios = [statistics.median(a) / statistics.median(b) for a, b in zip(*sides, strict=False)]
    return statistics.median(ratios)


def compare_totals(cold: ColdStarts, name: str, other: str) -> float:
    """A cold start, from the spawn to the first answer, by that of another row."""
    own, others = ([sample.total for sample in cold[each][1]] for each in (name, other))
    return compare(own, others)


def compare_loads(loads: Loads, load: model_load.Load, row: str, other: str) -> float:
    """A load of a model by that of another row."""
    own, others = ([sample.seconds for sample in loads[load, each]] for each in (row, other))
    return compare(own, others)


def sum_stage(row: hot_path.Row, stage: str) -> float:
    """Microseconds; `framework` is all that is neither the user's code, the model nor statistics.

    The usual handler decodes and encodes within its framework.
    """
    stages = ("event source", "decode", "encode") if stage == "framework" else (stage,)
    return sum(map(row.find_stage, stages))


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
