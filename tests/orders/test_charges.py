"""Charges: written ahead, one at a time, gone on with by whoever is left, ended once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.codes import ErrorCode, OrderStatus
from schemas.models import Order
from server.orders.charges import rebuilt_charge
from server.orders.metrics import CHARGES_OLDEST, CHARGES_OPEN
from server.orders.outcomes import Outcome
from server.orders.provider import Standing
from server.orders.sweeper import HoldSweeper, ReturnSweeper
from tests.orders.shop import ROOM, SETTINGS, accepted
from tests.orders.till import Till

pytestmark = pytest.mark.anyio


@pytest.fixture
async def till(store: Redis) -> AsyncIterator[Till]:
    till = Till(store)
    await till.one.mount(stock=10, price=250)
    yield till
    await till.stop()


async def status(till: Till, order: Order) -> OrderStatus:
    record = await till.office.service.stored(order.order)
    assert record is not None
    return record.status


async def heard(till: Till, work: Callable[[], Awaitable[object]], count: int) -> list[dict[str, object]]:
    """The first `count` notices to buyers that `work` makes."""
    notices: list[dict[str, object]] = []
    async with till.store.pubsub() as channel:
        await channel.subscribe(till.one.service.book.room(ROOM).channel)
        await work()
        async with asyncio.timeout(5):
            while len(notices) < count:
                message = await channel.get_message(timeout=1)
                if message and message["type"] == "message" and message["data"][:1] == b"O":
                    notices += json.loads(message["data"][1:])
    return notices


# ---- the charge itself ------------------------------------------------------------------------


async def test_a_charge_is_open_while_the_provider_thinks(till: Till) -> None:
    order = await till.one.order()
    reached, go_on = till.teller.hold("authorise")
    paying = asyncio.ensure_future(till.one.pay(order.order))
    await reached.wait()
    charge = await till.charge(order)
    assert charge is not None and charge.key == f"{order.order}-1" and not charge.one_tap
    assert await till.open() == 1
    go_on.set()
    assert accepted(await paying).status is OrderStatus.PAID
    assert await till.charge(order) is None and await till.open() == 0


async def test_two_gateways_at_once_take_the_money_once(till: Till) -> None:
    await till.one.mount(stock=30, price=250)
    for _ in range(20):
        order = await till.one.order()
        outcomes = await asyncio.gather(
            *(shop.pay(order.order) for shop in (till.one, till.two, till.one, till.two))
        )
        assert {accepted(outcome).status for outcome in outcomes} == {OrderStatus.PAID}
        assert till.teller.kept(order.order) == order.amount
    assert len(till.teller.book) == 20, "one charge each"
    assert await till.open() == 0


async def test_a_declined_charge_makes_room_for_the_next(till: Till) -> None:
    order = await till.one.order()
    till.teller.declines.add(f"{order.order}-1")
    refused = await till.one.pay(order.order)
    assert refused.code is ErrorCode.PAYMENT_FAILED and refused.message == "the card was declined"
    assert await till.open() == 0
    assert accepted(await till.two.pay(order.order)).status is OrderStatus.PAID
    assert till.teller.book[f"{order.order}-2"].status is Standing.CAPTURED
    assert till.teller.kept(order.order) == order.amount


async def test_who_joins_a_charge_that_is_declined_does_not_open_two(till: Till) -> None:
    order = await till.one.order()
    till.teller.declines.add(f"{order.order}-1")
    reached, go_on = till.teller.hold("authorise")
    first, second = (asyncio.ensure_future(shop.pay(order.order)) for shop in (till.one, till.two))
    await reached.wait()
    go_on.set()
    codes = {(await first).code, (await second).code}
    assert codes <= {ErrorCode.PAYMENT_FAILED, None} and ErrorCode.PAYMENT_FAILED in codes
    till.teller.let_go("authorise")
    assert accepted(await till.one.pay(order.order)).status is OrderStatus.PAID
    assert till.teller.kept(order.order) == order.amount


async def test_no_charge_after_the_deadline(till: Till) -> None:
    order = await till.one.order()
    await till.one.pass_deadline(order.order)
    refused = await till.one.pay(order.order)
    assert refused.code is ErrorCode.CONFLICT and "run out" in refused.message
    assert not till.teller.book and await till.open() == 0
    assert await till.one.units() == (10, 9, 1, 0), "it is still held: a payment may be under way"
    assert await till.expire() == 1
    assert accepted(await till.one.pay(order.order)).status is OrderStatus.PAID, "stock is there"


async def test_what_takes_no_payment_is_not_charged(till: Till) -> None:
    cancelled = await till.one.order()
    await till.one.cancel(cancelled.order)
    assert (await till.one.pay(cancelled.order)).code is ErrorCode.CONFLICT
    sold_out = await till.one.order(quantity=10)
    await till.expire()
    await till.one.order("bob")
    assert (await till.one.pay(sold_out.order)).code is ErrorCode.SOLD_OUT
    assert not till.teller.book and await till.open() == 0


async def test_the_hold_outlives_the_payment_deadline_by_the_grace(store: Redis) -> None:
    till = Till(store, replace(SETTINGS, payment_grace_ms=30_000))
    await till.one.mount(stock=1)
    order = await till.one.order()
    reached, go_on = till.teller.hold("capture")
    paying = asyncio.ensure_future(till.one.pay(order.order))
    await reached.wait()
    await till.one.pass_deadline(order.order)
    partition = till.one.service.book.room(ROOM).partition
    assert await store.zscore(partition.holds, order.order) == order.expires_at + 30_000
    await store.zadd(partition.holds, {order.order: 1})
    assert await till.one.units() == (1, 0, 1, 0)
    assert await HoldSweeper(store, till.settings).sweep() == 0, "the script looks for itself"
    go_on.set()
    assert (accepted(await paying).status, accepted(await paying).version) == (OrderStatus.PAID, 2)
    await till.stop()


# ---- pending ----------------------------------------------------------------------------------


async def test_a_pending_payment_is_accepted_and_told_later(till: Till) -> None:
    order = await till.one.order()
    till.teller.pending = Standing.PENDING
    assert accepted(await till.one.pay(order.order)).status is OrderStatus.RESERVED
    assert await till.poll() == 0 and await till.open() == 1
    assert CHARGES_OPEN._value.get() == 1
    assert accepted(await till.two.pay(order.order)).status is OrderStatus.RESERVED, "still one charge"
    till.teller.decide(f"{order.order}-1", Standing.CAPTURED)
    (told,) = await heard(till, till.poll, 1)
    assert told["user"] == "ann" and told["order"]["status"] == "paid"  # type: ignore[index]
    assert await till.open() == 0 and till.teller.kept(order.order) == order.amount


async def test_a_pending_payment_that_is_declined_is_told_too(till: Till) -> None:
    order = await till.one.order()
    till.teller.pending = Standing.PENDING
    accepted(await till.one.pay(order.order))
    till.teller.decide(f"{order.order}-1", Standing.DECLINED)
    (told,) = await heard(till, till.poll, 1)
    assert told["error"] == {"code": "payment_failed", "message": "the payment was declined"}
    assert await status(till, order) is OrderStatus.RESERVED and await till.open() == 0
    till.teller.pending = None
    assert accepted(await till.one.pay(order.order)).status is OrderStatus.PAID
    assert f"{order.order}-2" in till.teller.book


async def test_looks_grow_rarer_and_the_oldest_charge_is_known(till: Till) -> None:
    order = await till.one.order()
    till.teller.pending = Standing.PENDING
    accepted(await till.one.pay(order.order))
    partition = till.one.service.book.room(ROOM).partition
    pauses = []
    for age in (0, 20_000, 1_000_000):
        assert await till.poll(after_ms=age) == 0
        score = await till.store.zscore(partition.charges, order.order)
        assert score is not None
        pauses.append(score - await till.now())
    assert 0 < pauses[0] <= 1_000 and 9_000 < pauses[1] < 12_000 and 55_000 < pauses[2] <= 60_000
    assert CHARGES_OLDEST._value.get() >= 1_020


# ---- whoever dies, and where ------------------------------------------------------------------


@pytest.mark.parametrize("point", ["authorise", "authorised", "capture", "captured"])
@pytest.mark.parametrize("one_tap", [False, True], ids=["pay", "one tap"])
async def test_a_gateway_killed_at(till: Till, point: str, one_tap: bool) -> None:
    """The buyer asked for it and the time to pay is not over: the back office goes on with it."""
    reached, _ = till.teller.hold(point)
    if one_tap:
        answer = till.one.start_place(request_id="one", pay=True)
    else:
        order = await till.one.order(request_id="one")
        answer = asyncio.ensure_future(till.one.pay(order.order))
    await reached.wait()
    till.teller.let_go(point)
    await till.kill(till.one)
    assert (await answer).code is ErrorCode.UNKNOWN_OUTCOME
    found = await till.two.service.get(ROOM, "ann", request_id="one")
    assert found is not None and found.status is OrderStatus.RESERVED
    await till.poll(after_ms=2_500)
    assert await status(till, found) is OrderStatus.PAID
    assert till.teller.kept(found.order) == found.amount and await till.open() == 0


@pytest.mark.parametrize("point", ["authorise", "authorised", "capture", "captured"])
async def test_an_answer_lost_at(till: Till, point: str) -> None:
    order = await till.one.order()
    till.teller.broken.add(point)
    lost = await till.one.pay(order.order)
    assert lost.code is ErrorCode.UNKNOWN_OUTCOME and await till.open() == 1
    till.teller.broken.clear()
    again, _ = await asyncio.gather(till.two.pay(order.order), till.poll(after_ms=2_500))
    assert accepted(again).status is OrderStatus.PAID
    assert till.teller.kept(order.order) == order.amount
    await till.poll()
    assert await till.open() == 0


async def test_a_charge_nobody_asked_for_in_time_is_left(till: Till) -> None:
    """Killed before the provider heard of it, found after the time to pay."""
    order = await till.one.order()
    reached, _ = till.teller.hold("authorise")
    answer = asyncio.ensure_future(till.one.pay(order.order))
    await reached.wait()
    till.teller.let_go("authorise")
    await till.kill(till.one)
    await answer
    assert await till.expire() == 1
    assert await till.poll(after_ms=3_000) == 0, "a gateway may yet be at it"
    assert await till.poll(after_ms=70_000) == 1
    assert not till.teller.book and await till.open() == 0
    assert accepted(await till.two.pay(order.order)).status is OrderStatus.PAID
    assert list(till.teller.book) == [f"{order.order}-1"], "the same key: the provider never used it"


async def test_money_set_aside_for_an_order_that_is_gone_is_not_taken(till: Till) -> None:
    order = await till.one.order()
    reached, _ = till.teller.hold("authorised")
    answer = asyncio.ensure_future(till.one.pay(order.order))
    await reached.wait()
    till.teller.let_go("authorised")
    await till.kill(till.one)
    await answer
    accepted(await till.two.cancel(order.order))
    assert await till.poll(after_ms=70_000) == 1
    assert till.teller.book[f"{order.order}-1"].status is Standing.AUTHORISED
    assert await till.open() == 0


async def test_a_slow_gateway_and_the_poller_settle_once(till: Till) -> None:
    """The poller is first; the gateway's own answer comes after."""
    order = await till.one.order()
    reached, go_on = till.teller.hold("captured")
    paying = asyncio.ensure_future(till.one.pay(order.order))
    await reached.wait()
    assert await till.poll() == 1
    assert await status(till, order) is OrderStatus.PAID
    go_on.set()
    paid = accepted(await paying)
    assert (paid.status, paid.version) == (OrderStatus.PAID, 2)
    assert await till.one.units() == (10, 9, 0, 1)
    assert till.teller.kept(order.order) == order.amount and not till.teller.returned


async def test_captured_but_nothing_left_goes_back_and_is_told(till: Till) -> None:
    order = await till.one.order(quantity=10)
    reached, _ = till.teller.hold("captured")
    answer = asyncio.ensure_future(till.one.pay(order.order))
    await reached.wait()
    till.teller.let_go("captured")
    await till.kill(till.one)
    await answer
    await till.expire()
    await till.two.order("bob")
    (told,) = await heard(till, till.poll, 1)
    assert told["error"]["code"] == "sold_out"  # type: ignore[index]
    assert told["order"]["status"] == "expired"  # type: ignore[index]
    assert till.teller.kept(order.order) == 0 and await till.open() == 0
    assert await till.two.owed() == []


async def test_a_return_is_made_once_however_often_it_is_tried(till: Till) -> None:
    order = await till.one.order()
    reached, go_on = till.teller.hold("captured")
    paying = asyncio.ensure_future(till.one.pay(order.order))
    await reached.wait()
    accepted(await till.two.cancel(order.order))
    till.teller.broken.add("refund")
    go_on.set()
    assert (await paying).code is ErrorCode.CONFLICT
    (member,) = await till.two.owed()
    till.teller.broken.clear()
    partition = till.two.service.book.room(ROOM).partition
    for _ in range(2):
        await till.store.zadd(partition.returns, {member: 1})
        assert await ReturnSweeper(till.two.service, till.store, SETTINGS).sweep() == 1
    assert till.teller.returned == {f"return:pay-{order.order}-1": order.amount}
    assert await till.two.owed() == []


async def test_a_payment_that_goes_back_pays_nothing_any_more(till: Till) -> None:
    """It found nothing left; stock comes back before its second notice does."""
    order = await till.one.order(quantity=10)
    await till.expire()
    other = await till.one.order("bob")
    record = await till.one.service.stored(order.order)
    assert record is not None
    await till.one.service.cashier.settle(record, "p1")
    accepted(await till.one.cancel(other.order, "bob"))
    await till.one.service.cashier.settle(record, "p1")
    assert await status(till, order) is OrderStatus.EXPIRED
    assert till.teller.returned == {"return:p1": order.amount}
    paid: Outcome = await till.one.pay(order.order)
    assert accepted(paid).status is OrderStatus.PAID


async def test_one_payment_pays_one_order(till: Till) -> None:
    first, second = await till.one.order(), await till.one.order()
    for order, expected in ((first, OrderStatus.PAID), (second, OrderStatus.RESERVED)):
        record = await till.one.service.stored(order.order)
        assert record is not None
        await till.one.service.cashier.settle(record, "p1")
        assert await status(till, order) is expected
    assert not till.teller.returned


# ---- charges whose record was lost ------------------------------------------------------------


async def test_a_rebuilt_charge_finds_its_number(till: Till) -> None:
    order = await till.one.order()
    till.teller.declines |= {f"{order.order}-1", f"{order.order}-2"}
    for _ in range(2):
        assert (await till.one.pay(order.order)).code is ErrorCode.PAYMENT_FAILED
    till.teller.broken.add("captured")
    assert (await till.one.pay(order.order)).code is ErrorCode.UNKNOWN_OUTCOME
    till.teller.broken.clear()
    partition = till.one.service.book.room(ROOM).partition
    await till.store.delete(partition.charge(order.order))
    for field, value in rebuilt_charge(await till.now()).items():
        await till.store.hset(partition.charge(order.order), field, str(value))
    for _ in range(3):
        await till.poll()
    assert await status(till, order) is OrderStatus.PAID
    assert till.teller.kept(order.order) == order.amount and await till.open() == 0


async def test_a_lost_record_does_not_charge_twice(till: Till) -> None:
    order = await till.one.order()
    till.teller.broken.add("captured")
    assert (await till.one.pay(order.order)).code is ErrorCode.UNKNOWN_OUTCOME
    till.teller.broken.clear()
    await till.store.delete(till.one.service.book.room(ROOM).partition.charge(order.order))
    assert accepted(await till.two.pay(order.order)).status is OrderStatus.PAID
    assert till.teller.kept(order.order) == order.amount


async def test_an_entry_without_a_charge_is_struck_off(till: Till) -> None:
    order = await till.one.order()
    partition = till.one.service.book.room(ROOM).partition
    await till.store.zadd(partition.charges, {order.order: 0, "rubbish": 0})
    await till.poll()
    assert await till.store.zrange(partition.charges, 0, -1) == []


async def test_a_provider_that_is_away_is_asked_again(till: Till) -> None:
    order = await till.one.order()
    till.teller.pending = Standing.PENDING
    accepted(await till.one.pay(order.order))
    till.teller.broken.add("query")
    assert await till.poll() == 0 and await till.open() == 1
    till.teller.broken.clear()
    till.teller.decide(f"{order.order}-1", Standing.CAPTURED)
    assert await till.poll() == 1
    assert await status(till, order) is OrderStatus.PAID
