"""A store that dies, hangs or forgets: what was in flight is unknown, everything else goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.codes import ErrorCode
from server.orders.outcomes import Outcome
from server.orders.records import StoredOrder
from server.orders.verified import mark_verified
from server.valkey import EmbeddedValkey, connect
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted, codes

pytestmark = pytest.mark.anyio


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A store of this test's own, to be killed."""
    valkey = EmbeddedValkey(tmp_path)
    valkey.start()
    yield valkey
    valkey.stop()


async def checked(valkey: EmbeddedValkey) -> Redis:
    """A client on a store that is taken for checked against a ledger."""
    client = connect(valkey.url, name="test")
    await mark_verified(client, SETTINGS.partitions)
    return client


async def until_accepted(shop: Shop) -> Outcome:
    async with asyncio.timeout(10):
        while (outcome := await shop.place("later")).code is not None:
            assert outcome.code in (ErrorCode.UNAVAILABLE, ErrorCode.UNKNOWN_OUTCOME)
            await asyncio.sleep(0.01)
    return outcome


async def test_killed_with_orders_in_flight(valkey: EmbeddedValkey) -> None:
    client = await checked(valkey)
    shop = Shop(client)
    await shop.mount(stock=10_000)
    settled = [await shop.place("ann", request_id=f"before-{n}") for n in range(3)]
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGSTOP)  # so that the next batch is certainly under way when it dies
    in_flight = [shop.start_place("ann", request_id=f"flight-{n}") for n in range(100)]
    while not shop.service.statistics():
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    valkey.kill()
    outcomes = await asyncio.gather(*in_flight)
    assert Counter(codes(outcomes)) == {ErrorCode.UNKNOWN_OUTCOME: 100}
    refused = await shop.place("ann")
    assert refused.code is ErrorCode.UNAVAILABLE and refused.retry_after_ms is not None
    await asyncio.to_thread(valkey.start)
    await mark_verified(client, SETTINGS.partitions)
    await until_accepted(shop)
    for outcome in settled:  # what was acknowledged is still there
        order = accepted(outcome)
        again = await shop.place("ann", request_id=order.request_id)
        assert again.replayed and again.order == order
    for number in range(100):  # what was unknown is asked again, and is one order each
        accepted(await shop.place("ann", request_id=f"flight-{number}"))
    total, available, held, _ = await shop.units()
    assert (total - available, held) == (104, 104)
    await shop.stop()
    await client.aclose()


async def test_a_restart_forgets_scripts_not_orders(valkey: EmbeddedValkey) -> None:
    client = await checked(valkey)
    shop = Shop(client)
    await shop.mount(stock=10)
    order = await shop.order("ann", request_id="one")
    await asyncio.to_thread(valkey.stop)
    await asyncio.to_thread(valkey.start)
    await mark_verified(client, SETTINGS.partitions)
    await until_accepted(shop)
    assert accepted(await shop.place("ann", request_id="one")) == order
    accepted(await shop.pay(order.order))
    await shop.stop()
    await client.aclose()


async def test_scripts_flushed_between_two_calls(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.order()
    await shop.store.script_flush()
    order = await shop.order()
    await shop.store.script_flush()
    accepted(await shop.pay(order.order))
    assert await shop.units() == (10, 8, 1, 1)


async def test_a_store_that_hangs(valkey: EmbeddedValkey) -> None:
    client = await checked(valkey)
    shop = Shop(client, replace(SETTINGS, store_timeout_ms=100))
    await shop.mount(stock=10)
    await shop.order()
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        assert (await shop.place("ann", request_id="slow")).code is ErrorCode.UNKNOWN_OUTCOME
    finally:
        os.kill(valkey.pid, signal.SIGCONT)
    await until_accepted(shop)
    known = await shop.place("ann", request_id="slow")
    assert accepted(known).request_id == "slow"
    total, available, held, _ = await shop.units()
    assert (total - available, held) == (3, 3)
    await shop.stop()
    await client.aclose()


async def test_a_store_that_takes_no_writes_has_done_nothing(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.store.config_set("maxmemory", "1")
    try:
        outcome = await shop.place("ann", request_id="one")
    finally:
        await shop.store.config_set("maxmemory", "0")
    assert outcome.code is ErrorCode.UNAVAILABLE
    assert await shop.units() == (10, 10, 0, 0)
    await until_accepted(shop)
    assert not (await shop.place("ann", request_id="one")).replayed


@pytest.mark.parametrize("command", ["pay", "cancel", "refund"])
async def test_emptied_under_a_command(shop: Shop, command: str) -> None:
    """Its scripts still run for a moment: an order that it has lost is not said to be none."""
    await shop.mount()
    order = await shop.order(pay=command == "refund")
    partition, read = shop.service.book.room(ROOM).partition, shop.service.stored

    async def emptied(order_id: str) -> StoredOrder | None:
        record = await read(order_id)
        await shop.store.delete(partition.order(order_id), partition.verified)
        return record

    shop.service.stored = emptied  # type: ignore[method-assign]
    outcome = await getattr(shop, command)(order.order)
    assert outcome.code is ErrorCode.UNAVAILABLE
    assert shop.provider.refunds == [] and await shop.owed() == []
