"""What those who come back are given: from the ring where it reaches, else one read for all of them."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from redis.asyncio import Redis

from schemas.codecs import JSON, MSGPACK
from schemas.events import RoomUpdated, SequencedEvent
from schemas.http import RoomCreate
from server.rooms.log import RoomLog
from server.rooms.recovery import Recovery
from server.settings import RoomSettings

pytestmark = pytest.mark.anyio


def event(number: int) -> SequencedEvent:
    return RoomUpdated(seq=number, announcement=str(number))


class Log:
    """`length` events, read when the test says so."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.reads: list[int] = []
        self.open = asyncio.Event()

    async def since(self, room: str, epoch: str, seq: int) -> list[tuple[int, SequencedEvent]] | None:
        self.reads.append(seq)
        await self.open.wait()
        return [(number, event(number)) for number in range(seq + 1, self.length + 1)]


def recovery(log: Log, seq: int, ring_length: int) -> Recovery:
    return Recovery(cast(RoomLog, log), "r", "e", seq, ring_length)


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_all_who_stopped_at_the_same_place_share_one_read(codec: object) -> None:
    codec = MSGPACK if codec is MSGPACK else JSON
    log = Log(10)
    room = recovery(log, 10, ring_length=4)
    waiting = [asyncio.ensure_future(room.missed(codec, "e", 3)) for _ in range(100)]
    gone = asyncio.ensure_future(room.missed(codec, "e", 3))
    await asyncio.sleep(0)
    gone.cancel()
    room.append(11, event(11))
    log.open.set()
    for missed in await asyncio.gather(*waiting):
        assert missed == [codec.encode(event(number)) for number in range(4, 12)]
    assert log.reads == [3]
    assert await room.missed(codec, "e", 3) is not None and log.reads == [3, 3]


async def test_a_log_ahead_of_the_room_is_told_up_to_the_room() -> None:
    log = Log(12)
    log.open.set()
    assert await recovery(log, 10, 4).missed(JSON, "e", 8) == [JSON.encode(event(n)) for n in (9, 10)]


async def test_the_ring_answers_without_a_read_and_encodes_once() -> None:
    log = Log(0)
    room = recovery(log, 0, 4)
    for number in range(1, 7):
        room.append(number, event(number))
    first = await room.missed(JSON, "e", 2)
    assert first is not None and await room.missed(JSON, "e", 2) is first
    later = await room.missed(JSON, "e", 4)
    assert later is not None and later[-1] is first[-1]
    room.append(7, event(7))
    assert await room.missed(JSON, "e", 3) == [JSON.encode(event(number)) for number in range(4, 8)]
    assert log.reads == []


async def test_a_room_read_anew_recovers_nothing_from_before() -> None:
    log = Log(5)
    log.open.set()
    room = recovery(log, 5, 4)
    room.restart("new", 3)
    assert await room.missed(JSON, "e", 3) is None
    assert await room.missed(JSON, "new", 4) is None
    assert await room.missed(JSON, "new", 3) == []


@pytest.mark.parametrize("ring_length,behind", [(4, 4), (100, 9)])
async def test_a_ring_is_filled_from_the_log(store: Redis, ring_length: int, behind: int) -> None:
    log = RoomLog(store, RoomSettings())
    state = await log.create(RoomCreate(id="r", title="r"), "h", 0)
    for number in range(1, 11):
        await log.append(state, [event(number)])
        state.apply(number, event(number))
    room = Recovery(log, "r", state.epoch, 9, ring_length)  # the room was read one event ago
    await room.fill()
    expected = [JSON.encode(event(number)) for number in range(10 - behind, 10)]
    missed = room._ring.encoded_since(9 - behind, JSON)
    assert missed == expected
    assert room._ring.encoded_since(9 - behind - 1, JSON) is None
