"""Who watches, over several nodes, some of which fall silent."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from server.rooms.presence import Presence, Totals
from server.settings import RoomSettings
from server.valkey import StoreUnavailable, connect
from tests.rooms.listening import Listener

pytestmark = pytest.mark.anyio


@pytest.fixture
def presence(store: Redis) -> Presence:
    return Presence(store, RoomSettings(presence_ms=60_000))


async def test_nodes_add_up_likes_pile_up_and_the_peak_stays(presence: Presence, listener: Listener) -> None:
    assert await presence.report("r", "n1", 10, 3) == Totals(10, 10, 3)
    assert await presence.report("r", "n2", 5, 4) == Totals(15, 15, 7)
    assert await presence.report("r", "n1", 2) == Totals(7, 15, 7)
    assert await presence.report("r", "n2", 0) == Totals(2, 15, 7)
    assert await presence.report("other", "n1", 1, 1) == Totals(1, 1, 1)
    told = [await listener.next() for _ in range(4)]
    assert told[-1] == ("N", {"online": 2, "peak": 15, "likes": 7})
    assert [body["online"] for _, body in told] == [10, 15, 7, 2]


async def test_the_same_totals_are_told_once(presence: Presence, listener: Listener) -> None:
    await presence.report("r", "n1", 1)
    await presence.report("r", "n1", 1)
    await presence.report("r", "n1", 1, 1)
    assert (await listener.next())[1] == {"online": 1, "peak": 1, "likes": 0}
    assert (await listener.next())[1] == {"online": 1, "peak": 1, "likes": 1}
    assert await listener.silent()


async def test_a_node_that_falls_silent_counts_no_more(store: Redis) -> None:
    presence = Presence(store, RoomSettings(presence_ms=20))
    await presence.report("r", "dead", 100)
    async with asyncio.timeout(5):
        while (totals := await presence.report("r", "alive", 1)).online != 1:
            # Each report keeps the hash itself alive: only the dead node may go.
            assert await store.exists("{room:r}:nodes")
    assert totals == Totals(1, 101, 0)


async def test_when_every_node_falls_silent_nobody_is_left(store: Redis) -> None:
    await Presence(store, RoomSettings(presence_ms=1)).report("r", "n1", 100)
    async with asyncio.timeout(5):
        while await store.exists("{room:r}:nodes"):
            await asyncio.sleep(0)
    assert await store.hget("{room:r}:totals", "peak") == b"100"


async def test_a_lost_store_is_said_so() -> None:
    client = connect("unix:///nowhere/valkey.sock", name="test")
    with pytest.raises(StoreUnavailable):
        await Presence(client, RoomSettings()).report("r", "n1", 1)
    await client.aclose()
