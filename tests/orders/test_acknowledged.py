"""A ledger is proof only for the store that was written to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import delete

from server.orders.acknowledged import acknowledged, find_wrong_ledger
from server.orders.audit import audit
from server.orders.consumer import LedgerConsumer
from server.orders.ledger import Ledger
from server.orders.repair import Repair, WrongLedger
from server.orders.tables import checkpoints
from tests.orders.lost import drain
from tests.orders.shop import ROOM, SETTINGS, Shop

pytestmark = pytest.mark.anyio


async def test_an_empty_ledger_is_another(shop: Shop, ledger: Ledger, tmp_path: Path) -> None:
    await shop.mount("lamp", 10)
    await drain(shop, ledger)
    assert await find_wrong_ledger(shop.store, ledger, shop.service.book) == []
    other = Ledger(f"sqlite:///{tmp_path}/other.db")
    await other.start()
    await shop.order("ann")
    try:
        report = await audit(shop.store, other, SETTINGS)
        tag = shop.service.book.room(ROOM).partition.tag
        assert (tag, "wrong_ledger") in {(one.pool, one.kind) for one in report.problems}
        with pytest.raises(WrongLedger, match="another database"):
            await Repair(shop.store, other, SETTINGS, swept=False).run()
        assert await other.checkpoints() == {}, "nothing was drained into it"
    finally:
        await other.stop()


async def test_what_is_taken_and_not_written_accuses_nobody(shop: Shop, ledger: Ledger) -> None:
    await shop.mount("lamp", 10)
    consumer = LedgerConsumer(shop.store, ledger, SETTINGS)
    await consumer.prepare()
    assert await acknowledged(shop.store, shop.service.book) == {}
    first = await consumer.read(block=False)
    assert first and await acknowledged(shop.store, shop.service.book) == {}
    await shop.order("ann")
    second = await consumer.read(block=False)
    await consumer.acknowledge(second)  # the first is still under way
    assert await acknowledged(shop.store, shop.service.book) == {}
    await consumer.acknowledge(first)
    assert set(await acknowledged(shop.store, shop.service.book)) == {second[0].stream}
    assert len(await find_wrong_ledger(shop.store, ledger, shop.service.book)) == 1


async def test_a_ledger_from_before_checkpoints(shop: Shop, ledger: Ledger) -> None:
    await shop.mount("lamp", 10)
    await drain(shop, ledger)
    async with ledger.database.writing() as connection:
        await connection.execute(delete(checkpoints))
    assert await find_wrong_ledger(shop.store, ledger, shop.service.book) == []


async def test_a_running_server_is_never_accused(shop: Shop, ledger: Ledger) -> None:
    await shop.mount("lamp", 5_000)
    consumer = asyncio.create_task(LedgerConsumer(shop.store, ledger, SETTINGS, block_ms=5).run())

    async def buy() -> None:
        for number in range(60):
            await shop.order(f"u{number}")

    buying = asyncio.create_task(buy())
    looks = 0
    try:
        async with asyncio.timeout(60):
            while not buying.done() or looks < 10:
                assert await find_wrong_ledger(shop.store, ledger, shop.service.book) == []
                looks += 1
            await buying
    finally:
        consumer.cancel()
        await asyncio.gather(consumer, return_exceptions=True)
