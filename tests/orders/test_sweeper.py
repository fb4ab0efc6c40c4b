"""Holds that ran out, and money that is owed."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from schemas.codes import OrderStatus
from server.orders.audit import audit
from server.orders.changes import Owed
from server.orders.consumer import LedgerConsumer
from server.orders.keys import PartitionKeys, new_order_id
from server.orders.ledger import Ledger
from server.orders.metrics import RETURNS
from server.orders.records import encode_stored
from server.orders.refund_sweeper import RefundSweeper
from server.orders.sweeper import HoldSweeper, ReturnSweeper
from server.valkey import store_time
from tests.orders.shop import NO, ROOM, SHORT, Shop, accepted

pytestmark = pytest.mark.anyio


async def status(shop: Shop, order: str, user: str = "ann") -> OrderStatus:
    found = await shop.service.get(ROOM, user, order_id=order)
    assert found is not None
    return found.status


async def test_only_what_is_due_is_released(hasty: Shop) -> None:
    await hasty.mount(stock=10)
    await hasty.schedule("s1", stock=5, hold_ms=600_000)
    paid = await hasty.order(pay=True)
    kept = await hasty.order(sale="s1")
    due = await hasty.order(quantity=2)
    await hasty.clock_reaches(due.expires_at)
    sweeper = HoldSweeper(hasty.store, SHORT)
    assert await sweeper.sweep() == 1
    assert await sweeper.sweep() == 0
    assert [await status(hasty, order.order) for order in (paid, kept, due)] == [
        OrderStatus.PAID,
        OrderStatus.RESERVED,
        OrderStatus.EXPIRED,
    ]
    assert await hasty.units("lamp") == (5, 4, 0, 1)
    assert await hasty.units("s1") == (5, 4, 1, 0)


async def test_stock_goes_to_the_product_once_the_sale_is_over(hasty: Shop) -> None:
    await hasty.mount(stock=10)
    await hasty.schedule("s1", stock=5)
    order = await hasty.order(sale="s1", quantity=5)
    await hasty.service.close_sale(ROOM, "s1", "time")
    assert await hasty.units("lamp") == (5, 5, 0, 0)
    assert await hasty.units("s1") == (5, 0, 5, 0)
    await hasty.clock_reaches(order.expires_at)
    assert await HoldSweeper(hasty.store, SHORT).sweep() == 1
    assert await hasty.units("lamp") == (10, 10, 0, 0)
    assert await hasty.units("s1") == (0, 0, 0, 0)
    assert (await hasty.place(quantity=10)).code is None


async def test_more_than_one_batch_and_more_than_one_sweeper(hasty: Shop) -> None:
    await hasty.mount(stock=1_000)
    orders = [accepted(o) for o in await asyncio.gather(*(hasty.start_place(f"u{n}") for n in range(600)))]
    await hasty.clock_reaches(max(order.expires_at for order in orders))
    sweepers = [HoldSweeper(hasty.store, SHORT) for _ in range(3)]
    assert sum(await asyncio.gather(*(sweeper.sweep() for sweeper in sweepers))) == 600
    assert await hasty.units() == (1_000, 1_000, 0, 0)


async def test_the_sweeper_runs_by_itself_and_through_failures(
    hasty: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hasty.mount(stock=2)
    order = await hasty.order()
    await hasty.run_out()
    sweeper = HoldSweeper(hasty.store, SHORT)
    sweep, failures = sweeper.sweep, [ConnectionError("gone"), TimeoutError()]

    async def flaky() -> int:
        if failures:
            raise failures.pop()
        return await sweep()

    monkeypatch.setattr(sweeper, "sweep", flaky)
    running = asyncio.create_task(sweeper.run())
    async with asyncio.timeout(5):
        while await status(hasty, order.order) is not OrderStatus.EXPIRED:
            await asyncio.sleep(0.01)
    running.cancel()
    assert not failures


async def test_a_hold_without_an_order_is_taken_away(hasty: Shop) -> None:
    partition = hasty.service.book.room(ROOM).partition
    await hasty.store.zadd(partition.holds, {new_order_id(partition.number): 1})
    assert await HoldSweeper(hasty.store, SHORT).sweep() == 0
    assert await hasty.store.zcard(partition.holds) == 0


async def test_a_payment_nobody_came_back_for_is_returned(shop: Shop) -> None:
    await shop.mount(stock=2)
    order = await shop.order()
    accepted(await shop.cancel(order.order))
    partition = shop.service.book.room(ROOM).partition
    owed = Owed(order.order, "CNY", 250, "payment with spaces")
    await shop.store.zadd(partition.returns, {owed.member: 1, "rubbish": 1})
    await shop.store.zadd(partition.returns, {b"a b c \xff": 1})
    sweeper = ReturnSweeper(shop.service, shop.store, SHORT)
    assert await sweeper.sweep() == 1
    assert shop.provider.refunds == [("payment with spaces", 250, "CNY")]
    assert await shop.owed() == [], "rubbish is nobody's money"


async def test_the_payment_of_a_paid_order_stays(shop: Shop) -> None:
    await shop.mount(stock=2)
    order = await shop.order(pay=True)
    record = await shop.service.stored(order.order)
    assert record is not None and record.payment is not None
    partition = shop.service.book.room(ROOM).partition
    await shop.store.zadd(partition.returns, {Owed(order.order, "CNY", 250, record.payment).member: 1})
    assert await ReturnSweeper(shop.service, shop.store, SHORT).sweep() == 1
    assert shop.provider.refunds == []
    assert await shop.store.zcard(partition.returns) == 0


async def test_a_refund_that_an_earlier_version_began(shop: Shop) -> None:
    await shop.mount(stock=2)
    order = await shop.order(pay=True)
    record = await shop.service.stored(order.order)
    assert record is not None and record.payment is not None
    partition = shop.service.book.room(ROOM).partition
    old = replace(record, status=OrderStatus.REFUNDING, version=3)
    await shop.store.set(partition.order(order.order), encode_stored(old))
    await shop.store.zadd(partition.returns, {Owed(order.order, "CNY", 250, record.payment).member: 1})
    await ReturnSweeper(shop.service, shop.store, SHORT).sweep()
    assert await RefundSweeper(shop.service, shop.store, SHORT).sweep() == 1
    assert await status(shop, order.order) is OrderStatus.REFUNDED
    assert await shop.units() == (2, 2, 0, 0)
    assert await shop.store.zcard(partition.returns) == await shop.store.zcard(partition.refunds) == 0
    assert shop.provider.refunds == [(record.payment, 250, "CNY")]


async def unused(shop: Shop) -> tuple[PartitionKeys, Owed]:
    """A payment that pays nothing, and that could not be given back at once."""
    await shop.mount(stock=2)
    order = await shop.order()
    record = await shop.service.stored(order.order)
    assert record is not None
    accepted(await shop.cancel(order.order))
    shop.provider.took("pay-1", order.order, order.amount)
    await shop.service.cashier.settle(record, "pay-1")
    (member,) = await shop.owed()
    return shop.service.book.room(ROOM).partition, Owed.decode(member)


async def due_in(shop: Shop, partition: PartitionKeys, owed: Owed) -> float:
    """Minutes until a return is taken up."""
    score = await shop.store.zscore(partition.returns, owed.member)
    assert score is not None
    return (score - await store_time(shop.store)) / 60_000


async def test_a_return_that_the_provider_refuses_is_put_off_ever_longer(shop: Shop, ledger: Ledger) -> None:
    shop.provider.refund_error = NO
    before = RETURNS.labels("refused")._value.get()
    partition, owed = await unused(shop)
    sweeper, life = ReturnSweeper(shop.service, shop.store, SHORT), SHORT.request_ttl_ms
    for age, pause in ((0, 0.25), (600_000, 10), (life, 60)):
        await shop.store.pexpire(partition.unused("pay-1"), max(life - age, 1))
        await shop.store.zadd(partition.returns, {owed.member: 1})
        assert await sweeper.sweep() == 0
        assert await due_in(shop, partition, owed) == pytest.approx(pause, abs=0.2)
    assert RETURNS.labels("refused")._value.get() == before + 4
    await LedgerConsumer(shop.store, ledger, SHORT).drain()
    report = await audit(shop.store, ledger, SHORT)
    assert report.owed_returns == 1 and report.ok, report.problems
    shop.provider.refund_error = ConnectionError("away")
    await shop.store.zadd(partition.returns, {owed.member: 1})
    assert await sweeper.sweep() == 0
    assert await due_in(shop, partition, owed) == pytest.approx(0.25, abs=0.2), "no answer is no refusal"
    shop.provider.refund_error = None
    await shop.store.zadd(partition.returns, {owed.member: 1})
    assert await sweeper.sweep() == 1 and await shop.owed() == []


async def test_a_return_that_another_has_finished_does_not_come_back(shop: Shop) -> None:
    shop.provider.refund_error = NO
    partition, owed = await unused(shop)
    await shop.store.zadd(partition.returns, {owed.member: 1})
    give_back = shop.service.cashier.returns.give_back

    async def beside(one: Owed) -> None:
        shop.provider.refund_error = None
        await give_back(one)
        raise ConnectionError("the answer was lost")

    shop.service.cashier.returns.give_back = beside  # type: ignore[method-assign, assignment]
    assert await ReturnSweeper(shop.service, shop.store, SHORT).sweep() == 0
    assert await shop.owed() == []
