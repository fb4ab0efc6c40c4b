"""From a soak's samples, faults and outcomes to what held and what did not. Sans-I/O.

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
from loadtest.soak.lag import CAUGHT_UP_S, PATIENCE_S, Recovery, over
from loadtest.soak.samples import (
    TEN_MINUTES,
    WARM_ORDERS,
    WARM_SHARE,
    Count,
    Point,
    ProcessReading,
    Sample,
    counts,
    named,
    series,
    stretches,
)
from loadtest.soak.slope import Trend, trend

MEGABYTE = 1 << 20
MEMORY_BOUND = 1.0
"""MiB per ten minutes that are no leak even where they are beyond doubt: 144 MiB in a day and night of
selling, on top of about 100 that a process has at rest. One connection of a viewer forgotten each second
would be ten times as much."""
ORDER_BOUND = 4096.0
"""Bytes of the store per order: a record of half a kilobyte, its request, charge, notice and index, each
with the store's own overhead, are about two kilobytes; twice that leaves room for its tables' doubling."""
RISE_BOUND = 4.0
"""MiB that faults may leave behind in one life, all together, on top of `MEMORY_BOUND` for its time: pools,
buffers and the allocator keep the size of the worst moment. As much as the stress suite allows an
allocator without anybody leaking (`loadtest.stress.census`)."""
SETTLE_S = 20.0
"""After a fault's end memory may still rise to the mark of that moment."""
SETTLE_SHARE = 1 / 30
"""But no more than this share of a short run is left out for it."""
RISE_READINGS = 10
"""Of which the medians are compared."""
DESCRIPTORS_BOUND = 16.0
"""Descriptors more than after the warm-up where nothing is pooled."""
POOLED_BOUND = 256.0
"""The same, without viewers' sockets, where HTTP connections are kept: as many as the client's pool to the
payment provider has at most (`server.orders.sandbox_client`). While the store or the provider stands still
all that wait have one each, and as the pool takes them in turn none is idle long enough to be closed."""
STORE_BOUND = 32.0
"""Unix sockets more: as many as a process's pool to the store has at most (`server.valkey`)."""
TASKS_BOUND = 16.0
"""asyncio tasks more: the gateways' own and the requests of the moment. Viewers have none of their own."""
COUNT_BOUND = 16.0
"""Descriptors or tasks per ten minutes between faults that are no leak, beyond doubt (the whole interval
lies below): one in 200 of the viewers who come and go, five a second, would pass this."""
WINDOW_SHARE = 0.1
"""The share of a life that is read for a level, ten readings at least."""
LEVEL_READINGS = 30
"""A life of fewer has no level."""
TIMED = ("gateway", "backoffice", "supervisor", PROVIDER)


class Growth(Struct, frozen=True, kw_only=True):
    """Memory of one role. `per`: what `trend` is in; `bound` in the same.

    `rise`: MiB of the life that rose most, from its warm-up to its end, steps at faults included;
    `rise_bound`: what it may. Both 0 where memory is judged per order.
    """

    role: str
    per: str
    trend: Trend | None
    bound: float
    rise: float = 0.0
    rise_bound: float = 0.0

    @property
    def word(self) -> str:
        """What was shown. No leak is shown only where the whole interval lies below the bound: one that
        holds 0 because it is wide says nothing."""
        if self.trend is None:
            return "too short to judge"
        if self.trend.slope > self.bound and not self.trend.none:
            return "GROWS"
        if self.rise > self.rise_bound:
            return "GROWS at faults"
        if self.trend.high > self.bound:
            return "CANNOT TELL"
        if self.per == "byte/order":
            return "as designed"
        return "flat: 0 in the interval" if self.trend.none else "flat: below the bound"

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
        found = (
            f"memory of {named(self.role)}: {self.trend.slope:.3g} {self.per}"
            f" ({self.trend.low:.3g} to {self.trend.high:.3g}), the bound is {self.bound:g}"
        )
        if self.word == "CANNOT TELL":
            return f"{found}: a leak of as much as {self.trend.high:.3g} would not have been seen"
        return found if self.word == "GROWS" else ""


class Level(Struct, frozen=True, kw_only=True):
    """A count that has to come back: its floor (see `_floor`) after the warm-up of a life and at its end.

    Of all lives of a role it is the one that rose most: a kill takes a leak with it. `lives`: how many
    were long enough to be judged; `early` and `late` are None where none was. `trend`: per ten minutes
    between faults, of all lives; its interval has to lie below `trend_bound`.
    """

    name: str
    early: float | None
    late: float | None
    bound: float
    lives: int
    trend: Trend | None
    trend_bound: float

    @property
    def word(self) -> str:
        if self.early is None or self.late is None or self.trend is None:
            return "too short to judge"
        if self.late - self.early > self.bound:
            return "GREW"
        if self.trend.high <= self.trend_bound:
            return "flat"
        return "GROWS" if self.trend.low > 0 else "CANNOT TELL"

    @property
    def broken(self) -> str:
        """The reason in one line; empty where it holds."""
        if self.early is None or self.late is None or self.trend is None:
            return f"{self.name}: no life was long enough, or read often enough, to judge"
        if self.word == "GREW":
            return (
                f"{self.name}: {self.late:g} at the end of a life, {self.early:g} after its warm-up,"
                f" {self.bound:g} more are allowed"
            )
        if self.word == "flat":
            return ""
        return (
            f"{self.name}: {self.trend.slope:.3g} per 10 min ({self.trend.low:.3g} to {self.trend.high:.3g})"
            f" between faults, the bound is {self.trend_bound:g}"
        )


def growths(
    samples: Sequence[Sample],
    strikes: Sequence[Strike] = (),
    memory_bound: float = MEMORY_BOUND,
    warm_orders: float = WARM_ORDERS,
) -> list[Growth]:
    """MiB per ten minutes of each role that must not grow, bytes per order of the store."""
    found = []
    disturbed = _disturbed(samples, strikes)
    for role in TIMED:
        points = series(samples, role, _megabytes, lambda sample: sample.at / TEN_MINUTES, warm_orders)
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
            )
        )
    points = series(samples, "store", _bytes, lambda sample: sample.orders, warm_orders)
    found.append(Growth(role="store", per="byte/order", trend=trend(points), bound=ORDER_BOUND))
    return found


def _disturbed(samples: Sequence[Sample], strikes: Sequence[Strike]) -> list[tuple[float, float]]:
    """From second to second: each fault, and the time after it in which its step comes."""
    settle_s = min(SETTLE_S, samples[-1].at * SETTLE_SHARE) if samples else 0.0
    return [(strike.at, over(strike) + settle_s) for strike in strikes]


def _floor(read: Sequence[float]) -> float:
    """The lower quartile: what is there whatever is under way at the moment."""
    return sorted(read)[len(read) // 4]


def _rise(life: Sequence[Point], memory_bound: float) -> tuple[float, float]:
    """By how much a life rose after its warm-up, and by how much it may have, MiB."""
    if len(life) < 2 * RISE_READINGS:
        return 0.0, RISE_BOUND
    early, late = life[:RISE_READINGS], life[-RISE_READINGS:]
    risen = median(point.y for point in late) - median(point.y for point in early)
    return risen, RISE_BOUND + memory_bound * (late[-1].at - early[0].at) / TEN_MINUTES


def _bytes(reading: ProcessReading) -> float:
    return float(reading.resident)


def _megabytes(reading: ProcessReading) -> float:
    return reading.resident / MEGABYTE


def levels(
    samples: Sequence[Sample], strikes: Sequence[Strike] = (), count_bound: float = COUNT_BOUND
) -> list[Level]:
    """Descriptors of each role and tasks: at the end of the life in which they rose most, and their trend."""
    disturbed = _disturbed(samples, strikes)

    def one(name: str, role: str, read: Count, bound: float) -> Level:
        lives = [life for life in counts(samples, role, read) if len(life) >= LEVEL_READINGS]
        early, late = max(map(_ends, lives), key=lambda found: found[1] - found[0], default=(None, None))
        return Level(
            name=name,
            early=early,
            late=late,
            bound=bound,
            lives=len(lives),
            trend=trend(stretches([life[_warm(life) :] for life in lives], disturbed)),
            trend_bound=count_bound,
        )

    def own(sample: Sample, reading: ProcessReading) -> float | None:
        return None if sample.connections is None else reading.descriptors - sample.connections

    found = [one("descriptors of gateway, viewers' sockets left out", "gateway", own, POOLED_BOUND)]
    for role in ("backoffice", "store", "supervisor", PROVIDER):
        bound = DESCRIPTORS_BOUND if role in ("store", "supervisor") else POOLED_BOUND
        found.append(one(f"descriptors of {named(role)}", role, _descriptors, bound))
    for role in ("gateway", "backoffice"):
        found.append(one(f"sockets of {named(role)} to the store", role, _unix, STORE_BOUND))
    found.append(one("asyncio tasks of the gateway", "gateway", lambda sample, _: sample.tasks, TASKS_BOUND))
    return found


def _warm(life: Sequence[Point]) -> int:
    return int(len(life) * WARM_SHARE)


def _ends(life: Sequence[Point]) -> tuple[float, float]:
    """The floors after a life's warm-up and at its end."""
    warm, width = _warm(life), max(RISE_READINGS, int(len(life) * WINDOW_SHARE))
    return _floor([point.y for point in life[warm : warm + width]]), _floor([p.y for p in life[-width:]])


def _descriptors(_: Sample, reading: ProcessReading) -> float:
    return float(reading.descriptors)


def _unix(_: Sample, reading: ProcessReading) -> float:
    return float(reading.unix)


def late_recoveries(recoveries: Sequence[Recovery]) -> list[str]:
    """A line for each fault after which the ledger was late, or was not seen to come back."""
    return [
        f"ledger lag after fault {one.number}: "
        + (f"{one.after_s:.1f} s" if one.after_s is not None else f"not within {one.watched_s:.0f} s")
        + f" until below {CAUGHT_UP_S:g} s, "
        + (f"{PATIENCE_S:g} s are allowed" if one.watched_s >= PATIENCE_S else "and then the next fault came")
        for one in recoveries
        if one.broken
    ]


def missed(strikes: Sequence[Strike]) -> list[str]:
    """Faults that could not be carried out: then less was shown than was said."""
    return [
        f"fault {one.fault.number} ({one.fault.target} {one.fault.kind.value}): {one.done}"
        for one in strikes
        if one.done.startswith("missed")
    ]
