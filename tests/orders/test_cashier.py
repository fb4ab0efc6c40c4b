"""Payments: one answer for `pay`, refusals keep the hold, late money finds stock or goes back."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from schemas.codes import ErrorCode, OrderStatus
from schemas.models import Order
from server.orders.changes import PAY_ORDER
from server.orders.lanes import Fate, Unanswered
from server.orders.outcomes import Outcome
from server.orders.sandbox_client import NoAnswer
from server.orders.sweeper import HoldSweeper
from tests.orders.shop import ROOM, SHORT, Shop, accepted

pytestmark = pytest.mark.anyio


async def expire(shop: Shop, expires_at: int) -> None:
    await shop.clock_reaches(expires_at)
    assert await HoldSweeper(shop.store, SHORT).sweep() == 1


async def test_reserve_and_pay_in_one(shop: Shop) -> None:
    await shop.mount(stock=10, price=250)
    outcome = await shop.place("ann", quantity=2, pay=True)
    order = accepted(outcome)
    assert (order.status, order.version, order.amount) == (OrderStatus.PAID, 2, 500)
    (charge,) = shop.provider.charges
    assert (charge.order, charge.user, charge.amount, charge.currency) == (order.order, "ann", 500, "CNY")
    assert await shop.units() == (10, 8, 0, 2)
    again = accepted(await shop.pay(order.order))
    assert again == order and len(shop.provider.charges) == 1


async def test_a_declined_payment_keeps_the_hold(shop: Shop) -> None:
    await shop.mount(stock=10)
    outcome = await shop.place("declined-dora", request_id="one", pay=True)
    assert outcome.code is ErrorCode.PAYMENT_FAILED and outcome.order is not None
    assert outcome.order.status is OrderStatus.RESERVED
    assert await shop.units() == (10, 9, 1, 0)
    again = await shop.place("declined-dora", request_id="one", pay=True)
    assert again.code is ErrorCode.PAYMENT_FAILED
    assert await shop.units() == (10, 9, 1, 0)


async def test_the_same_request_catches_up_with_a_payment_that_never_came(shop: Shop) -> None:
    await shop.mount(stock=10)
    shop.provider.charge_error = ConnectionError("gateway timeout")
    outcome = await shop.place(request_id="one", pay=True)
    assert outcome.code is ErrorCode.UNKNOWN_OUTCOME
    shop.provider.charge_error = None
    again = await shop.place(request_id="one", pay=True)
    assert again.replayed and accepted(again).status is OrderStatus.PAID
    assert {charge.key for charge in shop.provider.charges} == {shop.provider.charges[0].key}


async def test_a_hold_that_ran_out_while_the_provider_thought(hasty: Shop) -> None:
    """The hold is released between the charge and its record: stock is there, so it is taken again."""
    await hasty.mount(stock=1)
    order = await hasty.order()
    paying, go_on = await under_way(hasty, order)
    await expire(hasty, order.expires_at)
    go_on.set_result(None)
    paid = accepted(await paying)
    assert (paid.status, paid.version) == (OrderStatus.PAID, 3)
    assert await hasty.units() == (1, 0, 0, 1)
    assert hasty.provider.refunds == []


async def under_way(shop: Shop, order: Order) -> tuple[asyncio.Future[Outcome], asyncio.Future[None]]:
    """A payment that the provider is about to capture, and what lets it go on."""
    go_on: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    reached = asyncio.Event()

    def wait() -> asyncio.Future[None]:
        reached.set()
        return go_on

    shop.provider.before_capture = wait
    paying = asyncio.ensure_future(shop.pay(order.order))
    await reached.wait()
    shop.provider.before_capture = None
    return paying, go_on


async def test_an_expired_order_with_nothing_left_is_not_charged(hasty: Shop) -> None:
    await hasty.mount(stock=1, price=250)
    order = await hasty.order("ann")
    await expire(hasty, order.expires_at)
    await hasty.order("bob", pay=True)
    late = await hasty.pay(order.order)
    assert late.code is ErrorCode.SOLD_OUT and late.order is not None
    assert late.order.status is OrderStatus.EXPIRED
    assert {charge.user for charge in hasty.provider.charges} == {"bob"}


async def test_a_late_payment_with_nothing_left_goes_back(hasty: Shop) -> None:
    await hasty.mount(stock=1, price=250)
    order = await hasty.order("ann")
    paying, go_on = await under_way(hasty, order)
    await expire(hasty, order.expires_at)
    await hasty.order("bob", pay=True)
    go_on.set_result(None)
    late = await paying
    assert late.code is ErrorCode.SOLD_OUT and late.order is not None
    assert late.order.status is OrderStatus.EXPIRED
    assert [(amount, currency) for _, amount, currency in hasty.provider.refunds] == [(250, "CNY")]
    partition = hasty.service.book.room(ROOM).partition
    assert await hasty.store.zcard(partition.returns) == 0
    await hasty.service.restock(ROOM, sku="lamp", delta=1)
    again = accepted(await hasty.pay(order.order))
    assert again.status is OrderStatus.PAID, "a new charge, not the one that went back"


async def test_a_late_payment_over_the_limit_goes_back(hasty: Shop) -> None:
    await hasty.mount(stock=5, per_user_limit=1)
    order = await hasty.order()
    paying, go_on = await under_way(hasty, order)
    await expire(hasty, order.expires_at)
    await hasty.order(pay=True)
    go_on.set_result(None)
    assert (await paying).code is ErrorCode.LIMIT_EXCEEDED
    assert len(hasty.provider.refunds) == 1
    assert (await hasty.pay(order.order)).code is ErrorCode.LIMIT_EXCEEDED, "and is not even charged again"
    assert len(hasty.provider.refunds) == 1
    assert await hasty.units() == (5, 4, 0, 1)


async def test_recording_a_payment_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.orders.cashier._PAUSES", (0.0, 0.0))
    await shop.mount(stock=3)
    order = await shop.order()
    carry, failures = shop.service.cashier._carry, [Fate.UNKNOWN, Fate.DOWN]

    async def flaky(operation, change):  # type: ignore[no-untyped-def]
        changed = await carry(operation, change)
        if failures and operation is PAY_ORDER:
            raise Unanswered(failures.pop())
        return changed

    shop.service.cashier._carry = flaky
    assert accepted(await shop.pay(order.order)).status is OrderStatus.PAID
    assert await shop.units() == (3, 2, 0, 1)
    failures += [Fate.UNKNOWN] * 3
    other = await shop.order()
    assert (await shop.pay(other.order)).code is ErrorCode.UNKNOWN_OUTCOME
    assert accepted(await shop.pay(other.order)).status is OrderStatus.PAID
    assert await shop.units() == (3, 1, 0, 2), "asked twice, sold once"


async def test_stopping_answers_everybody(shop: Shop) -> None:
    await shop.mount()
    order = await shop.order()
    shop.provider.before_capture = asyncio.get_running_loop().create_future
    waiting = asyncio.ensure_future(shop.pay(order.order))
    while not shop.provider.charges:
        await asyncio.sleep(0)
    await shop.service.stop(0.05)
    assert (await waiting).code is ErrorCode.UNKNOWN_OUTCOME
    assert (await shop.pay(order.order)).code is ErrorCode.RATE_LIMITED


@pytest.mark.parametrize(
    ("error", "traced"), [(TimeoutError(), False), (NoAnswer("500"), False), (KeyError("order"), True)]
)
async def test_a_provider_without_an_answer_is_a_line_in_the_log(
    shop: Shop, error: Exception, traced: bool
) -> None:
    """With a traceback only where it is a surprise."""
    await shop.mount()
    shop.provider.charge_error = error
    with capture_logs() as logs:
        assert (await shop.place(pay=True)).code is ErrorCode.UNKNOWN_OUTCOME
    (line,) = [entry for entry in logs if entry["event"] == "no answer from the payment provider"]
    assert (line["error"], line["exc_info"]) == (repr(error), traced)
