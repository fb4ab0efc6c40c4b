"""The points of the cost curve, and the line through some of them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import linear_regression, median
from typing import NamedTuple

from msgspec import Struct

from loadtest.bench.results import Sample, usable


class Point(Struct):
    """One configuration: `viewers` in all, over `rooms`, a speaker in each beside them.

    `idle_share` is the gateway's CPU use without danmaku; the samples count all frames that arrived.
    """

    viewers: int
    rooms: int
    danmaku_per_second: int
    idle_share: float
    samples: list[Sample]

    def _net(self, sample: Sample) -> float:
        return sample.cpu_ns - self.idle_share * sample.wall_ns

    @property
    def frame_us(self) -> float:
        """CPU per delivered frame."""
        return median(self._net(one) / one.count for one in usable(self.samples)) / 1000

    @property
    def tick_us(self) -> float:
        """CPU per danmaku, all its frames included."""
        return median(self._net(one) / one.extra["danmaku"] for one in usable(self.samples)) / 1000


class Curves(NamedTuple):
    """The three series."""

    viewers: list[Point]
    same_work: list[Point]
    thin: list[Point]


class Line(Struct):
    """A least-squares line and the share of the variance it explains (R squared)."""

    slope: float
    intercept: float
    r_squared: float


def fit(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """Raises statistics.StatisticsError for fewer than two different `xs`."""
    slope, intercept = linear_regression(xs, ys)
    middle = sum(ys) / len(ys)
    total = sum((y - middle) ** 2 for y in ys)
    left = sum((y - slope * x - intercept) ** 2 for x, y in zip(xs, ys, strict=True))
    return Line(slope, intercept, 1.0 - left / total if total else 1.0)


def tick_line(curves: Curves) -> Line:
    """Microseconds of a tick over the viewers of its room."""
    return fit([one.viewers for one in curves.viewers], [one.tick_us for one in curves.viewers])
