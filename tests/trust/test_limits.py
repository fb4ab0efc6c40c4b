from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.trust.limits import Bucket, Buckets, Concurrent

RATES = st.floats(0.1, 1_000)
STEPS = st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 100)), max_size=100)


@given(rate=RATES, burst=st.integers(1, 200), steps=STEPS)
def test_never_more_than_rate_and_burst_allow(rate: float, burst: int, steps: list[tuple[int, int]]) -> None:
    bucket = Bucket(rate, burst)
    now, taken = 0, [(0, 0.0)]
    for wait, units in steps:
        now += wait
        if bucket.take(now, units) == 0:
            taken.append((now, min(units, burst)))
    for start in range(len(taken)):
        total = 0.0
        for moment, units_taken in taken[start:]:
            total += units_taken
            assert total <= burst + rate * (moment - taken[start][0]) / 1000 + 1e-6


@given(rate=RATES, steps=STEPS)
def test_told_when_to_come_back_it_is_admitted_then_and_not_before(
    rate: float, steps: list[tuple[int, int]]
) -> None:
    bucket = Bucket(rate)
    now = 0
    for wait, _ in steps:
        now += wait
        delay = bucket.take(now)
        if delay:
            assert delay == 1 or bucket.take(now + delay - 1.001) > 0
            now += delay
            assert bucket.take(now) <= 1  # one more millisecond where the sum of floats falls short


@given(rate=RATES, steps=STEPS)
def test_up_to(rate: float, steps: list[tuple[int, int]]) -> None:
    bucket = Bucket(rate)
    now = total = 0
    for wait, units in steps:
        now += wait
        taken = bucket.take_up_to(now, units)
        assert 0 <= taken <= units
        total += taken
        assert total <= max(1, rate) + rate * now / 1000 + 1e-6


def test_burst_is_a_seconds_worth() -> None:
    bucket = Bucket(3)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 334]
    assert Bucket(0.5).take(0) == 0


def test_likes_over_the_limit_are_left_out() -> None:
    bucket = Bucket(20)
    assert bucket.take_up_to(0, 15) == 15
    assert bucket.take_up_to(0, 15) == 5
    assert bucket.take_up_to(0, 15) == 0
    assert bucket.take_up_to(500, 15) == 10


def test_zero_is_off() -> None:
    assert all(Bucket(0).take(0) == 0 for _ in range(1_000))
    assert Bucket(0).take_up_to(0, 100) == 100
    buckets = Buckets(0)
    assert buckets.take("a", 0) == 0
    assert buckets.take_up_to("a", 0, 7) == 7
    assert len(buckets) == 0


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket = Bucket(1)
    assert bucket.take(10_000) == 0
    assert bucket.take(0) > 0
    assert bucket.take(10_500) > 0
    assert bucket.take(11_000) == 0


def test_each_key_has_its_own_and_the_longest_unused_goes() -> None:
    buckets = Buckets(1, keys=2)
    assert buckets.take("a", 0) == 0
    assert buckets.take("a", 0) > 0
    assert buckets.take("b", 0) == 0
    assert buckets.take_up_to("a", 0, 1) == 0
    assert buckets.take("c", 0) == 0  # forgets b
    assert len(buckets) == 2
    assert buckets.take("a", 0) > 0
    assert buckets.take("b", 0) == 0


def test_concurrent() -> None:
    connections = Concurrent(2)
    assert [connections.enter("a") for _ in range(3)] == [True, True, False]
    assert connections.enter("b")
    connections.leave("a")
    assert connections.count("a") == 1
    assert connections.enter("a")
    connections.leave("b")
    assert connections.count("b") == 0
    with pytest.raises(KeyError):
        connections.leave("b")
    unlimited = Concurrent(0)
    assert all(unlimited.enter("a") for _ in range(100))
