"""`pay.lua` and `release.lua`: each compares and sets, many in one call."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from schemas.codes import OrderStatus
from server.orders.changes import (
    CANCEL_ORDER,
    PAY_ORDER,
    Change,
    Changed,
    Changes,
    Code,
    Operation,
    Owed,
    expire_order,
    owed_for,
    pay_change,
    release_change,
)
from server.orders.keys import PartitionKeys
from server.orders.records import StoredOrder
from tests.orders.shop import ROOM, SETTINGS, Shop

pytestmark = pytest.mark.anyio

EXPIRE_ORDER = expire_order(0)


def partition(shop: Shop) -> PartitionKeys:
    return shop.service.book.room(ROOM).partition


async def run(shop: Shop, operation: Operation, *changes: Change) -> list[Changed]:
    lane = Changes(shop.store, shop.service.book, partition(shop), SETTINGS.request_ttl_ms)
    return await lane.run(operation, changes)


async def stored(shop: Shop, **place: object) -> StoredOrder:
    order = await shop.order(**place)  # type: ignore[arg-type]
    record = await shop.service.stored(order.order)
    assert record is not None
    return record


async def deadline(store: Redis, keys: PartitionKeys, order: str) -> float | None:
    return await store.zscore(keys.holds, order)


async def test_paying_once_and_again(shop: Shop) -> None:
    await shop.mount(stock=10, price=250)
    record = await stored(shop, quantity=2)
    until = record.expires_at + SETTINGS.payment_grace_ms
    assert await deadline(shop.store, partition(shop), record.order) == until
    (done,) = await run(shop, PAY_ORDER, pay_change(record, "p1"))
    assert done.code is Code.DONE and done.record is not None
    assert (done.record.status, done.record.version, done.record.payment) == (OrderStatus.PAID, 2, "p1")
    assert await deadline(shop.store, partition(shop), record.order) is None
    (again,) = await run(shop, PAY_ORDER, pay_change(record, "p1"))
    assert again == Changed(Code.ALREADY, done.record)
    (other,) = await run(shop, PAY_ORDER, pay_change(record, "p2"))
    assert other == Changed(Code.REFUSED, done.record)
    assert await shop.owed() == [owed_for(record, "p2").member.encode()]
    counts = (await shop.service.counts(ROOM))["lamp"]
    assert (counts.sold, counts.held, counts.orders_paid, counts.revenue) == (2, 0, 1, 500)


async def test_one_call_with_the_same_order_twice(shop: Shop) -> None:
    await shop.mount(stock=10)
    record, other = await stored(shop), await stored(shop, user="bob")
    results = await run(
        shop, PAY_ORDER, pay_change(record, "p1"), pay_change(record, "p1"), pay_change(other, "p3")
    )
    assert [result.code for result in results] == [Code.DONE, Code.ALREADY, Code.DONE]
    assert await shop.units() == (10, 8, 0, 2)
    results = await run(shop, CANCEL_ORDER, release_change(record, ""), release_change(other, ""))
    assert [result.code for result in results] == [Code.REFUSED, Code.REFUSED]
    assert await shop.units() == (10, 8, 0, 2)


async def test_releasing_is_for_the_held_and_the_due(shop: Shop) -> None:
    await shop.mount(stock=10)
    record = await stored(shop, quantity=4)
    (early,) = await run(shop, EXPIRE_ORDER, release_change(record, "late"))
    assert early.code is Code.REFUSED
    assert await shop.units() == (10, 6, 4, 0)
    (done,) = await run(shop, CANCEL_ORDER, release_change(record, "changed my mind"))
    assert done.code is Code.DONE and done.record is not None
    assert (done.record.status, done.record.reason) == (OrderStatus.CANCELLED, "changed my mind")
    assert await shop.units() == (10, 10, 0, 0)
    assert await shop.allowance() == {}
    (again,) = await run(shop, CANCEL_ORDER, release_change(record, ""))
    assert again == Changed(Code.ALREADY, done.record)
    (paid,) = await run(shop, PAY_ORDER, pay_change(record, "p1"))
    assert paid.code is Code.REFUSED, "who cancelled is not sold to again"
    assert await shop.units() == (10, 10, 0, 0)


async def test_an_order_the_store_does_not_know(shop: Shop) -> None:
    await shop.mount()
    record = await stored(shop)
    await shop.store.delete(partition(shop).order(record.order))
    for operation, change in (
        (PAY_ORDER, pay_change(record, "p1")),
        (CANCEL_ORDER, release_change(record, "")),
    ):
        assert await run(shop, operation, change) == [Changed(Code.MISSING, None)]
    assert await shop.store.zcard(partition(shop).returns) == 1, "the money of p1"
    assert await shop.units() == (10, 9, 1, 0)


async def test_a_late_payment_takes_new_stock(hasty: Shop) -> None:
    await hasty.mount(stock=5, price=100)
    record = await stored(hasty, quantity=2)
    await hasty.clock_reaches(record.expires_at)
    await run(hasty, EXPIRE_ORDER, release_change(record, "late"))
    assert await hasty.units() == (5, 5, 0, 0)
    (late,) = await run(hasty, PAY_ORDER, pay_change(record, "p1"))
    assert late.code is Code.DONE and late.record is not None
    assert (late.record.status, late.record.version, late.record.reason) == (OrderStatus.PAID, 3, None)
    assert await hasty.units() == (5, 3, 0, 2)
    assert await hasty.allowance() == {"ann": 2}
    key = partition(hasty).order(record.order)
    assert await hasty.store.pttl(key) == -1, "a paid order is kept"


async def test_a_late_payment_without_stock_goes_back(hasty: Shop) -> None:
    await hasty.mount(stock=2, per_user_limit=2)
    record = await stored(hasty, quantity=2)
    await hasty.clock_reaches(record.expires_at)
    await run(hasty, EXPIRE_ORDER, release_change(record, "late"))
    taken = await stored(hasty, user="bob")
    (late,) = await run(hasty, PAY_ORDER, pay_change(record, "p1"))
    assert late.code is Code.SOLD_OUT and late.record is not None
    assert late.record.status is OrderStatus.EXPIRED
    await run(hasty, CANCEL_ORDER, release_change(taken, ""))
    mine = await stored(hasty)
    await hasty.service.restock(ROOM, sku="lamp", delta=9)
    (over,) = await run(hasty, PAY_ORDER, pay_change(record, "p2"))
    assert over.code is Code.OVER_LIMIT
    await run(hasty, CANCEL_ORDER, release_change(mine, ""))
    await hasty.service.unmount(ROOM, "lamp")
    (off,) = await run(hasty, PAY_ORDER, pay_change(record, "p3"))
    assert off.code is Code.SOLD_OUT
    assert {Owed.decode(member).payment for member in await hasty.owed()} == {"p1", "p2", "p3"}


async def test_units_of_a_closed_sale_go_home(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.schedule("s1", stock=5)
    record = await stored(shop, sale="s1", quantity=3)
    await shop.service.close_sale(ROOM, "s1", "time")
    assert (await shop.units("lamp"))[:2] == (7, 7)
    await run(shop, CANCEL_ORDER, release_change(record, ""))
    assert await shop.units("s1") == (0, 0, 0, 0)
    assert await shop.units("lamp") == (10, 10, 0, 0)
    assert await shop.allowance("sale/s1") == {}


async def test_units_of_an_open_sale_stay_in_it(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.schedule("s1", stock=5)
    record = await stored(shop, sale="s1", quantity=3)
    await run(shop, CANCEL_ORDER, release_change(record, ""))
    assert await shop.units("s1") == (5, 5, 0, 0)
    assert await shop.units("lamp") == (5, 5, 0, 0)
