"""Queues without a loop: bounds, fairness between pools, and the wait that is told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.orders.waiting import FairQueue, Full, Line, Pace

Job = tuple[str, int]


def fair(bound: int = 100, pool_bound: int = 100) -> FairQueue[Job]:
    return FairQueue[Job](lambda job: job[0], bound, pool_bound)


def test_a_line_is_bounded_and_in_order() -> None:
    line = Line[int](3)
    assert [line.put(job) for job in range(4)] == [None, None, None, Full.ALL]
    assert line.take(2) == [0, 1] and len(line) == 1
    assert line.take(5) == [2] and line.take(1) == []


def test_a_pool_has_a_bound_of_its_own() -> None:
    queue = fair(bound=5, pool_bound=2)
    assert [queue.put(("hot", number)) for number in range(3)] == [None, None, Full.POOL]
    assert [queue.put(("cold", number)) for number in range(2)] == [None, None]
    assert queue.put(("other", 0)) is None
    assert queue.put(("last", 0)) is Full.ALL
    queue.take(1)
    assert queue.put(("last", 0)) is None


def test_a_hot_pool_leaves_the_next_call_to_the_others_too() -> None:
    queue = fair()
    for number in range(50):
        queue.put(("hot", number))
    queue.put(("cold", 0))
    taken = queue.take(8)
    assert ("cold", 0) in taken
    assert [number for pool, number in taken if pool == "hot"] == list(range(7))


def test_more_pools_than_a_call_takes_have_their_turns() -> None:
    queue = fair()
    for number in range(2):
        for pool in "abcde":
            queue.put((pool, number))
    assert [pool for pool, _ in queue.take(3)] == ["a", "b", "c"]
    assert [pool for pool, _ in queue.take(3)] == ["d", "e", "a"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("abc"), st.just(0)), st.tuples(st.just("take"), st.integers(1, 6))
        )
    ),
    st.integers(1, 12),
    st.integers(1, 6),
)
def test_nothing_is_lost_doubled_or_overtaken(
    steps: list[tuple[str, int]], bound: int, pool_bound: int
) -> None:
    queue = fair(bound, pool_bound)
    waiting: list[Job] = []
    for number, (what, count) in enumerate(steps):
        if what == "take":
            pools = {pool for pool, _ in waiting}
            taken = queue.take(count)
            assert len(taken) == min(count, len(waiting))
            for pool in pools:
                mine = [job for job in taken if job[0] == pool]
                assert mine == [job for job in waiting if job[0] == pool][: len(mine)]
            shares = Counter(pool for pool, _ in taken)
            for pool in pools:  # nobody has less than a share while another has more than one
                left = sum(job[0] == pool for job in waiting) - shares[pool]
                assert not left or shares[pool] >= count // len(pools)
            waiting = [job for job in waiting if job not in taken]
        else:
            own = sum(pool == what for pool, _ in waiting)
            full = queue.put((what, number))
            if len(waiting) >= bound:
                assert full is Full.ALL
            elif own >= pool_bound:
                assert full is Full.POOL
            else:
                assert full is None
                waiting.append((what, number))
        assert len(queue) == len(waiting)


def test_the_wait_follows_the_pace() -> None:
    pace = Pace()
    assert pace.wait_ms(1_000) == 200, "nothing measured yet"
    for number in range(20):
        pace.worked(100, number * 0.01, number * 0.01 + 0.02)  # two calls at a time, one ends every 10 ms
    assert pace.wait_ms(5_000) == pytest.approx(500, rel=0.05)
    assert pace.wait_ms(1) == 50 and pace.wait_ms(10**9) == 5_000
    for number in range(100, 120):
        pace.worked(100, number * 0.1, number * 0.1 + 0.1)
    assert pace.wait_ms(500) == pytest.approx(500, rel=0.1), "a slower store is noticed"


def test_idle_time_is_not_work() -> None:
    pace = Pace()
    for number in range(20):
        pace.worked(10, number * 10.0, number * 10.0 + 0.01)
    assert pace.wait_ms(1_000) == pytest.approx(1_000, rel=0.05)
