"""Many requests to one process, and what the process holds meanwhile."""

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from tests.soak.requests import Round

SAMPLES = 12
"""Readings in a soak, three in each quarter."""
GROWTH = 0.02
"""How much more memory the last quarter may hold than the second: the first warms up."""


class Reading(NamedTuple):
    """What the process holds."""

    memory: float
    """MiB, resident."""
    files: int
    threads: int


class Figures(NamedTuple):
    """What a soak found."""

    requests: int
    seconds: float
    second: Reading
    """The mean of the second quarter's memory; the most files and threads in it."""
    last: Reading

    @property
    def growth(self) -> float:
        return self.last.memory / self.second.memory - 1

    def list_faults(self) -> Iterator[str]:
        if self.growth > GROWTH:
            yield f"memory grew by {self.growth:.1%}"
        if self.last.files > self.second.files:
            yield f"open files grew from {self.second.files} to {self.last.files}"
        if self.last.threads > self.second.threads:
            yield f"threads grew from {self.second.threads} to {self.last.threads}"

    def __str__(self) -> str:
        second, last = self.second, self.last
        return (
            f"{self.requests} requests, every answer checked, in {self.seconds:.0f} s;"
            f" from the second to the last quarter: memory {second.memory:.1f} to"
            f" {last.memory:.1f} MiB ({self.growth:+.2%}), files {second.files} to {last.files},"
            f" threads {second.threads} to {last.threads}"
        )


def soak(rounds: Sequence[Round], requests: int, forget: Callable[[], None]) -> Figures:
    """Put about that many requests to the endpoints, in turn; ``forget`` what the tests note.

    Raises:
        AssertionError: an answer that must not be.
    """
    each = sum(map(len, rounds))
    times = max(SAMPLES, -(-requests // each))
    readings, began = list[Reading](), time.monotonic()
    for number in range(times):
        for endpoint in rounds:
            endpoint.run()
        forget()
        if (number + 1) * SAMPLES // times > len(readings):
            readings.append(read())
    quarter = SAMPLES // 4
    second, last = readings[quarter : 2 * quarter], readings[-quarter:]
    return Figures(times * each, time.monotonic() - began, summarize(second), summarize(last))


def summarize(readings: Sequence[Reading]) -> Reading:
    memory = mean(reading.memory for reading in readings)
    files, threads = (max(numbers) for numbers in list(zip(*readings, strict=True))[1:])
    return Reading(memory, files, threads)


def read() -> Reading:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    # The listing itself is a file for a moment, in both.
    return Reading(
        memory,
        *(len(os.listdir(f"/proc/self/{each}")) for each in ("fd", "task")),  # noqa: PTH208
    )
