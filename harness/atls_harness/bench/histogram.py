# SPDX-License-Identifier: Apache-2.0
"""Distributions: a histogram in the manner of HdrHistogram, and what is said of one.

A value falls into a bucket whose width is at most 1/128 of it, so nothing is off by more than 0.8 %
whatever its size, and histograms of several runs or machines merge exactly, by adding counts.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Iterable, Mapping, Sequence

SUB_BITS = 7
RESAMPLES = 500
CONFIDENCE = 0.95


def bucket(value: int) -> int:
    """The lowest value of the bucket that VALUE falls into."""
    if value < 0:
        raise ValueError(f"expected no negative value, came {value}")
    shift = max(0, value.bit_length() - SUB_BITS - 1)
    return value >> shift << shift


class Histogram:
    """Counts by bucket, with the exact least and greatest value."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        self.counts: Counter[int] = Counter()
        self.least: int | None = None
        self.greatest: int | None = None
        for value in values:
            self.add(value)

    def add(self, value: int) -> None:
        """Records one value."""
        self.counts[bucket(value)] += 1
        self.least = value if self.least is None else min(self.least, value)
        self.greatest = value if self.greatest is None else max(self.greatest, value)

    def merge(self, other: "Histogram") -> None:
        """Adds all that OTHER recorded."""
        self.counts += other.counts
        for value in (other.least, other.greatest):
            if value is not None:
                self.least = value if self.least is None else min(self.least, value)
                self.greatest = value if self.greatest is None else max(self.greatest, value)

    def __len__(self) -> int:
        return self.counts.total()

    def percentile(self, fraction: float) -> int:
        """The value that FRACTION (0 to 1) of all are at or below; the least or the greatest
        exactly, others to the width of a bucket, in its middle."""
        if self.least is None or self.greatest is None:
            raise ValueError("an empty histogram has no percentile")
        wanted = max(1, round(fraction * len(self)))
        if wanted >= len(self):
            return self.greatest
        seen = 0
        for low in sorted(self.counts):
            seen += self.counts[low]
            if seen >= wanted:
                shift = max(0, low.bit_length() - SUB_BITS - 1)
                middle = low + (1 << shift) // 2
                return min(max(middle, self.least), self.greatest)
        return self.greatest

    def draw(self, rng: random.Random, count: int) -> "Histogram":
        """COUNT values with replacement: a resample of the bootstrap."""
        made = Histogram()
        made.counts = Counter(
            rng.choices(list(self.counts), weights=list(self.counts.values()), k=count)
        )
        made.least, made.greatest = self.least, self.greatest
        return made

    def to_json(self) -> dict[str, object]:
        """What from_json() takes."""
        counts = {str(low): self.counts[low] for low in sorted(self.counts)}
        return {"least": self.least, "greatest": self.greatest, "counts": counts}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> "Histogram":
        """Reads what to_json() made."""
        made = cls()
        counts = value["counts"]
        assert isinstance(counts, Mapping)
        made.counts = Counter({int(low): int(count) for low, count in counts.items()})
        least, greatest = value["least"], value["greatest"]
        made.least = least if isinstance(least, int) else None
        made.greatest = greatest if isinstance(greatest, int) else None
        return made


def summary(histogram: Histogram) -> dict[str, object]:
    """The figures that every row has, in nanoseconds."""
    return {
        "samples": len(histogram),
        "min": histogram.percentile(0.0),
        "median": histogram.percentile(0.5),
        "p95": histogram.percentile(0.95),
        "p99": histogram.percentile(0.99),
        "histogram": histogram.to_json(),
    }


def ratio_interval(
    above: Histogram, below: Sequence[tuple[float, Histogram]], rng: random.Random
) -> tuple[float, float, float]:
    """Median of ABOVE divided by the weighted sum of medians of BELOW, and the bounds of its
    interval of confidence (95 %, by the bootstrap). One that is in the sum several times is drawn
    once."""
    weights: dict[Histogram, float] = {}
    for weight, one in below:
        weights[one] = weights.get(one, 0.0) + weight
    parts = [(weight, one) for one, weight in weights.items() if weight]

    def ratio(top: Histogram, bottom: Sequence[tuple[float, Histogram]]) -> float:
        return top.percentile(0.5) / sum(weight * one.percentile(0.5) for weight, one in bottom)

    drawn = sorted(
        ratio(
            above.draw(rng, len(above)),
            [(weight, one.draw(rng, len(one))) for weight, one in parts],
        )
        for _ in range(RESAMPLES)
    )
    outside = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return ratio(above, parts), drawn[outside], drawn[-outside - 1]


def ratio_summary(
    above: Histogram, below: Sequence[tuple[float, Histogram]], rng: random.Random
) -> dict[str, float]:
    """The same as results have it."""
    return dict(zip(("value", "low", "high"), ratio_interval(above, below, rng)))
