"""The plan of a soak's faults: seeded, thin, with peace between two of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.chaos.schedule import Kind
from loadtest.soak.faults import FIRST_SHARE, LAST_SHARE, planned, usual_count

TARGETS = ["gateway", "backoffice", "store", "psp"]


@given(seed=st.integers(0, 2**31), seconds=st.floats(20, 5000), count=st.integers(1, 40))
def test_every_fault_lies_in_the_middle_and_apart_from_the_next(
    seed: int, seconds: float, count: int
) -> None:
    faults = planned(seed, seconds, count, TARGETS)
    assert [fault.number for fault in faults] == list(range(count))
    assert all(fault.kind in (Kind.KILL, Kind.STOP) for fault in faults)
    assert FIRST_SHARE * seconds <= faults[0].at
    assert faults[-1].at <= LAST_SHARE * seconds
    slot = (LAST_SHARE - FIRST_SHARE) * seconds / count
    gaps = [later.at - one.at for one, later in pairwise(faults)]
    assert all(gap >= slot / 2 - 0.01 for gap in gaps)
    assert faults == planned(seed, seconds, count, TARGETS)


def test_every_kind_of_every_target_comes_in_twenty_minutes() -> None:
    faults = planned(1, 1200, usual_count(1200), TARGETS)
    assert len(faults) == 10
    assert {(fault.target, fault.kind) for fault in faults} == {
        (target, kind) for target in TARGETS for kind in (Kind.KILL, Kind.STOP)
    }


def test_a_plan_without_anything_to_strike_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one target"):
        planned(1, 60, 2, [])
    assert usual_count(40) == 2
