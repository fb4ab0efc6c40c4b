from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codecs import JSON, MSGPACK
from schemas.events import RoomUpdated
from server.rooms.ring import STRETCHES, Ring


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


@given(length=st.integers(1, 5), count=st.integers(0, 12), asked=st.lists(st.integers(0, 12), max_size=6))
def test_encoded_is_the_same_as_not(length: int, count: int, asked: list[int]) -> None:
    ring = Ring(length, 0)
    for number in range(1, count + 1):
        ring.append(number, RoomUpdated(seq=number, announcement=str(number)))
        for seq in asked:
            events = ring.since(seq)
            for codec in (JSON, MSGPACK):
                expected = None if events is None else [codec.encode(event) for event in events]
                assert ring.encoded_since(seq, codec) == expected


def test_what_is_kept_encoded_is_bounded_by_the_ring() -> None:
    ring = Ring(4, 0)
    for number in range(1, 200):
        ring.append(number, RoomUpdated(seq=number))
        for seq in range(max(0, number - 4), number):
            ring.encoded_since(seq, JSON)
    assert len(ring._encoded[JSON]) == 4
    wide = Ring(2 * STRETCHES, 0)
    for number in range(1, 2 * STRETCHES + 1):
        wide.append(number, RoomUpdated(seq=number))
    for seq in range(2 * STRETCHES):
        wide.encoded_since(seq, JSON)
    assert len(wide._stretches) == STRETCHES
