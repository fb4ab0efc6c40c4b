"""How long the ledger was behind after each fault."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from loadtest.chaos.schedule import Kind
from loadtest.soak.lag import PATIENCE_S, recoveries, worst_and_median
from loadtest.soak.samples import Sample
from loadtest.soak.seen import late_recoveries
from tests.loadtest_soak.playing import quiet, strike


def behind(samples: list[Sample], begin: float, end: float, lag_s: float | None) -> list[Sample]:
    return [structs.replace(one, lag_s=lag_s) if begin <= one.at < end else one for one in samples]


def test_a_fault_that_the_ledger_does_not_notice_costs_nothing() -> None:
    (one,) = recoveries(quiet(), [strike(0, 100.0)])
    assert (one.after_s, one.worst_s, one.broken) == (0.0, 0.1, False)


def test_the_time_counts_from_the_end_of_a_stop() -> None:
    samples = behind(quiet(), 102, 110, 6.0)
    killed, stopped = strike(0, 101.0), strike(0, 101.0, Kind.STOP, lasts=4.0)
    assert recoveries(samples, [killed])[0].after_s == 9.0
    assert recoveries(samples, [stopped])[0].after_s == 5.0
    assert recoveries(samples, [killed])[0].worst_s == 6.0


def test_a_store_that_does_not_answer_has_not_caught_up() -> None:
    (one,) = recoveries(behind(quiet(), 100, 108, None), [strike(0, 100.0)])
    assert one.after_s == 8.0
    assert one.worst_s == 0.1


def test_a_ledger_that_never_comes_back_is_named() -> None:
    found = recoveries(behind(quiet(), 100, 600, 50.0), [strike(3, 100.0)])
    assert late_recoveries(found) == [
        "ledger lag after fault 3: not within 498 s until below 2 s, 30 s are allowed"
    ]


def test_one_that_comes_back_late_and_one_not_watched_long_enough_are_named() -> None:
    late = behind(quiet(), 100, 140, 5.0)
    assert late_recoveries(recoveries(late, [strike(0, 100.0)])) == [
        "ledger lag after fault 0: 40.0 s until below 2 s, 30 s are allowed"
    ]
    first, second = recoveries(late, [strike(0, 100.0), strike(1, 120.0)])
    assert first.after_s is None
    assert late_recoveries([first]) == [
        "ledger lag after fault 0: not within 20 s until below 2 s, and then the next fault came"
    ]
    assert not second.broken
    assert second.after_s == 20.0
    assert worst_and_median([first, second]) == (20.0, 20.0)


@given(
    at=st.floats(10, 300),
    lasts=st.floats(0.1, 8),
    down=st.integers(0, 100),
    kind=st.sampled_from([Kind.KILL, Kind.STOP]),
)
def test_a_return_is_noted_within_one_sample(at: float, lasts: float, down: int, kind: Kind) -> None:
    samples = behind(quiet(), at, at + lasts + down, 9.0)
    (one,) = recoveries(samples, [strike(0, at, kind, lasts)])
    assert one.after_s is not None
    truth = down + (lasts if kind is Kind.KILL else 0)
    assert max(0.0, truth - 2) <= one.after_s <= truth + 2
    assert one.broken == (one.after_s > PATIENCE_S)


def test_nothing_happened_nothing_to_tell() -> None:
    assert recoveries([], []) == []
    assert worst_and_median([]) == (0.0, 0.0)
