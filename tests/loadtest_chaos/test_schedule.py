"""Faults planned from a seed."""

from __future__ import annotations

from collections import Counter

import pytest

from loadtest.chaos.schedule import LONGEST_S, SHORTEST_S, Kind, plan

TARGETS = {"gateway": (Kind.KILL, Kind.STOP), "store": (Kind.KILL, Kind.STOP), "database": (Kind.LOCK,)}


def test_the_same_seed_plans_the_same() -> None:
    assert plan(7, 600, 132, TARGETS) == plan(7, 600, 132, dict(reversed(TARGETS.items())))
    assert plan(7, 600, 132, TARGETS) != plan(8, 600, 132, TARGETS)


def test_every_kind_of_every_target_comes_as_often() -> None:
    faults = plan(7, 600, 132, TARGETS)
    counts = Counter((fault.target, fault.kind) for fault in faults)
    assert set(counts) == {(target, kind) for target, kinds in TARGETS.items() for kind in kinds}
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize(("seconds", "count"), [(12.0, 12), (600.0, 132)])
def test_spread_over_the_time(seconds: float, count: int) -> None:
    faults = plan(7, seconds, count, TARGETS)
    assert [fault.number for fault in faults] == list(range(count))
    slot = seconds / count
    assert all(fault.number * slot <= fault.at + 0.001 for fault in faults)
    assert all(fault.at <= (fault.number + 1) * slot for fault in faults)
    longest = min(LONGEST_S, max(1.0, seconds / 8))
    assert all(SHORTEST_S <= fault.lasts <= longest for fault in faults)


def test_nothing_to_strike() -> None:
    with pytest.raises(ValueError, match="at least one"):
        plan(7, 600, 10, {})
