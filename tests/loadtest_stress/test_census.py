"""Every kind of leak is found; a process that comes back to rest has none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from loadtest.stress.census import RSS_NOISE, RSS_PER_JOIN, STORE_CONNECTIONS, Reading, leaks, slope

REST = Reading(joins=500, rss=80 << 20, descriptors=40, store=6, tasks=9, connections=1, online=1)


def later(**changed: Any) -> Reading:
    return msgspec.structs.replace(REST, joins=1_000, **changed)


def test_back_at_rest() -> None:
    assert leaks(REST, [later(), later(rss=REST.rss + RSS_NOISE)]) == []
    assert leaks(REST, [later(rss=REST.rss + (9 << 20))] * 5) == [], "found its size, and stayed there"
    assert leaks(REST, [later(rss=REST.rss - (5 << 20))]) == []


@pytest.mark.parametrize(
    "changed,said",
    [
        ({"descriptors": 41}, "41 descriptors at rest, 40 before"),
        ({"descriptors": 39}, "39 descriptors at rest"),
        ({"store": STORE_CONNECTIONS + 1}, "connections to the store at rest"),
        ({"tasks": 10}, "10 tasks at rest"),
        ({"connections": 2}, "2 connections at rest"),
        ({"online": 0}, "0 online at rest"),
        ({"rss": REST.rss + RSS_NOISE + 500 * RSS_PER_JOIN + 1}, "memory grew by"),
    ],
)
def test_what_did_not_come_back(changed: dict[str, int], said: str) -> None:
    (found,) = leaks(REST, [later(**changed)])
    assert said in found


def test_a_leak_in_an_earlier_cycle_counts_too_and_no_cycle_is_no_proof() -> None:
    assert len(leaks(REST, [later(tasks=10), later()])) == 1
    assert "could not be judged" in leaks(REST, [])[0]


def test_slope_is_the_median_of_all_pairs() -> None:
    line = [msgspec.structs.replace(REST, joins=500 * n, rss=1_000_000 + 50_000 * n) for n in range(5)]
    assert slope(line) == 100_000
    outlier = msgspec.structs.replace(line[2], rss=90_000_000)
    assert abs(slope([*line[:2], outlier, *line[3:]]) - 100_000) < 1
    assert slope([REST]) == 0


def test_a_leak_that_goes_on_is_found_behind_the_warming_up() -> None:
    """Cycles of 500 joins that forget 2 KB a join."""
    step = 500 * 2 * 1024
    cycles = [
        msgspec.structs.replace(REST, joins=500 * n, rss=REST.rss + step * n + RSS_NOISE)
        for n in range(2, 32)
    ]
    assert "memory grew by" in leaks(REST, cycles)[0]
