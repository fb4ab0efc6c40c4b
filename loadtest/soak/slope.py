"""Does a series grow? A slope with an interval that neighbouring samples do not narrow. Sans-I/O.

Samples a second or two apart say nearly the same, and an interval that counts each of them is far too
narrow. So each life is cut into blocks of one length and only the blocks' means are fitted (the method
of batch means: Schmeiser, "Batch size effects in the analysis of simulation output", Operations Research
30, 1982). What correlation is left between neighbouring blocks widens the
interval by the root of (1 + r) / (1 - r), the loss of observations in a first-order autoregression
(Bayley and Hammersley, "The effective number of independent observations in an autocorrelated time
series", JRSS Supplement 8, 1946).

In short stretches that correlation cannot be told well: what is common to a whole stretch goes into its own
intercept. So from three stretches on the interval is also taken from how much stretches differ among each
other, whatever goes on within one (Liang and Zeger, "Longitudinal data analysis using generalized linear
models", Biometrika 73, 1986), and the wider of the two is told.

All stretches of a role (a life of a process, cut where a fault struck) share one slope and each has an
intercept of its own: a process started again begins lower, one that was struck may stand higher, and such
a step is no slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean

from msgspec import Struct

from loadtest.soak.samples import Point

BLOCKS = 48
"""About so many in all stretches together."""
LEAST_BLOCKS = 3
"""A stretch of fewer says nothing about a slope."""
LEAST_STRETCHES = 3
"""Fewer say nothing about how stretches differ."""
STRONGEST = 0.9
"""No correlation of so few blocks is believed to be stronger."""
# Student's t, 97.5 %, for 1 to 30 degrees of freedom (Abramowitz and Stegun, table 26.10).
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


Centred = list[tuple[float, float]]
"""The blocks of one stretch, `x` and `y` each from its mean."""


class Trend(Struct, frozen=True, kw_only=True):
    """`slope`, and the ends of its 95 % interval, in `y` per `x`.

    `stretches` and `blocks` are what it was taken from; `correlation` is what was left between blocks.
    """

    slope: float
    low: float
    high: float
    stretches: int
    blocks: int
    correlation: float

    @property
    def none(self) -> bool:
        """Not to be told from no slope at all."""
        return self.low <= 0 <= self.high


def student(degrees: int) -> float:
    """The 97.5 % quantile; within 0.003 for any number of degrees of freedom."""
    return _T[degrees - 1] if degrees <= len(_T) else 1.96 + 2.4 / degrees


def block_means(
    points: Sequence[Point], width_s: float, of: Callable[[Sequence[float]], float] = fmean
) -> list[Point]:
    """One point for each `width_s` seconds: means of `at` and `x`, and what `of` makes of `y`. What is left
    over at the end of the life goes to none."""
    means: list[Point] = []
    held: list[Point] = []
    begin = points[0].at if points else 0.0
    current = 0
    for point in points:
        number = int((point.at - begin) // width_s)
        if number != current and held:
            means.append(_mean(held, of))
            held = []
        current = number
        held.append(point)
    return means


def _mean(points: Sequence[Point], of: Callable[[Sequence[float]], float]) -> Point:
    return Point(fmean(p.at for p in points), fmean(p.x for p in points), of([p.y for p in points]))


def floor(read: Sequence[float]) -> float:
    """The lower quartile: what is there whatever is under way at the moment."""
    return sorted(read)[len(read) // 4]


def trend(
    series: Sequence[Sequence[Point]],
    blocks: int = BLOCKS,
    of: Callable[[Sequence[float]], float] = fmean,
) -> Trend | None:
    """`series`: a list of points per stretch; `of`: what stands for a block. None where they are too short
    to say anything."""
    length = sum(points[-1].at - points[0].at for points in series if points)
    if length <= 0:
        return None
    means = [block_means(points, length / blocks, of) for points in series]
    used = [_centred(life) for life in means if len(life) >= LEAST_BLOCKS]
    count = sum(len(life) for life in used)
    degrees = count - len(used) - 1
    spread = sum(x * x for life in used for x, _ in life)
    if degrees < 2 or spread <= 0:
        return None
    slope = sum(x * y for life in used for x, y in life) / spread
    left = [[y - slope * x for x, y in life] for life in used]
    variance = sum(rest * rest for life in left for rest in life) / degrees
    correlation = _correlation(left)
    wider = math.sqrt((1 + correlation) / (1 - correlation))
    reach = student(degrees) * math.sqrt(variance / spread) * wider
    reach = max(reach, _between(used, left, spread))
    return Trend(
        slope=slope,
        low=slope - reach,
        high=slope + reach,
        stretches=len(used),
        blocks=count,
        correlation=correlation,
    )


def _centred(life: Sequence[Point]) -> Centred:
    """From the life's own mean: that is its intercept taken away."""
    x, y = fmean(point.x for point in life), fmean(point.y for point in life)
    return [(point.x - x, point.y - y) for point in life]


def _between(used: Sequence[Centred], left: Sequence[Sequence[float]], spread: float) -> float:
    """Half the interval that follows from the differences between stretches; 0 where they are too few."""
    if len(used) < LEAST_STRETCHES:
        return 0.0
    pulls = [
        sum(x * rest for (x, _), rest in zip(life, after, strict=True))
        for life, after in zip(used, left, strict=True)
    ]
    degrees = len(used) - 1
    return student(degrees) * math.sqrt(sum(pull * pull for pull in pulls) * len(used) / degrees) / spread


def _correlation(left: Sequence[Sequence[float]]) -> float:
    """Of neighbouring blocks of one life, over all lives; not below 0, which would narrow the interval."""
    square = sum(rest * rest for life in left for rest in life)
    if square <= 0:
        return 0.0
    product = sum(one * after for life in left for one, after in pairwise(life))
    return min(STRONGEST, max(0.0, product / square))
