"""The log on a real store: one append is everything or nothing, and a reader gets all or none."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.codes import ErrorCode, RoomStatus, SalePhase
from schemas.events import (
    DanmakuRecalled,
    ProductMounted,
    ProductUnmounted,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
    SequencedEvent,
)
from schemas.http import RoomCreate
from schemas.models import Product, Sale
from server.rooms.decide import Refused
from server.rooms.log import RoomLog, SequenceConflict
from server.rooms.presence import Presence
from server.rooms.state import FINISHED_SALES, RoomState
from server.rooms.store import LIVE_ROOMS
from server.settings import RoomSettings
from server.valkey import StoreUnavailable, connect
from tests.rooms.listening import Listener

pytestmark = pytest.mark.anyio
NOW = 1_790_000_000_000


def mounted(sku: str) -> ProductMounted:
    return ProductMounted(product=Product(sku=sku, title='茶 "x"\n', price=100, available=5))


async def make(log: RoomLog, id: str = "r", *events: SequencedEvent) -> RoomState:
    state = await log.create(RoomCreate(id=id, title="Room"), "host", NOW)
    if events:
        await log.append(state, events)
    return await read(log, id)


async def read(log: RoomLog, id: str = "r") -> RoomState:
    state = await log.load(id)
    assert state is not None
    return state


async def entries(store: Redis, count: int | None = None) -> list[tuple[int, dict[str, Any]]]:
    """What stands in the log of room `r`, without the code that wrote it."""
    raw: Any = await store.xrange("{room:r}:log", count=count)
    return [(int(id.removesuffix(b"-0")), json.loads(fields[b"event"])) for id, fields in raw]


async def test_a_room_is_made_once_and_loads_as_it_was_made(log: RoomLog) -> None:
    request = RoomCreate(
        id="r", title="直播", currency="JPY", stream_url="http://v/x.m3u8", guests=False, starts_at=NOW + 5
    )
    state = await log.create(request, "host", NOW)
    assert (state.status, state.seq, state.hosts) == (RoomStatus.SCHEDULED, 0, ["host"])
    assert await log.load("r") == state
    again = await log.create(RoomCreate(id="r", title="other"), "host", NOW + 1)
    assert again == state
    with pytest.raises(Refused) as refused:
        await log.create(RoomCreate(id="r", title="mine"), "thief", NOW)
    assert (refused.value.code, refused.value.field) == (ErrorCode.CONFLICT, "id")
    assert await log.load("r") == state


async def test_rooms_without_an_id_get_one_each_and_epochs_differ(log: RoomLog) -> None:
    first = await log.create(RoomCreate(title="Room"), "host", NOW)
    second = await log.create(RoomCreate(title="Room"), "host", NOW)
    assert first.id != second.id
    assert first.epoch != second.epoch
    assert await log.load(first.id) == first
    assert await log.load("nowhere") is None


async def test_an_append_stores_logs_and_publishes(log: RoomLog, listener: Listener) -> None:
    state = await make(log)
    assert await log.append(state, [mounted("a")]) == 1
    after = await read(log)
    assert await log.append(after, [mounted("b"), RoomUpdated(status=RoomStatus.LIVE)]) == 3
    assert state.seq == 0, "the caller's state is left as it was"

    expected = state.copy()
    logged: list[SequencedEvent] = [mounted("a"), mounted("b"), RoomUpdated(status=RoomStatus.LIVE)]
    for seq, event in enumerate(logged, start=1):
        expected.apply(seq, event)
    assert await read(log) == expected

    told = [await listener.next() for _ in range(3)]
    assert [kind for kind, _ in told] == ["L", "L", "L"]
    assert [(body["epoch"], body["seq"]) for _, body in told] == [(state.epoch, n) for n in (1, 2, 3)]
    assert told[0][1]["event"]["product"]["title"] == '茶 "x"\n'
    assert told[2][1]["event"] == {"type": "room.updated", "status": "live"}


async def test_only_one_of_two_appends_on_the_same_state_gets_in(log: RoomLog, listener: Listener) -> None:
    state = await make(log)
    results = await asyncio.gather(
        log.append(state, [mounted("a")]), log.append(state, [mounted("b")]), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["SequenceConflict", "int"]
    after = await read(log)
    assert after.seq == 1
    assert len(after.products) == 1
    assert (await listener.next())[1]["seq"] == 1
    assert await listener.silent()


async def test_an_append_to_another_epoch_or_a_lost_room_writes_nothing(log: RoomLog, store: Redis) -> None:
    old = await make(log, "r", mounted("a"))
    await store.flushall()
    with pytest.raises(SequenceConflict):
        await log.append(old, [mounted("b")])
    assert await store.dbsize() == 0
    new = await make(log, "r", mounted("x"))
    assert (old.seq, old.epoch == new.epoch) == (new.seq, False)
    with pytest.raises(SequenceConflict):
        await log.append(old, [mounted("b")])
    assert await read(log) == new


async def test_what_leaves_the_room_leaves_the_store(log: RoomLog, store: Redis) -> None:
    state = await make(log, "r", mounted("a"), mounted("b"))
    await log.append(state, [ProductUnmounted(sku="a")])
    for number in range(FINISHED_SALES + 3):
        sale = Sale(
            sale=f"s{number}", sku="b", price=1, starts_at=1, ends_at=number, phase=SalePhase.SCHEDULED
        )
        state = await read(log)
        await log.append(state, [SaleScheduled(sale=sale), SaleEnded(sale=sale.sale, reason="time")])
    fields = await store.hkeys("{room:r}:state")
    assert b"product:a" not in fields
    assert b"product:b" in fields
    assert sum(str(name).startswith("b'sale:") for name in fields) == FINISHED_SALES


async def test_since_gives_every_missed_event_in_order(log: RoomLog) -> None:
    events: list[SequencedEvent] = [mounted("a"), DanmakuRecalled(message="m"), ProductUnmounted(sku="a")]
    state = await make(log, "r", *events)
    for have in range(4):
        missed = await log.since("r", state.epoch, have)
        assert missed is not None
        assert [seq for seq, _ in missed] == list(range(have + 1, 4))
        assert [event.seq for _, event in missed] == list(range(have + 1, 4))
        assert [type(event) for _, event in missed] == [type(event) for event in events[have:]]
    assert await log.since("r", state.epoch, 4) is None, "ahead of the log"
    assert await log.since("r", "another", 3) is None
    assert await log.since("nowhere", state.epoch, 0) is None


async def test_since_is_never_partial_once_the_log_was_trimmed(store: Redis) -> None:
    log = RoomLog(store, RoomSettings(log_length=100))
    state = await make(log)
    for _ in range(6):
        await log.append(await read(log), [DanmakuRecalled(message="m")] * 100)
    first = (await entries(store, 1))[0][0]
    assert 1 < first <= 501, "the store trims, and keeps what was asked for"
    assert await log.since("r", state.epoch, first - 2) is None
    missed = await log.since("r", state.epoch, first - 1)
    assert missed is not None
    assert [seq for seq, _ in missed] == list(range(first, 601))


async def test_since_is_none_when_the_log_itself_is_damaged(log: RoomLog, store: Redis) -> None:
    state = await make(log, "r", *[DanmakuRecalled(message=f"m{n}") for n in range(5)])
    await store.xdel("{room:r}:log", "3-0")
    assert await log.since("r", state.epoch, 1) is None
    tail = await log.since("r", state.epoch, 3)
    assert tail is not None
    assert [seq for seq, _ in tail] == [4, 5]


async def test_a_load_never_sees_half_an_append(log: RoomLog) -> None:
    await make(log)
    done = asyncio.Event()

    async def write() -> None:
        for number in range(40):
            state = await read(log)
            await log.append(state, [mounted(f"p{number}"), RoomUpdated(announcement=f"p{number}")])
        done.set()

    async def look() -> int:
        looks = 0
        while not done.is_set():
            state = await read(log)
            assert state.seq == 2 * len(state.products)
            assert state.announcement == (list(state.products)[-1] if state.products else None)
            looks += 1
        return looks

    looks, _ = await asyncio.gather(look(), write())
    assert looks > 0
    assert (await read(log)).seq == 80


async def test_live_rooms_are_listed_in_pages(log: RoomLog, store: Redis) -> None:
    live = RoomUpdated(status=RoomStatus.LIVE)
    for number in range(7):
        await make(log, f"r{number}", live)
    await make(log, "r9")
    await log.append(await read(log, "r2"), [RoomUpdated(status=RoomStatus.PAUSED)])
    await log.append(await read(log, "r4"), [RoomUpdated(status=RoomStatus.ENDED)])
    await store.zadd(LIVE_ROOMS, {"r5x": 0})  # listed, and never made

    pages = []
    cursor: str | None = None
    while True:
        rooms, cursor = await log.live(cursor, 2)
        pages.append([room.id for room in rooms])
        if cursor is None:
            break
    assert pages == [["r0", "r1"], ["r3", "r5"], ["r6"]]
    assert [room.id for room in (await log.live(None, 5))[0]] == ["r0", "r1", "r3", "r5", "r6"]
    assert (await log.live(None, 5))[1] is None
    await log.append(await read(log, "r2"), [live])
    assert [room.id for room in (await log.live("r1", 1))[0]] == ["r2"]
    assert await store.zscore(LIVE_ROOMS, "r4") is None


async def test_counters_come_with_the_room(log: RoomLog, store: Redis) -> None:
    await make(log)
    presence = Presence(store, RoomSettings())
    await presence.report("r", "n1", 5, 7)
    await presence.report("r", "n2", 3)
    await presence.report("r", "n1", 1)
    state = await read(log)
    assert (state.online, state.peak, state.likes) == (4, 8, 7)
    assert (state.snapshot().online, state.snapshot().likes) == (4, 7)


async def test_a_lost_store_is_said_so() -> None:
    client = connect("unix:///nowhere/valkey.sock", name="test")
    log = RoomLog(client, RoomSettings())
    state = RoomState(id="r", epoch="e", title="Room", currency="CNY", hosts=["host"])
    with pytest.raises(StoreUnavailable):
        await log.create(RoomCreate(id="r", title="Room"), "host", NOW)
    with pytest.raises(StoreUnavailable):
        await log.load("r")
    with pytest.raises(StoreUnavailable):
        await log.append(state, [RoomUpdated(announcement="x")])
    with pytest.raises(StoreUnavailable):
        await log.since("r", "e", 0)
    with pytest.raises(StoreUnavailable):
        await log.live()
    with pytest.raises(StoreUnavailable):
        async with log.lock("r"):
            pass
    await client.aclose()


async def test_the_log_is_plain_json_for_whoever_reads_the_store(log: RoomLog, store: Redis) -> None:
    await make(log, "r", mounted("a"))
    ((seq, event),) = await entries(store)
    assert seq == 1
    assert event["type"] == "product.mounted"
    assert "seq" not in event
