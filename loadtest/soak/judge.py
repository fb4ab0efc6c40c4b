"""Whether memory grew in a soak. Sans-I/O.

Which memory may grow with what was read from the code:

- Gateway, back office, supervisor and sandbox provider keep nothing per order or per viewer who left:
  their caches have bounds, the ledger lies in a file, the provider's book in another. Once those caches
  are full time adds nothing.
- The store keeps every order's record, its user's requests for `orders.request_ttl_ms` (7 days) and its
  charge for twice as long: it grows with each order by design. It is judged per order instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from loadtest.chaos.targets import PROVIDER, Strike
from loadtest.soak.lag import disturbed_by
from loadtest.soak.samples import (
    TEN_MINUTES,
    WARM_ORDERS,
    Point,
    ProcessReading,
    Sample,
    counts,
    named,
    series,
    stretches,
    ten_minutes,
)
from loadtest.soak.slope import Trend, trend

MEGABYTE = 1 << 20
MEMORY_BOUND = 1.0
"""MiB per ten minutes that are no leak even where they are beyond doubt: 144 MiB in a day and night of
selling, on top of about 100 that a process has at rest. One connection of a viewer forgotten each second
would be ten times as much."""
ORDER_BOUND = 2560.0
"""Bytes of the store per order: a record of half a kilobyte, its request, charge, notice and index, each
with the store's own overhead, are one and a half kilobytes (measured); the rest is for its tables'
doubling."""
RISE_BOUND = 4.0
"""MiB that faults may leave behind in one life, all together, on top of `MEMORY_BOUND` for its time: pools,
buffers and the allocator keep the size of the worst moment. As much as the stress suite allows an
allocator without anybody leaking (`loadtest.stress.census`)."""
RISE_READINGS = 10
"""Of which the medians are compared."""
TIMED = ("gateway", "backoffice", "supervisor", PROVIDER)


class Growth(Struct, frozen=True, kw_only=True):
    """Memory of one role. `per`: what `trend` is in; `bound` in the same.

    `rise`: MiB of the life that rose most, from its warm-up to its end, steps at faults included;
    `rise_bound`: what it may. Both 0 where memory is judged per order. `short`: how many lives ended
    within their warm-up; `above`: MiB by which one of them came to stand above all that was judged.
    """

    role: str
    per: str
    trend: Trend | None
    bound: float
    rise: float = 0.0
    rise_bound: float = 0.0
    short: int = 0
    above: float = 0.0

    @property
    def word(self) -> str:
        """What was shown. No leak is shown only where the whole interval lies below the bound: one that
        holds 0 because it is wide says nothing."""
        if self.trend is None:
            return "too short to judge"
        troubles = {
            "GROWS": self.trend.slope > self.bound and not self.trend.none,
            "GROWS at faults": self.rise > self.rise_bound,
            "GROWS in a short life": self.above > RISE_BOUND,
            "CANNOT TELL": self.trend.high > self.bound,
        }
        held = "flat: 0 in the interval" if self.trend.none else "flat: below the bound"
        if self.per == "byte/order":
            held = "as designed"
        return next((word for word, so in troubles.items() if so), held)

    @property
    def broken(self) -> str:
        """The reason in one line; empty where it holds."""
        if self.trend is None:
            return f"memory of {named(self.role)}: no life was long enough to judge"
        if self.word == "GROWS at faults":
            return (
                f"memory of {named(self.role)}: a life rose by {self.rise:.3g} MiB after its warm-up,"
                f" {self.rise_bound:.3g} are allowed"
            )
        if self.word == "GROWS in a short life":
            return (
                f"memory of {named(self.role)}: a life too short to judge stood {self.above:.3g} MiB above"
                f" the longer ones, {RISE_BOUND:g} are allowed"
            )
        found = (
            f"memory of {named(self.role)}: {self.trend.slope:.3g} {self.per}"
            f" ({self.trend.low:.3g} to {self.trend.high:.3g}), the bound is {self.bound:g}"
        )
        if self.word == "CANNOT TELL":
            return f"{found}: a leak of as much as {self.trend.high:.3g} would not have been seen"
        return found if self.word == "GROWS" else ""


def growths(
    samples: Sequence[Sample],
    strikes: Sequence[Strike] = (),
    memory_bound: float = MEMORY_BOUND,
    warm_orders: float = WARM_ORDERS,
) -> list[Growth]:
    """MiB per ten minutes of each role that must not grow, bytes per order of the store."""
    found = []
    disturbed = disturbed_by(samples, strikes)
    for role in TIMED:
        points = series(samples, role, _megabytes, ten_minutes, warm_orders)
        all_of_it = counts(samples, role, lambda _, one: _megabytes(one))
        risen, rise_bound = max(
            (_rise(life, memory_bound) for life in points),
            key=lambda one: one[0] - one[1],
            default=(0.0, 0.0),
        )
        found.append(
            Growth(
                role=role,
                per="MiB/10 min",
                trend=trend(stretches(points, disturbed)),
                bound=memory_bound,
                rise=risen,
                rise_bound=rise_bound,
                short=len(all_of_it) - len(points),
                above=_above(all_of_it, points),
            )
        )
    points = series(samples, "store", _bytes, lambda sample: sample.orders, warm_orders)
    found.append(Growth(role="store", per="byte/order", trend=trend(points), bound=ORDER_BOUND))
    return found


def _rise(life: Sequence[Point], memory_bound: float) -> tuple[float, float]:
    """By how much a life rose after its warm-up, and by how much it may have, MiB."""
    some = min(RISE_READINGS, len(life) // 2)
    if not some:
        return 0.0, RISE_BOUND
    early, late = life[:some], life[-some:]
    risen = median(point.y for point in late) - median(point.y for point in early)
    return risen, RISE_BOUND + memory_bound * (late[-1].at - early[0].at) / TEN_MINUTES


def _above(lives: Sequence[Sequence[Point]], judged: Sequence[Sequence[Point]]) -> float:
    """MiB by which any life ended above whatever was read of those that were judged; 0 without them."""
    highest = max((point.y for life in judged for point in life), default=None)
    if highest is None:
        return 0.0
    return max(0.0, *(median(p.y for p in life[-RISE_READINGS:]) - highest for life in lives))


def _bytes(reading: ProcessReading) -> float:
    return float(reading.resident)


def _megabytes(reading: ProcessReading) -> float:
    return reading.resident / MEGABYTE
