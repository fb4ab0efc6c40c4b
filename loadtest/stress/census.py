"""What a gateway process holds, read again and again: does it come back to where it was? Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

RSS_PER_JOIN = 1024
"""Bytes a join may leave behind, on average. A forgotten connection is many times as much."""
RSS_NOISE = 4 * 1024 * 1024
"""Bytes the allocator may hold more than before without anybody leaking."""
STORE_CONNECTIONS = 48
"""A gateway's pool, which grows with what is asked of the store at once, and what it keeps for itself."""
SETTLED = ("connections", "online", "descriptors", "tasks")


class Reading(Struct, frozen=True, kw_only=True):
    """The process at rest. `joins`: how many sockets were welcomed so far; `rss` in bytes.

    `descriptors`: without those to the store, which are in `store`.
    """

    joins: int
    rss: int
    descriptors: int
    store: int
    tasks: int
    connections: int
    online: int


def leaks(baseline: Reading, readings: Sequence[Reading]) -> list[str]:
    """`readings`: one per cycle after the baseline, each taken at rest.

    Descriptors, tasks, connections and members have to be back exactly in each;
    connections to the store are pooled and have a bound. An allocator takes
    some cycles to find its size, so memory is judged from the middle third of the readings to the
    last: it may grow by `RSS_NOISE`, and by `RSS_PER_JOIN` for each join in between.
    """
    if not readings:
        return ["leaks could not be judged: no cycle was run"]
    found = []
    for cycle, reading in enumerate(readings, 1):
        for name in SETTLED:
            was, now = getattr(baseline, name), getattr(reading, name)
            if now != was:
                found.append(f"cycle {cycle}: {now} {name} at rest, {was} before")
        if reading.store > STORE_CONNECTIONS:
            found.append(f"cycle {cycle}: {reading.store} connections to the store at rest")
    early, late = _thirds([baseline, *readings])
    grown = median(reading.rss for reading in late) - median(reading.rss for reading in early)
    joins = median(reading.joins for reading in late) - median(reading.joins for reading in early)
    allowed = RSS_NOISE + RSS_PER_JOIN * joins
    if grown > allowed:
        found.append(f"memory grew by {grown:,.0f} bytes over {joins:,.0f} joins, {allowed:,.0f} are allowed")
    return found


def _thirds(readings: Sequence[Reading]) -> tuple[Sequence[Reading], Sequence[Reading]]:
    """The middle one and the last one."""
    third = max(1, len(readings) // 3)
    return readings[-2 * third : -third], readings[-third:]


def slope(readings: Sequence[Reading]) -> float:
    """Bytes of resident memory per 1,000 joins: the median of all pairs (Theil 1950, Sen 1968)."""
    slopes = [
        (later.rss - earlier.rss) * 1000 / (later.joins - earlier.joins)
        for index, earlier in enumerate(readings)
        for later in readings[index + 1 :]
        if later.joins > earlier.joins
    ]
    return median(slopes) if slopes else 0.0
