"""What was not seen is no pass, and neither is lag that no fault excuses."""

from __future__ import annotations

from msgspec import structs

from loadtest.soak.samples import Sample
from loadtest.soak.seen import behind, unread
from tests.loadtest_soak.playing import quiet, strike


def without(samples: list[Sample], role: str, begin: float, end: float) -> list[Sample]:
    for sample in samples:
        if begin <= sample.at < end:
            sample.processes[:] = [one for one in sample.processes if one.role != role]
    return samples


def test_all_was_read() -> None:
    assert unread(quiet(), 600) == []
    assert unread(without(quiet(), "psp", 100, 125), 600) == []


def test_a_process_that_was_away_is_named_whatever_came_after() -> None:
    assert unread(without(quiet(), "psp", 100, 400), 600) == [
        "sandbox provider: not read for 302 s from 98 s on, 30 s are allowed"
    ]


def test_numbers_that_stopped_coming_are_named() -> None:
    samples = [structs.replace(one, tasks=None) if one.at >= 420 else one for one in quiet()]
    assert unread(samples, 600) == ["tasks: not read for 182 s from 418 s on, 30 s are allowed"]


def test_readings_that_end_before_the_run_are_named() -> None:
    assert len(unread(quiet(300), 600)) == 9
    assert len(unread([], 600)) == 9


def test_lag_is_excused_by_a_fault_for_a_while_only() -> None:
    def lagging(begin: float, end: float) -> list[Sample]:
        return [structs.replace(one, lag_s=9.0) if begin <= one.at < end else one for one in quiet()]

    strikes = [strike(0, 200.0)]
    assert behind(lagging(200, 230), strikes) == []
    assert behind(lagging(40, 44), strikes) == ["ledger lag: 9.0 s at 42 s, far from any fault"]
    assert behind(lagging(300, 302), strikes) == ["ledger lag: 9.0 s at 300 s, far from any fault"]
