"""What a soak notes every few seconds, and how it falls into lives of processes. Sans-I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from msgspec import Struct

from loadtest.chaos.targets import PROVIDER

TEN_MINUTES = 600.0
SUPERVISOR = "supervisor"
ROLES = ("gateway", "backoffice", "store", SUPERVISOR, PROVIDER)
NAMES = {"backoffice": "back office", PROVIDER: "sandbox provider"}
"""Roles as a reader knows them, where that is another word."""
WARM_SHARE = 0.25
"""The first share of each life is left out: pools and rings fill, an allocator finds its size."""
WARM_ORDERS = 8_000.0
"""And so many orders of each life: SQLite keeps up to 2 MiB of pages for each connection (its `cache_size`),
the ledger's processes have a few, and an order adds about 0.7 KB to the ledger and as much to the sandbox
provider's book. At 110 orders a second the back office grew until about 7,000 and stood still after it."""


class ProcessReading(Struct, frozen=True, kw_only=True):
    """One process. `resident` in bytes, `cpu_s`: seconds of CPU time since it began.

    `descriptors`: open files and sockets without Unix sockets, which are in `unix`: those to the
    embedded store, pooled.
    """

    role: str
    pid: int
    resident: int
    descriptors: int
    unix: int
    threads: int
    cpu_s: float


class Sample(Struct, frozen=True, kw_only=True):
    """The server at one moment. `at`: seconds since the load began. None: nobody could say just then.

    `lag_s` is read from the store itself: the age of the oldest outbox entry the ledger has not
    acknowledged, known also while the back office that should tell it is dead. `told_lag_s` and
    `backlog` are the server's own metrics.
    """

    at: float
    processes: list[ProcessReading]
    connections: float | None = None
    tasks: float | None = None
    orders: float | None = None
    lag_s: float | None = None
    told_lag_s: float | None = None
    backlog: float | None = None


class Point(Struct, frozen=True):
    """`y` at second `at`, against `x`."""

    at: float
    x: float
    y: float


class Life(Struct, frozen=True):
    """One process of a role from its first sample to its last."""

    role: str
    pid: int
    began: float
    ended: float


def named(role: str) -> str:
    return NAMES.get(role, role)


def lives(samples: Sequence[Sample]) -> list[Life]:
    """In order of their beginning. A process that was started again is another life."""
    first: dict[tuple[str, int], float] = {}
    last: dict[tuple[str, int], float] = {}
    for sample in samples:
        for reading in sample.processes:
            key = reading.role, reading.pid
            first.setdefault(key, sample.at)
            last[key] = sample.at
    return [Life(role, pid, began, last[role, pid]) for (role, pid), began in first.items()]


def warm_from(life: Life, samples: Sequence[Sample], warm_orders: float = WARM_ORDERS) -> float:
    """The second from which a life counts: its first share is over, and so are its first orders.

    Infinite where it took fewer.
    """
    quarter = life.began + WARM_SHARE * (life.ended - life.began)
    taken = [(one.at, one.orders) for one in samples if one.at >= life.began and one.orders is not None]
    if not taken:
        return float("inf")
    enough = taken[0][1] + warm_orders
    return next((max(quarter, at) for at, orders in taken if orders >= enough), float("inf"))


Count = Callable[[Sample, ProcessReading], float | None]
"""Something countable of one process; None where it could not be read."""


def ten_minutes(sample: Sample) -> float:
    return sample.at / TEN_MINUTES


def counts(
    samples: Sequence[Sample],
    role: str,
    read: Count,
    against: Callable[[Sample], float | None] = ten_minutes,
) -> list[list[Point]]:
    """What was read of each process of a role, a list of points per life, its warm-up included; samples
    without an `x` are left out."""
    found: dict[int, list[Point]] = defaultdict(list)
    for sample in samples:
        x = against(sample)
        if x is None:
            continue
        for reading in sample.processes:
            if reading.role == role and (number := read(sample, reading)) is not None:
                found[reading.pid].append(Point(sample.at, x, number))
    return list(found.values())


def series(
    samples: Sequence[Sample],
    role: str,
    value: Callable[[ProcessReading], float],
    against: Callable[[Sample], float | None],
    warm_orders: float = WARM_ORDERS,
) -> list[list[Point]]:
    """A role's values, a list of points per life, warm-up left out; samples without an `x` are too."""
    begins = {(life.role, life.pid): warm_from(life, samples, warm_orders) for life in lives(samples)}

    def warm(sample: Sample, reading: ProcessReading) -> float | None:
        return value(reading) if sample.at >= begins[role, reading.pid] else None

    return counts(samples, role, warm, against)


def stretches(
    series: Sequence[Sequence[Point]], disturbed: Sequence[tuple[float, float]]
) -> list[list[Point]]:
    """Each life cut at each disturbance (from second, to second), and what was read during one left out.

    What waits at once during a fault fills pools further than before: a step, no slope. See `judge.rise`.
    """
    cuts = sorted(disturbed)
    found: list[list[Point]] = []
    for life in series:
        parts: dict[int, list[Point]] = defaultdict(list)
        for point in life:
            if not any(begin <= point.at <= end for begin, end in cuts):
                parts[sum(end < point.at for _, end in cuts)].append(point)
        found += parts.values()
    return found
