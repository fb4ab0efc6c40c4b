from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.fanout.ticker import Ticker


def test_the_first_flush_is_due_at_once() -> None:
    assert Ticker(0.05).due_in(123.0) == 0


@given(st.floats(0, 1e6), st.floats(0, 10), st.floats(0, 10))
def test_two_flushes_are_never_closer_than_a_tick(start: float, later: float, tick: float) -> None:
    ticker = Ticker(tick)
    ticker.flushed(start)
    due = start + later + ticker.due_in(start + later)
    assert due >= start + tick - 1e-6
    assert ticker.due_in(start + tick + 1e-3) == 0
