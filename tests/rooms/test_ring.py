from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import RoomUpdated
from server.rooms.ring import Ring


@given(st.integers(1, 8), st.integers(0, 30), st.integers(0, 20), st.integers(-3, 60))
def test_since_is_whole_or_nothing(length: int, start: int, count: int, seq: int) -> None:
    ring = Ring(length, start)
    for number in range(start + 1, start + count + 1):
        ring.append(number, RoomUpdated(seq=number))
    missed = ring.since(seq)
    kept = min(length, count)
    if start + count - kept <= seq <= start + count:
        assert missed is not None
        assert [e.seq for e in missed if isinstance(e, RoomUpdated)] == list(
            range(seq + 1, start + count + 1)
        )
    else:
        assert missed is None


def test_a_hole_is_an_error() -> None:
    ring = Ring(4, 7)
    with pytest.raises(ValueError, match="expected seq 8, got 9"):
        ring.append(9, RoomUpdated(seq=9))
