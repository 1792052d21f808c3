"""A sample of numbers, each standing for a number of requests."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

MOST_BUCKETS = 8
"""About as many bars are drawn of a distribution whose buckets nobody declared."""


@dataclass(frozen=True)
class Bucket:
    """How many values are above ``over`` and at most ``to``; None is an open end.

    So are CloudWatch's percentile ranks, PR(over:to), which the dashboard draws (Amazon CloudWatch
    user guide, "CloudWatch statistics definitions").
    """

    over: float | None
    to: float | None
    count: float


class Sample:
    """Values and their weights. What reads them expects at least one."""

    def __init__(self) -> None:
        self.values, self.weights = array("d"), array("d")
        self.last = math.nan
        """The value of the latest timestamp."""
        self._latest = -math.inf

    def add(self, values: Iterable[float], weight: float, timestamp: float) -> None:
        """``timestamp`` in milliseconds."""
        for value in values:
            self.values.append(value)
            self.weights.append(weight)
            if timestamp >= self._latest:
                self.last, self._latest = value, timestamp

    @property
    def weight(self) -> float:
        return math.fsum(self.weights)

    @property
    def mean(self) -> float:
        pairs = zip(self.values, self.weights, strict=True)
        return math.fsum(value * weight for value, weight in pairs) / self.weight

    def find_quantiles(self, *shares: float) -> list[float]:
        """For each share the least value that at least such a share is at or below.

        This is NumPy's method "inverted_cdf": the values that were measured, none in between.
        """
        order = sorted(range(len(self.values)), key=self.values.__getitem__)
        reached = list(accumulate(self.weights[i] for i in order))
        # A sum of weights such as 1/0.3 may miss the share by a rounding.
        wanted = [share * reached[-1] * (1 - 1e-12) for share in shares]
        return [self.values[order[bisect_left(reached, each)]] for each in wanted]

    def count_buckets(self, bounds: Sequence[float]) -> list[Bucket]:
        """Between ascending bounds, and beyond the outer ones."""
        counts = [0.0] * (len(bounds) + 1)
        for value, weight in zip(self.values, self.weights, strict=True):
            counts[bisect_left(bounds, value)] += weight
        ends = [None, *bounds, None]
        return [Bucket(ends[i], ends[i + 1], count) for i, count in enumerate(counts)]

    def find_buckets(self) -> list[Bucket]:
        """Buckets of one width between round bounds, from the least value to the greatest."""
        least, greatest = min(self.values), max(self.values)
        width = round_up((greatest - least) / MOST_BUCKETS)
        if width <= abs(least) * 1e-12:  # one value, or as good as that
            return [Bucket(least, greatest, self.weight)]
        first, last = math.ceil(least / width) - 1, math.ceil(greatest / width)
        buckets = self.count_buckets([number * width for number in range(first + 1, last)])
        buckets[0] = replace(buckets[0], over=first * width)
        buckets[-1] = replace(buckets[-1], to=last * width)
        return buckets


def round_up(width: float) -> float:
    """The next of 1, 2, 2.5, 5 and 10 times a power of ten; 0 stays 0."""
    if width <= 0:
        return 0.0
    power = float(10 ** math.floor(math.log10(width)))
    return next((f * power for f in (1, 2, 2.5, 5) if width <= f * power), 10 * power)
