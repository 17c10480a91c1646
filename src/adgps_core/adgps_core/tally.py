"""Counting what happens often: means and spreads of times, and histograms, in constant memory.

Both are written as text for /diagnostics, and read back from it.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Tally:
    """Number, mean, spread and maximum of values, by Welford's recursion.

    Parameters
    ----------
    count : of the values.
    mean : of them; 0 before the first.
    squares : sum of the squared deviations from the mean.
    largest : of the values; 0 before the first.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    largest: float = 0.0

    def add(self, value: float) -> None:
        """Take in a value."""
        self.count += 1
        deviation = value - self.mean
        self.mean += deviation / self.count
        self.squares += deviation * (value - self.mean)
        self.largest = value if self.count == 1 else max(self.largest, value)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take in how long the body took [s]; nothing if it ended with an exception."""
        began = time.monotonic()
        yield
        self.add(time.monotonic() - began)

    @property
    def std(self) -> float:
        """Standard deviation; 0 of fewer than two values."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0

    def __add__(self, other: Tally) -> Tally:
        """Tally of the values of both."""
        count = self.count + other.count
        if not (self.count and other.count):
            return self if self.count else other
        apart = other.mean - self.mean
        return Tally(
            count,
            self.mean + apart * other.count / count,
            self.squares + other.squares + apart**2 * self.count * other.count / count,
            max(self.largest, other.largest),
        )

    def __str__(self) -> str:
        """Text for a diagnostic value."""
        return f"{self.count} {self.mean:.9g} {self.std:.9g} {self.largest:.9g}"

    @staticmethod
    def parse(text: str) -> Tally:
        """Inverse of `str`, to nine digits; ValueError if it is no such text."""
        count, mean, std, largest = text.split()
        squares = float(std) ** 2 * max(int(count) - 1, 0)
        return Tally(int(count), float(mean), squares, float(largest))


class Histogram:
    """Counts values by the upper edge of their bin; larger ones than the last edge by infinity.

    Parameters
    ----------
    edges : upper edges, rising; a value on an edge belongs below it.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = tuple(edges)
        self._counts = [0] * (len(self._edges) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._edges, value)] += 1

    @property
    def counts(self) -> dict[float, int]:
        """Counts by upper edge, of the bins that have any."""
        edges = (*self._edges, math.inf)
        return {edge: n for edge, n in zip(edges, self._counts, strict=True) if n}

    def __str__(self) -> str:
        """Text for a diagnostic value."""
        return counts_text(self.counts)


def counts_text(counts: Mapping[float, int] | Mapping[int, int]) -> str:
    """Write counts as text, "0.5:12 1:3"."""
    return " ".join(f"{key:g}:{count}" for key, count in sorted(counts.items()))


def parse_counts(text: str) -> Counter[float]:
    """Inverse of `counts_text`; ValueError if it is no such text."""
    pairs = (item.split(":") for item in text.split())
    return Counter({float(key): int(count) for key, count in pairs})


def mean_of(counts: Mapping[float, int] | Mapping[int, int]) -> float:
    """Mean of the values counted; 0 of none."""
    total = sum(counts.values())
    return sum(value * count for value, count in counts.items()) / total if total else 0.0


def quantile(counts: Mapping[float, int], part: float) -> float:
    """Smallest upper edge below which at least a part of the values lies; NaN of none.

    Parameters
    ----------
    counts : by upper edge.
    part : of the values, in (0, 1].
    """
    total, below = sum(counts.values()), 0
    for edge, count in sorted(counts.items()):
        below += count
        if below >= part * total and total:
            return edge
    return math.nan
