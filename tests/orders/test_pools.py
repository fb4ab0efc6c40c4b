"""Stock as rooms order it: mount, update, unmount, restock, carve out, close; and what is due."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from schemas.codes import ErrorCode
from server.orders.entries import PoolRow, decode_entry
from server.orders.errors import OrderError
from server.orders.pools import DueSale
from server.orders.records import decode_order
from server.valkey import StoreUnavailable, connect, store_time
from tests.orders.shop import ROOM, SETTINGS, Shop

pytestmark = pytest.mark.anyio


async def test_mounting_sets_what_is_available(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.mount(stock=10)
    assert await shop.units() == (10, 10, 0, 0)
    await shop.order(quantity=3)
    await shop.mount(stock=10)
    assert await shop.units() == (13, 10, 3, 0)
    await shop.mount(stock=0)
    assert await shop.units() == (3, 0, 3, 0)


async def test_unmounting_withdraws_what_is_left(shop: Shop) -> None:
    await shop.mount(stock=10)
    order = await shop.order(quantity=2)
    await shop.service.unmount(ROOM, "lamp")
    await shop.service.unmount(ROOM, "lamp")
    assert await shop.units() == (2, 0, 2, 0)
    await shop.cancel(order.order)
    assert await shop.units() == (2, 2, 0, 0)
    await shop.mount(stock=7)
    assert await shop.units() == (7, 7, 0, 0)
    assert (await shop.place()).code is None


async def test_updating_changes_price_and_limit_of_orders_to_come(shop: Shop) -> None:
    await shop.mount(price=100, per_user_limit=1)
    before = await shop.order()
    await shop.service.update(ROOM, "lamp", price=70, per_user_limit=None)
    after = await shop.order()
    assert (before.amount, after.amount) == (100, 70)
    paid = await shop.pay(before.order)
    assert paid.order is not None and paid.order.amount == 100


async def test_restocking(shop: Shop) -> None:
    await shop.mount(stock=3)
    assert await shop.service.restock(ROOM, sku="lamp", delta=4) == 7
    assert await shop.service.restock(ROOM, sku="lamp", delta=-7) == 0
    with pytest.raises(OrderError) as caught:
        await shop.service.restock(ROOM, sku="lamp", delta=-1)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID, "delta")
    assert await shop.units() == (0, 0, 0, 0)
    with pytest.raises(OrderError) as caught:
        await shop.service.restock(ROOM, sku="lamp", delta=10**9 + 1)
    assert caught.value.field == "delta"


async def test_restocking_a_sale_adds_units(shop: Shop) -> None:
    await shop.mount(stock=5)
    await shop.schedule("s1", stock=2)
    assert await shop.service.restock(ROOM, sale="s1", delta=3) == 5
    assert await shop.units() == (3, 3, 0, 0)
    await shop.service.close_sale(ROOM, "s1", "cancelled")
    assert await shop.units() == (8, 8, 0, 0)
    with pytest.raises(OrderError) as caught:
        await shop.service.restock(ROOM, sale="s1", delta=1)
    assert caught.value.code is ErrorCode.SALE_ENDED


async def test_what_is_not_there(shop: Shop) -> None:
    service = shop.service
    for call, code, field in (
        (service.update(ROOM, "lamp", price=1, per_user_limit=None), ErrorCode.NOT_FOUND, "sku"),
        (service.unmount(ROOM, "lamp"), ErrorCode.NOT_FOUND, "sku"),
        (service.restock(ROOM, sku="lamp", delta=1), ErrorCode.NOT_FOUND, "sku"),
        (service.restock(ROOM, sale="s1", delta=1), ErrorCode.NOT_FOUND, "sale"),
        (service.restock(ROOM, delta=1), ErrorCode.INVALID, "sku"),
        (service.close_sale(ROOM, "s1", "time"), ErrorCode.NOT_FOUND, "sale"),
        (shop.schedule("s1"), ErrorCode.NOT_FOUND, "sku"),
    ):
        with pytest.raises(OrderError) as caught:
            await call
        assert (caught.value.code, caught.value.field) == (code, field), str(caught.value)
    assert await service.counts(ROOM) == {}
    await shop.mount()
    await service.unmount(ROOM, "lamp")
    with pytest.raises(OrderError) as caught:
        await service.restock(ROOM, sku="lamp", delta=1)
    assert caught.value.code is ErrorCode.CONFLICT


async def test_a_sale_is_carved_out_of_its_product(shop: Shop) -> None:
    await shop.mount(stock=10)
    before = await store_time(shop.store)
    window = await shop.schedule("s1", stock=4, starts_in_ms=500, duration_ms=1_000)
    assert before + 500 <= window[0] <= await store_time(shop.store) + 500
    assert window[1] == window[0] + 1_000
    assert await shop.schedule("s1", stock=4, starts_in_ms=500) == window, "again is no harm"
    assert await shop.units("lamp") == (6, 6, 0, 0)
    assert await shop.units("s1") == (4, 4, 0, 0)
    with pytest.raises(OrderError) as caught:
        await shop.schedule("s2", stock=7)
    assert (caught.value.code, caught.value.field) == (ErrorCode.CONFLICT, "stock")


async def test_windows_that_make_no_sense(shop: Shop) -> None:
    await shop.mount(stock=10)
    now = await store_time(shop.store)
    for starts_at, starts_in_ms in ((now - 2_000, None), (None, None), (now, 1)):
        with pytest.raises(OrderError) as caught:
            await shop.service.schedule(
                ROOM,
                "s1",
                "lamp",
                price=1,
                currency="CNY",
                stock=1,
                starts_at=starts_at,
                starts_in_ms=starts_in_ms,
                duration_ms=1_000,
                per_user_limit=None,
                hold_ms=None,
            )
        assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID, "starts_at")
    assert await shop.units() == (10, 10, 0, 0)


async def test_closing_a_sale_happens_once(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.schedule("s1", stock=4)
    await shop.order(sale="s1")
    assert await shop.service.close_sale(ROOM, "s1", "cancelled") == "cancelled"
    assert await shop.service.close_sale(ROOM, "s1", "time") == "cancelled"
    assert await shop.units("s1") == (1, 0, 1, 0)
    assert await shop.units("lamp") == (9, 9, 0, 0)


async def test_a_sale_closed_after_its_product_left_the_shelf(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.schedule("s1", stock=4)
    await shop.service.unmount(ROOM, "lamp")
    await shop.service.close_sale(ROOM, "s1", "time")
    assert await shop.units("lamp") == (4, 4, 0, 0)
    assert (await shop.place()).code is ErrorCode.NOT_FOUND


async def test_what_a_sale_has_to_tell_is_due_until_settled(shop: Shop) -> None:
    await shop.mount(stock=3)
    starts_at, ends_at = await shop.schedule("s1", stock=1, starts_in_ms=60, duration_ms=120)
    assert await shop.service.due(10) == []
    await shop.clock_reaches(starts_at)
    start = DueSale(ROOM, "s1", "start", starts_at)
    assert await shop.service.due(10) == [start]
    await shop.service.settle(start)
    assert await shop.service.due(10) == []
    order = await shop.order(sale="s1")
    (sold_out,) = await shop.service.due(10)
    assert sold_out == DueSale(ROOM, "s1", "sold_out", order.reserved_at)
    await shop.service.settle(sold_out)
    await shop.cancel(order.order)
    await shop.order(sale="s1")
    assert await shop.service.due(10) == [], "sold out is said once"
    await shop.clock_reaches(ends_at)
    assert await shop.service.due(10) == [DueSale(ROOM, "s1", "end", ends_at)]


async def test_who_closes_a_sale_and_dies_is_stood_in_for(shop: Shop) -> None:
    await shop.mount(stock=3)
    _, ends_at = await shop.schedule("s1", starts_in_ms=50_000, stock=1)
    await shop.service.close_sale(ROOM, "s1", "cancelled")
    due = shop.service.book.room(ROOM).partition.due
    assert await shop.store.zrange(due, 0, -1) == [b"r/s1/end"]
    told_at = await shop.store.zscore(due, "r/s1/end")
    assert told_at is not None and told_at < ends_at - 40_000


async def test_every_stock_change_is_told_to_the_room(shop: Shop) -> None:
    heard: list[bytes] = []
    async with shop.store.pubsub() as channel:
        await channel.subscribe(shop.service.book.room(ROOM).channel)
        await shop.mount(stock=5)
        await shop.schedule("s1", stock=2)
        order = await shop.order("ann", sale="s1")
        await shop.pay(order.order)
        await shop.service.close_sale(ROOM, "s1", "time")
        async with asyncio.timeout(5):
            while len(heard) < 6:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=1)
                if message:
                    heard.append(message["data"])
    assert heard[0] == b'S{"stock":{"lamp":5},"total":{"lamp":5}}'
    assert json.loads(heard[1][1:]) == {"stock": {"lamp": 3, "s1": 2}, "total": {"lamp": 3, "s1": 2}}
    assert heard[2] == b'S{"stock":{"s1":1},"buyers":["ann"]}'
    assert heard[3] == b'S{"stock":{"s1":1}}'
    ((notice),) = json.loads(heard[4][1:])
    assert heard[4][:1] == b"O" and notice["user"] == "ann"
    told = decode_order(json.dumps(notice["order"]).encode())
    assert (told.order, told.version, told.status) == (order.order, 2, "paid")
    assert json.loads(heard[5][1:]) == {"stock": {"lamp": 4, "s1": 0}, "total": {"lamp": 4, "s1": 1}}


async def test_a_store_that_is_away(anyio_backend: str) -> None:
    client = connect("unix:///nowhere/at/all.sock", name="test", timeout_ms=200)
    shop = Shop(client)
    for call in (
        shop.mount(),
        shop.service.counts(ROOM),
        shop.service.due(1),
        shop.service.stored("00-" + "0" * 32),
    ):
        with pytest.raises(StoreUnavailable):
            await call
    assert (await shop.place()).code is ErrorCode.UNAVAILABLE
    assert SETTINGS.partitions == len(shop.service.book.partitions)
    await shop.stop()
    await client.aclose()


async def definitions(shop: Shop) -> list[PoolRow]:
    entries = cast("list[Any]", await shop.store.xrange(shop.service.book.room(ROOM).partition.outbox))
    return [row for _, fields in entries for row in decode_entry(fields).pools]


async def test_every_change_of_rules_is_a_row_for_the_ledger(shop: Shop) -> None:
    await shop.mount("lamp", 10, price=10**15 + 1, per_user_limit=3)
    await shop.service.update(ROOM, "lamp", price=200, per_user_limit=None)
    starts, ends = await shop.schedule("s1", stock=4, price=99, hold_ms=5_000)
    await shop.service.close_sale(ROOM, "s1", "cancelled")
    await shop.service.unmount(ROOM, "lamp")
    rows = await definitions(shop)
    assert [(row.pool, row.version, row.state, row.reason) for row in rows] == [
        ("sku/lamp", 1, "open", ""),
        ("sku/lamp", 2, "open", ""),
        ("sale/s1", 1, "open", ""),
        ("sale/s1", 2, "closed", "cancelled"),
        ("sku/lamp", 3, "closed", ""),
    ]
    mounted, updated, scheduled, *_ = rows
    assert (mounted.price, mounted.per_user_limit, mounted.hold_ms) == (10**15 + 1, 3, SETTINGS.hold_ms)
    assert (updated.price, updated.per_user_limit, updated.currency) == (200, 0, "CNY")
    assert (scheduled.starts_at, scheduled.ends_at, scheduled.hold_ms) == (starts, ends, 5_000)
    assert (scheduled.sku, scheduled.price) == ("lamp", 99)
    assert {(row.room, row.epoch) for row in rows} == {(ROOM, 1)}
    keys = shop.service.book.room(ROOM).product("lamp")
    assert await shop.store.hmget(keys.pool, "version", "epoch") == [b"3", b"1"]


async def test_what_did_nothing_is_no_row(shop: Shop) -> None:
    await shop.mount("lamp", 1)
    await shop.schedule("s1", stock=1)
    await shop.schedule("s1", stock=1)
    await shop.service.close_sale(ROOM, "s1", "sold_out")
    assert await shop.service.close_sale(ROOM, "s1", "time") == "sold_out"
    with pytest.raises(OrderError):
        await shop.service.update(ROOM, "cup", price=1, per_user_limit=None)
    assert len(await definitions(shop)) == 3
