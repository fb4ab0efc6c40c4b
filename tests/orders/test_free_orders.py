"""Orders that cost nothing: paid and given back like all others, and no provider hears of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from schemas.codes import ErrorCode, OrderStatus
from server.orders.audit import audit
from server.orders.changes import Code
from server.orders.consumer import LedgerConsumer
from server.orders.ledger import Ledger
from server.orders.sweeper import ReturnSweeper
from server.orders.verifier import Verifier
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted
from tests.orders.till import TERMS, Till

pytestmark = pytest.mark.anyio


@pytest.fixture
async def till(store: Redis) -> AsyncIterator[Till]:
    till = Till(store)
    await till.one.mount(stock=2, price=0)
    yield till
    assert not till.teller.asked, "no provider is asked"
    await till.stop()


async def rows(shop: Shop, ledger: Ledger) -> list[tuple[str, str, int]]:
    """(payment, what, amount) of the ledger's payments, after an audit that finds nothing."""
    await LedgerConsumer(shop.store, ledger, SETTINGS).drain()
    report = await audit(shop.store, ledger, SETTINGS)
    assert report.ok, report.problems
    async with ledger.reading() as connection:
        found = await connection.exec_driver_sql("SELECT payment, what, amount FROM payments ORDER BY 1, 2")
        return [(row.payment, row.what, row.amount) for row in found]


async def test_paid_at_once_and_given_back(till: Till, ledger: Ledger) -> None:
    shop = till.one
    tapped = await shop.order(pay=True)
    assert (tapped.status, tapped.amount, tapped.version) == (OrderStatus.PAID, 0, 2)
    held = await shop.order()
    paid = accepted(await shop.pay(held.order))
    assert accepted(await shop.pay(held.order)) == paid, "once"
    assert await shop.units() == (2, 0, 0, 2) and await till.open() == 0
    given_back = accepted(await shop.refund(tapped.order))
    assert given_back.status is OrderStatus.REFUNDED
    assert await shop.units() == (2, 1, 0, 1)
    assert sorted(await rows(shop, ledger)) == sorted(
        (f"free-{order.order}-1", "captured", 0) for order in (tapped, held)
    )


async def test_an_emptied_store_has_it_again(till: Till, ledger: Ledger) -> None:
    order = await till.one.order(pay=True)
    await LedgerConsumer(till.store, ledger, SETTINGS).drain()
    await till.store.flushall()
    assert await Verifier(till.store, ledger, SETTINGS).step()
    assert accepted(await till.one.pay(order.order)).status is OrderStatus.PAID
    assert accepted(await till.one.refund(order.order)).status is OrderStatus.REFUNDED
    assert await rows(till.one, ledger) == [(f"free-{order.order}-1", "captured", 0)]


@pytest.mark.parametrize("tapped", [True, False], ids=["placed to be paid", "held"])
async def test_whether_it_was_paid_is_forgotten(till: Till, ledger: Ledger, tapped: bool) -> None:
    """Its charge is a guess after a replay: what was to be paid as it was placed is; the rest waits."""
    order = await till.one.order()
    if tapped:
        await till.one.amend(order.order, pay=True)
    key = till.one.service.book.room(ROOM).partition.charge(order.order)
    await till.store.hset(
        key, mapping={"n": 1, "open": 1, "at": 1, "joined": 1, "joins": 1, "tap": 0, "walk": 1}
    )
    await till.store.zadd(till.one.service.book.room(ROOM).partition.charges, {order.order: 0})
    assert await till.poll() == 1 and await till.open() == 0
    found = await till.one.service.get(ROOM, "ann", order_id=order.order)
    assert found is not None and (found.status is OrderStatus.PAID) is tapped


async def test_a_gateway_that_died_before_it_was_paid(till: Till) -> None:
    """Also one of an earlier version, whose provider refused a charge of nothing."""
    order = await till.one.order()

    async def died(*_: object) -> None:
        raise ConnectionError("gone")

    till.one.service.cashier.take = died  # type: ignore[method-assign, assignment]
    assert (await till.one.pay(order.order)).code is ErrorCode.UNKNOWN_OUTCOME
    assert await till.open() == 1
    assert await till.poll(after_ms=TERMS.timeout_ms + 1) == 1
    assert await till.open() == 0
    assert accepted(await till.two.pay(order.order)).status is OrderStatus.PAID


async def test_what_pays_nothing_goes_back_without_a_provider(till: Till, ledger: Ledger) -> None:
    order = await till.one.order()
    record = await till.one.service.stored(order.order)
    assert record is not None
    accepted(await till.one.cancel(order.order))
    changed = await till.one.service.cashier.settle(record, f"free-{order.order}-1")
    assert changed.code is Code.REFUSED
    assert await till.one.owed() == []
    assert await ReturnSweeper(till.one.service, till.store, SETTINGS).sweep() == 0
    assert await rows(till.one, ledger) == [
        (f"free-{order.order}-1", what, 0) for what in ("returned", "unused")
    ]
