from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.processes.backoff import Backoff


def test_at_once_then_doubling_to_the_ceiling() -> None:
    backoff = Backoff(first=0.1, ceiling=1.0)
    assert [round(backoff.died(0, 0.5), 3) for _ in range(7)] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_healthy_life_starts_over() -> None:
    backoff = Backoff(first=0.1, healthy=10)
    assert [backoff.died(0, 1), backoff.died(1, 2), backoff.died(2, 12), backoff.died(12, 13)] == [
        0,
        0.1,
        0,
        0.1,
    ]


@given(st.lists(st.floats(0, 100), max_size=300))
def test_never_over_the_ceiling(lives: list[float]) -> None:
    backoff = Backoff(ceiling=4.0)
    now = 0.0
    for life in lives:
        delay = backoff.died(now, now + life)
        assert 0 <= delay <= 4.0
        now += life + delay
