"""The audit finds what was tampered with, and names it."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import delete

from schemas.codes import OrderStatus
from server.orders.audit import AuditReport, audit
from server.orders.consumer import LedgerConsumer
from server.orders.keys import PoolKeys
from server.orders.ledger import Ledger
from server.orders.repair import Repair
from server.orders.tables import order_history
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted

pytestmark = pytest.mark.anyio


@pytest.fixture
async def open_shop(shop: Shop, ledger: Ledger) -> Shop:
    """Sells two products and a sale; all of it in the ledger."""
    await shop.mount("lamp", stock=10)
    await shop.mount("cup", stock=10)
    await shop.schedule("s1", "lamp", stock=4)
    await shop.order("ann", "lamp", quantity=2)
    await shop.order("bob", sale="s1", pay=True)
    await LedgerConsumer(shop.store, ledger, SETTINGS).drain()
    return shop


def pool(shop: Shop, ref: str) -> PoolKeys:
    return shop.service.book.room(ROOM).at(ref)


def named(report: AuditReport) -> set[tuple[str, str]]:
    assert report.ok is not bool(report.problems)
    return {(problem.pool, problem.kind) for problem in report.problems}


async def test_all_is_well(open_shop: Shop, ledger: Ledger) -> None:
    report = await audit(open_shop.store, ledger, SETTINGS)
    assert report.ok and report.problems == [] and report.behind == 0
    assert (report.total, report.available, report.held, report.sold) == (20, 17, 2, 1)
    assert {entry.pool: entry.total for entry in report.pools} == {
        "r/sku/lamp": 6,
        "r/sku/cup": 10,
        "r/sale/s1": 4,
    }
    assert json.loads(report.to_json())["ok"] is True


@pytest.mark.parametrize("counter", ["available", "held", "sold", "total"])
@pytest.mark.parametrize("ref", ["sku/lamp", "sale/s1"])
async def test_a_tampered_pool_is_named(open_shop: Shop, ledger: Ledger, ref: str, counter: str) -> None:
    await open_shop.store.hincrby(pool(open_shop, ref).pool, counter, 1)
    report = await audit(open_shop.store, ledger, SETTINGS)
    assert not report.ok
    assert {problem.pool for problem in report.problems} == {f"r/{ref}"}
    assert (f"r/{ref}", "sum") in named(report)
    assert {entry.pool for entry in report.pools if not entry.ok} == {f"r/{ref}"}


async def test_tampering_that_keeps_the_sum_is_found_beside_the_ledger(
    open_shop: Shop, ledger: Ledger
) -> None:
    keys = pool(open_shop, "sku/cup").pool
    await open_shop.store.hincrby(keys, "available", 3)
    await open_shop.store.hincrby(keys, "total", 3)
    assert named(await audit(open_shop.store, ledger, SETTINGS)) == {("r/sku/cup", "ledger_total")}


async def test_money_and_allowances_are_compared(open_shop: Shop, ledger: Ledger) -> None:
    await open_shop.store.hincrby(pool(open_shop, "sale/s1").pool, "revenue", -1)
    await open_shop.store.hset(pool(open_shop, "sku/lamp").units, "eve", 1)
    report = await audit(open_shop.store, ledger, SETTINGS)
    assert named(report) == {("r/sale/s1", "ledger_revenue"), ("r/sku/lamp", "user_units")}
    assert any("eve" in problem.message for problem in report.problems)


async def test_a_hold_that_nobody_would_release(open_shop: Shop, ledger: Ledger) -> None:
    partition = open_shop.service.book.room(ROOM).partition
    await open_shop.store.delete(partition.holds)
    assert named(await audit(open_shop.store, ledger, SETTINGS)) == {
        (partition.tag, "holds"),
        ("r/sku/lamp", "hold_missing"),
    }


async def test_a_store_that_came_back_empty(open_shop: Shop, ledger: Ledger) -> None:
    await open_shop.store.flushall()
    report = await audit(open_shop.store, ledger, SETTINGS)
    lost = {(f"r/{ref}", "lost") for ref in ("sku/lamp", "sku/cup", "sale/s1")}
    gone = {(f"r/{ref}", kind) for ref in ("sku/lamp", "sale/s1") for kind in ("record_missing", "request")}
    assert named(report) == lost | gone


async def test_a_ledger_that_lost_a_row(open_shop: Shop, ledger: Ledger) -> None:
    order = await open_shop.order("eve", "cup", pay=True)
    await LedgerConsumer(open_shop.store, ledger, SETTINGS).drain()
    async with ledger.database.writing() as connection:
        first = (order_history.c.version == 1, order_history.c.order_id == order.order)
        await connection.execute(delete(order_history).where(*first))
    await open_shop.store.xtrim(open_shop.service.book.room(ROOM).partition.outbox, maxlen=0)
    assert named(await audit(open_shop.store, ledger, SETTINGS)) == {("r/sku/cup", "history")}


async def test_a_ledger_that_is_behind_is_caught_up_with(open_shop: Shop, ledger: Ledger) -> None:
    order = await open_shop.order("ann", "cup", pay=True)
    accepted(await open_shop.refund(order.order))
    await open_shop.service.restock(ROOM, sku="cup", delta=-2)
    report = await audit(open_shop.store, ledger, SETTINGS)
    assert report.ok, report.problems
    assert report.behind == 2, "one order, one movement"


async def test_what_a_dead_consumer_took_is_still_to_come(open_shop: Shop, ledger: Ledger) -> None:
    victim = LedgerConsumer(open_shop.store, ledger, SETTINGS)
    await victim.prepare()
    order = await open_shop.order("eve", "cup")
    assert await victim.read(block=False)  # and dies: nobody else is given this
    accepted(await open_shop.pay(order.order, "eve"))
    heir = LedgerConsumer(open_shop.store, ledger, SETTINGS, claim_idle_ms=3_600_000)
    await heir.drain()
    assert [version for version, *_ in await ledger.history(order.order)] == [2]
    report = await audit(open_shop.store, ledger, SETTINGS)
    assert report.ok, report.problems
    await open_shop.store.flushall()
    assert ("r/sku/cup", "history") in named(await audit(open_shop.store, ledger, SETTINGS))


async def test_while_orders_come_in(open_shop: Shop, ledger: Ledger) -> None:
    """Sells, pays, cancels and writes the ledger all along: no audit sees a contradiction."""
    await open_shop.mount("lamp", stock=100_000)
    stop = asyncio.Event()

    async def buy(user: str) -> int:
        placed = 0
        while not stop.is_set():
            order = accepted(await open_shop.place(user, pay=placed % 3 == 0))
            if order.status is OrderStatus.RESERVED and placed % 2:
                accepted(await open_shop.cancel(order.order, user))
            placed += 1
        return placed

    consumer = asyncio.create_task(
        LedgerConsumer(open_shop.store, ledger, SETTINGS, block_ms=20, count=8).run()
    )
    buyers = [asyncio.create_task(buy(f"u{number}")) for number in range(20)]
    for _ in range(5):
        report = await audit(open_shop.store, ledger, SETTINGS)
        assert report.ok, report.problems
    stop.set()
    assert sum(await asyncio.gather(*buyers)) > 100
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)


@pytest.mark.parametrize("what", ["counter", "version", "units", "pool key", "units key"])
async def test_what_cannot_be_read_is_named_and_mended(open_shop: Shop, ledger: Ledger, what: str) -> None:
    keys, store = pool(open_shop, "sku/lamp"), open_shop.store
    before = await open_shop.units()
    match what:
        case "counter" | "version":
            await store.hset(keys.pool, "available" if what == "counter" else what, "abc")
        case "units":
            await store.hset(keys.units, "ann", "x")
        case _:
            key = keys.pool if what == "pool key" else keys.units
            await store.delete(key)
            await store.set(key, "x")
    report = await audit(store, ledger, SETTINGS)
    kind = "rules_behind" if what == "version" else "unreadable"
    assert named(report) == {("r/sku/lamp", kind)}, report.problems
    repaired = await Repair(store, ledger, SETTINGS, swept=False).run()
    assert repaired.ok, repaired.problems
    assert await open_shop.units() == before
