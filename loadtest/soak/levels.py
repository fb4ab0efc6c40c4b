"""Whether descriptors, threads, tasks, sockets and lag came back in a soak. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from loadtest.chaos.targets import PROVIDER, Strike
from loadtest.soak.lag import disturbed_by
from loadtest.soak.samples import (
    WARM_SHARE,
    Count,
    Point,
    ProcessReading,
    Sample,
    counts,
    named,
    stretches,
    ten_minutes,
)
from loadtest.soak.slope import Trend, floor, trend

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
THREADS_BOUND = 16.0
"""Threads more: one for each connection to SQLite, of which a pool has fifteen at most."""
SOCKETS_BOUND = 64.0
"""Viewers more: as many go as come."""
LAG_BOUND_S = 0.5
"""Seconds of lag more, at the end and per ten minutes: it is a tenth of a second at rest."""
COUNT_BOUND = 16.0
"""Descriptors or tasks per ten minutes between faults that are no leak, beyond doubt (the whole interval
lies below): one in 200 of the viewers who come and go, five a second, would pass this."""
WINDOW_SHARE = 0.1
"""The share of a life that is read for a level, ten readings at least."""
LEAST_READINGS = 10
LEVEL_READINGS = 30
"""A life of fewer has no level."""


class Level(Struct, frozen=True, kw_only=True):
    """A count that has to come back: its floor (`slope.floor`) after the warm-up of a life and at its end.

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


def levels(
    samples: Sequence[Sample], strikes: Sequence[Strike] = (), count_bound: float = COUNT_BOUND
) -> list[Level]:
    """Descriptors of each role and tasks: at the end of the life in which they rose most, and their trend."""
    disturbed = disturbed_by(samples, strikes)

    def one(name: str, role: str, read: Count, bound: float) -> Level:
        lives = [life for life in counts(samples, role, read) if len(life) >= LEVEL_READINGS]
        early, late = max(map(_ends, lives), key=lambda found: found[1] - found[0], default=(None, None))
        return Level(
            name=name,
            early=early,
            late=late,
            bound=bound,
            lives=len(lives),
            trend=trend(stretches([life[_warm(life) :] for life in lives], disturbed), of=floor),
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
    for role in ("gateway", "backoffice", PROVIDER):
        found.append(one(f"threads of {named(role)}", role, _threads, THREADS_BOUND))
    found.append(one("asyncio tasks of the gateway", "gateway", lambda sample, _: sample.tasks, TASKS_BOUND))
    found.append(
        one("open sockets of viewers", "gateway", lambda sample, _: sample.connections, SOCKETS_BOUND)
    )
    return [*found, _lag_level(samples, disturbed)]


def _lag_level(samples: Sequence[Sample], disturbed: Sequence[tuple[float, float]]) -> Level:
    """The ledger's lag has to be as short at the end as at the beginning, faults left out."""
    read = [
        Point(sample.at, ten_minutes(sample), sample.lag_s)
        for sample in samples
        if sample.lag_s is not None and not any(begin <= sample.at <= end for begin, end in disturbed)
    ]
    early, late = _ends(read) if len(read) >= LEVEL_READINGS else (None, None)
    return Level(
        name="seconds of the ledger's lag",
        early=early,
        late=late,
        bound=LAG_BOUND_S,
        lives=1,
        trend=trend(stretches([read], disturbed), of=floor),
        trend_bound=LAG_BOUND_S,
    )


def _warm(life: Sequence[Point]) -> int:
    return int(len(life) * WARM_SHARE)


def _ends(life: Sequence[Point]) -> tuple[float, float]:
    """The floors after a life's warm-up and at its end."""
    warm, width = _warm(life), max(LEAST_READINGS, int(len(life) * WINDOW_SHARE))
    return floor([point.y for point in life[warm : warm + width]]), floor([p.y for p in life[-width:]])


def _descriptors(_: Sample, reading: ProcessReading) -> float:
    return float(reading.descriptors)


def _threads(_: Sample, reading: ProcessReading) -> float:
    return float(reading.threads)


def _unix(_: Sample, reading: ProcessReading) -> float:
    return float(reading.unix)
