from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from server.trust.turnstile import Turnstile

RATES = st.floats(0.5, 5_000)
WAITS = st.lists(st.integers(0, 2_000), max_size=200)


@given(rate=RATES, burst=st.integers(1, 100), waits=WAITS)
def test_never_more_come_in_than_rate_and_burst_allow(rate: float, burst: int, waits: list[int]) -> None:
    turnstile = Turnstile(rate, burst)
    now, entered = 0, []
    for wait in waits:
        now += wait
        if turnstile.enter(now) == 0:
            entered.append(now)
    for start in range(len(entered)):
        for end in range(start, len(entered)):
            assert end - start + 1 <= burst + rate * (entered[end] - entered[start]) / 1000 + 1e-6


@given(rate=st.floats(1, 5_000), waits=WAITS, horizon=st.integers(1_000, 60_000))
@example(rate=1.0, waits=[0, 0, 0], horizon=1_000)
def test_places_are_ahead_within_the_horizon_and_as_far_apart_as_people_are_let_in(
    rate: float, waits: list[int], horizon: int
) -> None:
    turnstile = Turnstile(rate, 1, horizon_ms=horizon)
    now, places = 0, []
    for wait in waits:
        now += wait
        delay = turnstile.enter(now)
        assert 0 <= delay <= horizon + 1000 / rate + 1
        if delay:
            places.append(now + delay)
        assert 0 <= turnstile.statistics(now)["queue_ms"] <= horizon + 2_000 / rate + 1
    # A horizon of less than two places may hold one alone, which is then given out once more.
    one_place = horizon < 2 * 1000 / rate
    for earlier, later in itertools.pairwise(places):
        # Whole milliseconds are told; a queue that is full to the horizon begins anew at its front.
        assert later - earlier >= 1000 / rate - 1 or later < earlier or (one_place and later == earlier)


@given(rate=st.integers(1, 500), crowd=st.integers(1, 2_000))
def test_a_crowd_that_comes_back_when_told_is_let_in_within_the_time_it_takes(rate: int, crowd: int) -> None:
    turnstile = Turnstile(rate, horizon_ms=10_000_000)
    waiting, now, longest = {0: crowd}, 0, 0
    while waiting:
        now = min(waiting)
        for _ in range(waiting.pop(now)):
            delay = turnstile.enter(now)
            if delay:
                waiting[now + delay] = waiting.get(now + delay, 0) + 1
            else:
                longest = max(longest, now)
    # Rounding to whole milliseconds costs somebody a second turn at times: twice the time is ample.
    assert longest <= 2 * 1000 * max(0, crowd - rate) / rate + 2 * 1000 / rate + 10


def test_the_refused_are_spread_one_by_one() -> None:
    turnstile = Turnstile(10, 2)
    assert [turnstile.enter(0) for _ in range(6)] == [0, 0, 100, 200, 300, 400]
    assert turnstile.enter(100) == 0
    assert turnstile.enter(100) == 400, "behind those who were told before"


def test_a_full_queue_begins_anew() -> None:
    turnstile = Turnstile(10, 1, horizon_ms=250)
    assert [turnstile.enter(0) for _ in range(6)] == [0, 100, 200, 100, 200, 100]


def test_a_rate_of_nothing_lets_everybody_in() -> None:
    turnstile = Turnstile(0)
    assert {turnstile.enter(0) for _ in range(10_000)} == {0}
