"""Many buyers asking for their unfinished orders at once: few calls, each their own, all or none told."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from server.orders.unfinished import SHOWN
from server.orders.verified import mark_verified
from server.valkey import EmbeddedValkey, StoreUnavailable, connect
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted

pytestmark = pytest.mark.anyio


async def calls(store: Redis) -> int:
    """Scripts and reads of records the store has carried out."""
    stats = await store.info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("evalsha", "mget"))


async def test_a_crowd_is_answered_in_a_few_calls(shop: Shop, store: Redis) -> None:
    await shop.mount(stock=100)
    orders = {user: await shop.order(user) for user in ("ann", "bob")}
    accepted(await shop.cancel((await shop.order("eve")).order, "eve"))
    await shop.service.unfinished(ROOM, "nobody")  # the script is loaded
    before = await calls(store)
    users = [*orders, "eve", *(f"viewer{number}" for number in range(1_000))]
    found = await asyncio.gather(*(shop.service.unfinished(ROOM, user) for user in users))
    assert found == [[orders["ann"]], [orders["bob"]], *[[]] * 1_001]
    assert await calls(store) - before <= 2 * (len(users) // SETTINGS.batch + 2)


async def test_the_latest_are_shown(shop: Shop) -> None:
    await shop.mount(stock=1_000)
    orders = [await shop.order("ann") for _ in range(SHOWN + 3)]
    assert await shop.service.unfinished(ROOM, "ann") == orders[3:]


async def test_a_record_that_cannot_be_read_is_left_out(shop: Shop, store: Redis) -> None:
    await shop.mount(stock=10)
    first, second = [await shop.order("ann") for _ in range(2)]
    keys = shop.service.book.room(ROOM).partition
    await store.set(keys.order(first.order), b"{")
    assert await shop.service.unfinished(ROOM, "ann") == [second]


async def test_who_gave_up_waiting_harms_nobody(shop: Shop) -> None:
    gone = asyncio.ensure_future(shop.service.unfinished(ROOM, "gone"))
    stays = asyncio.ensure_future(shop.service.unfinished(ROOM, "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == []


async def test_a_lost_store_is_told_to_all(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    await asyncio.to_thread(valkey.start)
    client = connect(valkey.url, name="test")
    await mark_verified(client, SETTINGS.partitions)
    shop = Shop(client)
    try:
        assert await shop.service.unfinished(ROOM, "ann") == []
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGSTOP)  # so that all of them are under way, or wait, when it dies
        waiting = [asyncio.ensure_future(shop.service.unfinished(ROOM, f"u{n}")) for n in range(600)]
        while not any(lane.get("in_flight") for lane in shop.service.statistics().values()):
            await asyncio.sleep(0)
        await asyncio.to_thread(valkey.kill)
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in told} == {StoreUnavailable}
        await asyncio.to_thread(valkey.start)
        await mark_verified(client, SETTINGS.partitions)
        async with asyncio.timeout(10):
            while True:
                try:
                    assert await shop.service.unfinished(ROOM, "ann") == []
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.01)
    finally:
        await shop.stop()
        await client.aclose()
        await asyncio.to_thread(valkey.stop)
