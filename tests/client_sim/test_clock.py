from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_sim.backoff import Backoff
from client_sim.clock import KEPT_SAMPLES, ServerClock, now_ms

trips = st.tuples(
    st.floats(min_value=0, max_value=1e6),
    st.floats(min_value=0, max_value=500),
    st.floats(min_value=0, max_value=500),
)


@given(st.lists(trips, min_size=1, max_size=40), st.integers(min_value=-(10**9), max_value=10**9))
def test_the_offset_is_wrong_by_half_a_round_trip_at_most(
    ways: list[tuple[float, float, float]], offset: int
) -> None:
    clock = ServerClock()
    for sent, there, back in ways:
        clock.sample(sent, round(sent + there + offset), sent + there + back)
    worst = max((there + back) / 2 for _, there, back in ways[-KEPT_SAMPLES:])
    assert abs(clock.offset - offset) <= worst + 1
    assert clock.to_local(clock.to_server(123.0)) == pytest.approx(123.0)


def test_one_odd_reply_does_not_move_the_offset() -> None:
    clock = ServerClock()
    for odd in (0, 0, 4_000, 0, 0):
        clock.sample(100.0, 5_100 + odd, 100.0)
    assert clock.offset == 5_000


def test_slow_replies_do_not_count_while_there_are_faster_ones() -> None:
    clock = ServerClock()
    for trip in (2, 400, 4, 600, 500):
        clock.sample(0.0, 1_000 + trip, float(trip))
    assert clock.offset == pytest.approx(1_002, abs=200)
    for _ in range(5):
        clock.sample(0.0, 1_001, 2.0)
    assert clock.offset == 1_000


def test_a_welcome_is_a_first_guess_that_a_pong_takes_the_place_of() -> None:
    clock = ServerClock()
    clock.guess(0.0, 1_000, 20.0)
    assert (clock.offset, clock.samples) == (990.0, 0)
    clock.sample(100.0, 2_105, 110.0)
    assert (clock.offset, clock.samples) == (2_000.0, 1)
    clock.guess(200.0, 9_999, 200.0)
    assert clock.offset == 2_000.0


def test_local_time_does_not_run_backwards() -> None:
    times = [now_ms() for _ in range(1_000)]
    assert times == sorted(times)


def test_backoff_has_full_jitter_up_to_a_ceiling_that_doubles_and_is_capped() -> None:
    backoff = Backoff(random.Random(1), first_ms=100, cap_ms=1_000)
    for ceiling in (100, 200, 400, 800, 1_000, 1_000):
        assert 0 <= backoff.next_ms() <= ceiling
    spread = [Backoff(random.Random(seed), first_ms=100).next_ms() for seed in range(500)]
    assert min(spread) < 10
    assert max(spread) > 90


def test_after_a_welcome_backoff_begins_anew() -> None:
    backoff = Backoff(random.Random(1), first_ms=100, cap_ms=10_000)
    for _ in range(10):
        backoff.next_ms()
    backoff.reset()
    assert backoff.next_ms() <= 100


def test_a_thousand_failures_do_not_overflow() -> None:
    backoff = Backoff(random.Random(1))
    assert all(backoff.next_ms() <= 15_000 for _ in range(2_000))
