"""The bus: what is published arrives, and after every loss the room is told to catch up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from server.rooms import bus as module
from server.rooms import metrics
from server.rooms.bus import RoomBus
from server.valkey import EmbeddedValkey, connect, room_channel

pytestmark = pytest.mark.anyio


class Room:
    """A handler that keeps what it heard and can be waited on."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, bytes]] = []
        self._news = asyncio.Event()

    def __call__(self, kind: bytes, body: bytes) -> None:
        self.heard.append((kind, body))
        self._news.set()

    async def until(self, count: int) -> list[tuple[bytes, bytes]]:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard


@pytest.fixture
async def bus(store: Redis) -> AsyncIterator[RoomBus]:
    bus = RoomBus(store)
    await bus.start()
    yield bus
    await bus.stop()


async def test_a_room_hears_of_its_subscription_first_and_then_every_message(
    bus: RoomBus, store: Redis
) -> None:
    room, other = Room(), Room()
    await bus.subscribe("r", room)
    await bus.subscribe("other", other)
    await room.until(1)
    await other.until(1)
    for number in range(100):
        await store.publish(room_channel("r"), b"S%d" % number)
    await store.publish(room_channel("other"), b"N\x00\xff")
    assert await room.until(101) == [(b"R", b""), *((b"S", b"%d" % n) for n in range(100))]
    assert await other.until(2) == [(b"R", b""), (b"N", b"\x00\xff")]


async def test_an_unsubscribed_room_hears_nothing_and_may_come_back(bus: RoomBus, store: Redis) -> None:
    room, again = Room(), Room()
    await bus.subscribe("r", room)
    await room.until(1)
    with pytest.raises(ValueError, match="already"):
        await bus.subscribe("r", again)
    await bus.unsubscribe("r")
    await bus.unsubscribe("r")
    await store.publish(room_channel("r"), b"Slost")
    await bus.subscribe("r", again)
    await again.until(1)
    await store.publish(room_channel("r"), b"Sfound")
    assert (await again.until(2))[-1] == (b"S", b"found")
    assert room.heard == [(b"R", b"")]


async def test_a_message_of_no_known_kind_is_not_delivered(bus: RoomBus, store: Redis) -> None:
    room = Room()
    await bus.subscribe("r", room)
    await room.until(1)
    for odd in (b"", b"Rforged", b"\xff\xff", b"x{}"):
        await store.publish(room_channel("r"), odd)
    await store.publish(room_channel("r"), b"L")
    assert await room.until(2) == [(b"R", b""), (b"L", b"")]


async def test_a_failing_handler_is_counted_and_the_next_message_comes(bus: RoomBus, store: Redis) -> None:
    heard = Room()

    def fragile(kind: bytes, body: bytes) -> None:
        heard(kind, body)
        if body == b"bad":
            raise RuntimeError("no")

    before = metrics.BUS_ERRORS._value.get()
    await bus.subscribe("r", fragile)
    await heard.until(1)
    for body in (b"Sbad", b"Sgood"):
        await store.publish(room_channel("r"), body)
    assert (await heard.until(3))[-1] == (b"S", b"good")
    assert metrics.BUS_ERRORS._value.get() == before + 1


async def test_a_cut_connection_comes_back_and_every_room_is_told(bus: RoomBus, store: Redis) -> None:
    rooms = {f"r{number}": Room() for number in range(20)}
    for name, room in rooms.items():
        await bus.subscribe(name, room)
    await asyncio.gather(*(room.until(1) for room in rooms.values()))
    await store.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]
    await asyncio.gather(*(room.until(3) for room in rooms.values()))
    await store.publish(room_channel("r7"), b"Sx")
    assert await rooms["r7"].until(4) == [(b"R", b""), (b"X", b""), (b"R", b""), (b"S", b"x")]


async def test_a_silent_connection_is_asked_and_given_up(
    store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is frozen: the connection stays open and says nothing any more."""
    monkeypatch.setattr(module, "PING_SECONDS", 0.05)
    bus, room = RoomBus(store), Room()
    await bus.start()
    await bus.subscribe("r", room)
    await room.until(1)
    before = metrics.BUS_RECONNECTS._value.get()
    sleeping = connect(f"unix://{store.connection_pool.connection_kwargs['path']}", name="sleep")
    try:
        await sleeping.execute_command("DEBUG", "SLEEP", "0.5")  # type: ignore[no-untyped-call]
        await room.until(3)
    finally:
        await bus.stop()
        await sleeping.aclose()
    assert metrics.BUS_RECONNECTS._value.get() > before


async def test_a_quiet_connection_that_answers_is_kept(store: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_SECONDS", 0.01)
    bus, room = RoomBus(store), Room()
    await bus.start()
    await bus.subscribe("r", room)
    await room.until(1)
    asked = int((await store.info("commandstats")).get("cmdstat_ping", {}).get("calls", 0))
    async with asyncio.timeout(10):
        while int((await store.info("commandstats")).get("cmdstat_ping", {}).get("calls", 0)) < asked + 3:
            await asyncio.sleep(0.005)
    await store.publish(room_channel("r"), b"Sx")
    assert await room.until(2) == [(b"R", b""), (b"S", b"x")], "no second R: it was never given up"
    await bus.stop()


async def test_rooms_survive_a_killed_store_and_may_subscribe_while_it_is_down(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    await asyncio.to_thread(valkey.start)
    client = connect(valkey.url, name="test")
    bus, before, during = RoomBus(client), Room(), Room()
    try:
        await bus.start()
        await bus.subscribe("before", before)
        await before.until(1)
        await asyncio.to_thread(valkey.kill)
        async with asyncio.timeout(10):
            while bus.connected:
                await asyncio.sleep(0.005)
        await bus.subscribe("during", during)
        assert during.heard == []
        await asyncio.to_thread(valkey.start)
        await before.until(3)
        await during.until(1)
        await client.publish(room_channel("during"), b"Sx")
        assert (await during.until(2))[-1] == (b"S", b"x")
    finally:
        await bus.stop()
        await client.aclose()
        await asyncio.to_thread(valkey.stop)


async def test_stop_leaves_no_connection_and_start_begins_again(store: Redis) -> None:
    bus, room = RoomBus(store), Room()
    await bus.start()
    await bus.start()
    await bus.subscribe("r", room)
    await room.until(1)
    await bus.stop()
    await bus.stop()
    assert not bus.connected
    async with asyncio.timeout(5):
        while await store.client_list(_type="pubsub"):
            await asyncio.sleep(0.005)
    await bus.start()
    await room.until(2)
    await bus.stop()
