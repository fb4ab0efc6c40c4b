"""The webhook: who may post, what it does, and that a repeat does nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json

import msgspec
import pytest

from schemas.codes import ErrorCode, OrderStatus
from schemas.http import PaymentNotice, PaymentRecorded
from schemas.models import Order
from server.orders.consumer import LedgerConsumer
from server.orders.errors import OrderError
from server.orders.ledger import Ledger
from server.orders.payments import PaymentDesk
from server.orders.signatures import sign
from server.orders.sweeper import HoldSweeper
from server.valkey import store_time
from tests.orders.shop import SETTINGS, SHORT, Shop, accepted

pytestmark = pytest.mark.anyio

SECRET = b"whsec"
NOW = 1_790_000_000_000


def desk(shop: Shop) -> PaymentDesk:
    return PaymentDesk(shop.service, shop.store, SECRET)


def notice(order: Order, event: str = "e1", **changes: object) -> bytes:
    body: dict[str, object] = {
        "event": event,
        "order": order.order,
        "payment": "pay-1",
        "status": "captured",
        "amount": order.amount,
        "currency": order.currency,
        **changes,
    }
    return json.dumps(body).encode()


async def post(shop: Shop, body: bytes, signature: str | None = None, now: int = NOW) -> PaymentRecorded:
    """What is told is what the provider's book has."""
    with contextlib.suppress(msgspec.MsgspecError):
        told = msgspec.json.decode(body, type=PaymentNotice)
        if told.status == "captured":
            shop.provider.took(told.payment, told.order, told.amount, told.currency)
    return await desk(shop).notice(
        body, sign(body, SECRET, now // 1000) if signature is None else signature, now
    )


async def refusal(shop: Shop, body: bytes, signature: str | None = None) -> tuple[ErrorCode, str | None]:
    with pytest.raises(OrderError) as caught:
        await post(shop, body, signature)
    return caught.value.code, caught.value.field


async def test_a_captured_payment_pays_the_order(shop: Shop) -> None:
    await shop.mount(stock=3)
    order = await shop.order()
    recorded = await post(shop, notice(order))
    assert recorded == PaymentRecorded(event="e1", result="paid", order=order.order, status=OrderStatus.PAID)
    assert await shop.units() == (3, 2, 0, 1)
    again = await post(shop, notice(order))
    assert again == recorded, "a repeat gets the first answer"
    another = await post(shop, notice(order, event="e2"))
    assert (another.result, another.status) == ("already_paid", OrderStatus.PAID)
    assert await shop.units() == (3, 2, 0, 1)


async def test_the_same_notice_many_times_at_once(shop: Shop, ledger: Ledger) -> None:
    await shop.mount(stock=3)
    order = await shop.order()
    recorded = await asyncio.gather(*(post(shop, notice(order)) for _ in range(10)))
    assert {one.order for one in recorded} == {order.order}
    assert len({(one.result, one.status) for one in recorded}) == 1
    assert await shop.units() == (3, 2, 0, 1)
    await LedgerConsumer(shop.store, ledger, SETTINGS).drain()
    async with ledger.reading() as connection:
        rows = (
            await connection.exec_driver_sql("SELECT event, order_id, status, amount FROM payment_notices")
        ).all()
    assert [tuple(row) for row in rows] == [("e1", order.order, "captured", order.amount)]


async def test_forged_stale_and_malformed(shop: Shop) -> None:
    await shop.mount()
    order = await shop.order()
    body = notice(order)
    good = sign(body, SECRET, NOW // 1000)
    stamp, digest = good.split(",")
    for forged in (
        "",
        "nonsense",
        stamp,
        digest,
        f"{stamp},v1=",
        f"{stamp},v1=é",
        sign(body, b"other", NOW // 1000),
        sign(body + b" ", SECRET, NOW // 1000),
        f"t={NOW // 1000 + 1},{digest}",
        f"t=,{sign(body, SECRET, NOW // 1000).split(',')[1]}",
        f"{stamp},v0={digest[3:]}",
    ):
        assert await refusal(shop, body, forged) == (ErrorCode.UNAUTHORIZED, "Miaodan-Signature"), forged
    for age in (-301, 301):
        stale = sign(body, SECRET, NOW // 1000 + age)
        assert await refusal(shop, body, stale) == (ErrorCode.UNAUTHORIZED, "Miaodan-Signature")
    rotated = f"{stamp},v1={'0' * 64},{digest}"
    assert (await post(shop, body, rotated)).result == "paid", "one of several signatures fits"
    for malformed, field in ((b"{", None), (b"[]", None), (notice(order, amount="1"), "amount")):
        assert await refusal(shop, malformed) == (ErrorCode.INVALID, field)


async def test_a_stamp_that_is_no_number(shop: Shop) -> None:
    await shop.mount()
    body = notice(await shop.order())
    for seconds in ("soon", "١٢", "9" * 20, "-1", "1e9"):
        header = sign(body, SECRET, seconds)  # type: ignore[arg-type]
        assert await refusal(shop, body, header) == (ErrorCode.UNAUTHORIZED, "Miaodan-Signature")


async def test_the_most_an_order_comes_to(shop: Shop) -> None:
    await shop.mount(stock=1_000, price=10**10)
    order = await shop.order(quantity=1_000)
    assert order.amount == 10**13
    assert (await post(shop, notice(order))).result == "paid"


async def test_a_failure_is_noted(shop: Shop) -> None:
    await shop.mount()
    order = await shop.order()
    recorded = await post(shop, notice(order, status="failed"))
    assert (recorded.result, recorded.status) == ("noted", OrderStatus.RESERVED)
    assert (await post(shop, notice(order, event="e2"))).result == "paid"


async def test_a_second_payment_of_one_order_goes_back(shop: Shop) -> None:
    await shop.mount(stock=3)
    order = await shop.order(pay=True)
    recorded = await post(shop, notice(order, payment="pay-2"))
    assert (recorded.result, recorded.status) == ("returned", OrderStatus.PAID)
    assert shop.provider.refunds == [("pay-2", order.amount, "CNY")]
    assert await shop.units() == (3, 2, 0, 1)


async def test_a_late_notice_finds_stock_or_goes_back(hasty: Shop, ledger: Ledger) -> None:
    await hasty.mount(stock=1)
    first = await hasty.order("ann")
    await hasty.clock_reaches(first.expires_at)
    await HoldSweeper(hasty.store, SHORT).sweep()
    second = await hasty.order("bob")
    recorded = await post(hasty, notice(first, "late"))
    assert (recorded.result, recorded.status) == ("returned", OrderStatus.EXPIRED)
    assert hasty.provider.refunds == [("pay-1", first.amount, "CNY")]
    accepted(await hasty.cancel(second.order, "bob"))
    recorded = await post(hasty, notice(first, "later", payment="pay-2"))
    assert (recorded.result, recorded.status) == ("paid", OrderStatus.PAID)
    assert await hasty.units() == (1, 0, 0, 1)
    await LedgerConsumer(hasty.store, ledger, SHORT).drain()
    async with ledger.reading() as connection:
        rows = await connection.exec_driver_sql("SELECT event, result FROM payment_notices ORDER BY 1")
        assert [tuple(row) for row in rows] == [
            ("late", "returned"),
            ("later", "paid"),
            ("return:pay-1", "returned"),
        ]
        rows = await connection.exec_driver_sql("SELECT payment, what FROM payments ORDER BY 1, 2")
        assert [tuple(row) for row in rows] == [
            ("pay-1", "returned"),
            ("pay-1", "unused"),
            ("pay-2", "captured"),
        ]


async def test_signed_now(shop: Shop) -> None:
    await shop.mount()
    body = notice(await shop.order())
    recorded = await post(shop, body, sign(body, SECRET), await store_time(shop.store))
    assert recorded.result == "paid"
    with pytest.raises(ValueError, match="secret"):
        PaymentDesk(shop.service, shop.store, "")
