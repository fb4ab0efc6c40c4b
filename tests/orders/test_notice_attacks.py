"""The webhook under attack: each notice is refused or reconciled, and a row in the ledger says why."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from schemas.codes import ErrorCode, OrderStatus
from schemas.http import PaymentNotice, PaymentRecorded
from schemas.models import Order
from server.orders.changes import Change, Changed, Code, Operation
from server.orders.consumer import LedgerConsumer
from server.orders.errors import OrderError
from server.orders.lanes import Fate, Unanswered
from server.orders.ledger import Ledger
from server.orders.metrics import NOTICES
from server.orders.payments import RUBBISH_BURST, PaymentDesk
from server.orders.provider import Standing
from server.orders.signatures import sign
from server.valkey import StoreUnavailable
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted
from tests.orders.till import Till

pytestmark = pytest.mark.anyio

SECRET = b"whsec"
NOW = 1_790_000_000_000
decode_notice = msgspec.json.Decoder(PaymentNotice).decode


class Desk:
    """The webhook of one gateway, and the rows it left."""

    def __init__(self, shop: Shop, ledger: Ledger) -> None:
        self.shop = shop
        self.desk = PaymentDesk(shop.service, shop.store, SECRET)
        self._ledger = ledger

    async def tell(
        self, order: Order | str, event: str = "e1", *, true: bool = True, **changes: object
    ) -> PaymentRecorded:
        """`true`: the provider's book has the payment as it is told, where it has it not yet."""
        body = notice(order, event, **changes)
        told = decode_notice(body)
        if true and told.status == "captured":
            self.shop.provider.took(told.payment, told.order, told.amount, told.currency)
        return await self.desk.notice(body, sign(body, SECRET, NOW // 1000), NOW)

    async def refused(self, body: bytes, signature: str, code: ErrorCode) -> OrderError:
        with pytest.raises(OrderError) as caught:
            await self.desk.notice(body, signature, NOW)
        assert caught.value.code is code
        return caught.value

    async def rows(self) -> list[tuple[str, str, str]]:
        """(kind or event, result, reason), in the ledger."""
        await LedgerConsumer(self.shop.store, self._ledger, SETTINGS).drain()
        async with self._ledger.reading() as connection:
            found = await connection.exec_driver_sql(
                "SELECT event, result, reason FROM payment_notices ORDER BY at, event"
            )
            return [(row.event.partition(":")[0], row.result, row.reason) for row in found]


def notice(order: Order | str, event: str = "e1", **changes: object) -> bytes:
    body: dict[str, object] = {
        "event": event,
        "order": order if isinstance(order, str) else order.order,
        "payment": "pay-1",
        "status": "captured",
        "amount": 250,
        "currency": "CNY",
        **changes,
    }
    return json.dumps(body).encode()


@pytest.fixture
async def desk(shop: Shop, ledger: Ledger) -> AsyncIterator[Desk]:
    await shop.mount(stock=5, price=250)
    yield Desk(shop, ledger)


async def status(shop: Shop, order: Order) -> OrderStatus:
    record = await shop.service.stored(order.order)
    assert record is not None
    return record.status


async def test_forged(desk: Desk) -> None:
    order = await desk.shop.order()
    body = notice(order)
    for _ in range(3):
        await desk.refused(body, sign(body, b"guessed", NOW // 1000), ErrorCode.UNAUTHORIZED)
    await desk.refused(body, "", ErrorCode.UNAUTHORIZED)
    assert await desk.rows() == [("unsigned", "refused", "the signature does not fit")] * 2
    assert await status(desk.shop, order) is OrderStatus.RESERVED


async def test_a_flood_of_forgeries_leaves_a_bounded_number_of_rows(desk: Desk) -> None:
    before = NOTICES.labels("not_recorded")._value.get()
    refused = NOTICES.labels("unauthorized")._value.get()
    for number in range(int(RUBBISH_BURST) + 20):
        await desk.refused(b"%d" % number, "", ErrorCode.UNAUTHORIZED)
    assert len(await desk.rows()) == RUBBISH_BURST
    assert NOTICES.labels("not_recorded")._value.get() == before + 20
    assert NOTICES.labels("unauthorized")._value.get() == refused + RUBBISH_BURST + 20


@pytest.mark.parametrize(
    ("seconds", "why"), [(-301, "signed too long ago"), (301, "signed for a time to come")]
)
async def test_of_another_time(desk: Desk, seconds: int, why: str) -> None:
    order = await desk.shop.order()
    body = notice(order)
    await desk.refused(body, sign(body, SECRET, NOW // 1000 + seconds), ErrorCode.UNAUTHORIZED)
    assert await desk.rows() == [("stale", "refused", why)]
    assert await status(desk.shop, order) is OrderStatus.RESERVED


async def test_malformed_though_signed(desk: Desk) -> None:
    body = b'{"event": "e1"}'
    await desk.refused(body, sign(body, SECRET, NOW // 1000), ErrorCode.INVALID)
    ((kind, result, reason),) = await desk.rows()
    assert (kind, result) == ("malformed", "refused") and "order" in reason


async def test_replayed(desk: Desk) -> None:
    """The same again gets the first answer; under the same name something else is a conflict."""
    order, other = await desk.shop.order(), await desk.shop.order()
    first = await desk.tell(order)
    assert await desk.tell(order) == first and first.result == "paid"
    for changed in (notice(order, amount=1), notice(order, payment="pay-2"), notice(other)):
        error = await desk.refused(changed, sign(changed, SECRET, NOW // 1000), ErrorCode.CONFLICT)
        assert error.field == "event"
        await desk.refused(changed, sign(changed, SECRET, NOW // 1000), ErrorCode.CONFLICT)
    why = "event e1 was told before, with other contents"
    assert sorted(await desk.rows()) == [("conflict", "refused", why)] * 3 + [("e1", "paid", "")]
    assert await status(desk.shop, other) is OrderStatus.RESERVED
    assert desk.shop.provider.refunds == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": 249}, "wrong amount 249: the order comes to 250"),
        ({"currency": "USD"}, "wrong currency USD: the order is in CNY"),
    ],
    ids=["amount", "currency"],
)
async def test_wrong_money_goes_back(desk: Desk, changes: dict[str, Any], why: str) -> None:
    order = await desk.shop.order()
    recorded = await desk.tell(order, **changes)
    assert (recorded.result, recorded.reason, recorded.status) == ("returned", why, OrderStatus.RESERVED)
    amount, currency = changes.get("amount", 250), changes.get("currency", "CNY")
    assert desk.shop.provider.refunds == [("pay-1", amount, currency)]
    assert await desk.shop.owed() == []
    assert await status(desk.shop, order) is OrderStatus.RESERVED
    again = await desk.tell(order, "e2")
    assert again.result == "refused", "that is not what the provider took"
    assert (await desk.tell(order, "e2b", **changes)).result == "returned", "it pays nothing any more"
    assert (await desk.tell(order, "e3", payment="pay-2")).result == "paid"
    rows = {row[0]: row[1:] for row in await desk.rows()}
    assert rows["e1"] == ("returned", why) and rows["return"][0] == "returned"


async def test_wrong_money_of_the_payment_that_pays_the_order(desk: Desk) -> None:
    order = await desk.shop.order()
    await desk.tell(order)
    recorded = await desk.tell(order, "e2", amount=1)
    assert (recorded.result, recorded.status) == ("refused", OrderStatus.PAID)
    assert desk.shop.provider.refunds == []
    assert ("e2", "refused", "wrong amount 1: the order comes to 250, and this payment pays it") in (
        await desk.rows()
    )


async def test_for_no_order_of_ours(desk: Desk) -> None:
    order = await desk.shop.order()
    unknown = (
        "nothing",
        order.order[:-1] + "x",
        "ff" + order.order[2:],
        "é" * 35,
        "a b",
        f"{order.order[:9]} {'x' * 25}",
    )
    for number, name in enumerate(unknown):
        recorded = await desk.tell(name, f"e{number}", payment=f"pay-{number}")
        assert (recorded.result, recorded.reason, recorded.status) == ("returned", "no such order", None)
        failed = await desk.tell(name, f"f{number}", status="failed", payment=f"pay-{number}")
        assert (failed.result, failed.reason) == ("refused", "no such order")
    assert [payment for payment, _, _ in desk.shop.provider.refunds] == [
        f"pay-{n}" for n in range(len(unknown))
    ]
    assert await status(desk.shop, order) is OrderStatus.RESERVED
    returned = [row for row in await desk.rows() if row[0] == "return"]
    assert len(returned) == len(unknown)
    for partition in desk.shop.service.book.partitions:
        assert await desk.shop.store.zcard(partition.returns) == 0


async def test_an_order_that_is_there_after_all_is_not_sent_back(desk: Desk) -> None:
    order = await desk.shop.order()
    stored = desk.shop.service.stored

    async def not_yet(order_id: str) -> None:
        desk.shop.service.stored = stored  # type: ignore[method-assign]

    desk.shop.service.stored = not_yet  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await desk.tell(order)
    assert (await desk.tell(order)).result == "paid"


async def test_another_orders_payment(desk: Desk) -> None:
    first, second = await desk.shop.order(), await desk.shop.order("bob")
    assert (await desk.tell(first)).result == "paid"
    recorded = await desk.tell(second, "e2")
    assert (recorded.result, recorded.status) == ("refused", OrderStatus.RESERVED)
    wrong = await desk.tell(second, "e3", amount=1)
    assert wrong.result == "refused", "it pays the first order: it is not sent back"
    assert desk.shop.provider.refunds == []
    why = f"the payment belongs to order {first.order}"
    assert [row for row in await desk.rows() if row[0] != "e1"] == [
        ("e2", "refused", why),
        ("e3", "refused", why),
    ]


async def test_out_of_order(desk: Desk) -> None:
    order = await desk.shop.order()
    assert (await desk.tell(order, "e1", status="failed")).result == "noted"
    assert (await desk.tell(order, "e2")).result == "paid"
    late = await desk.tell(order, "e3", status="failed")
    assert (late.result, late.reason) == ("noted", "out of order: this payment was captured before")
    assert late.status is OrderStatus.PAID
    accepted(await desk.shop.refund(order.order))
    after = await desk.tell(order, "e4")
    assert (after.result, after.reason) == ("already_paid", "out of order: the order is refunded since")
    assert after.status is OrderStatus.REFUNDED
    assert [(row[0], row[1]) for row in await desk.rows() if row[0].startswith("e")] == [
        ("e1", "noted"),
        ("e2", "paid"),
        ("e3", "noted"),
        ("e4", "already_paid"),
    ]


async def test_a_payment_for_what_was_cancelled(desk: Desk) -> None:
    order = await desk.shop.order()
    accepted(await desk.shop.cancel(order.order))
    recorded = await desk.tell(order)
    assert (recorded.result, recorded.reason) == ("returned", "the order is cancelled")
    assert ("e1", "returned", "the order is cancelled") in await desk.rows()


async def test_notice_and_charge_meet(desk: Desk) -> None:
    """The notice is first, then the gateway's answer; and a failure makes the poller look at once."""
    till = Till(desk.shop.store, replace(SETTINGS, payment_grace_ms=0))
    webhook = PaymentDesk(till.two.service, till.store, SECRET)

    async def tell(body: bytes) -> PaymentRecorded:
        return await webhook.notice(body, sign(body, SECRET, NOW // 1000), NOW)

    order = await till.one.order()
    till.teller.pending = Standing.PENDING
    accepted(await till.one.pay(order.order))
    till.teller.decide(f"{order.order}-1", Standing.CAPTURED)
    recorded = await tell(notice(order, payment=f"pay-{order.order}-1"))
    assert recorded.result == "paid" and await till.open() == 1
    assert await till.poll() == 1 and await till.open() == 0
    assert till.teller.kept(order.order) == order.amount and not till.teller.returned

    other = await till.one.order()
    accepted(await till.one.pay(other.order))
    till.teller.decide(f"{other.order}-1", Standing.DECLINED)
    await tell(notice(other, "e2", status="failed", payment=f"pay-{other.order}-1"))
    assert await till.poller.poll() == 1, "at once"
    assert await till.open() == 0
    found = await till.one.service.get(ROOM, "ann", order_id=other.order)
    assert found is not None and found.status is OrderStatus.RESERVED
    await till.stop()


# ---- notices that name a payment of somebody else's -------------------------------------------


async def reserve_and_take(desk: Desk) -> tuple[Order, str]:
    """An order, and the payment that the provider has captured for it without telling anybody."""
    order = await desk.shop.order()
    desk.shop.provider.took("pay-real", order.order, order.amount)
    return order, "pay-real"


@pytest.mark.parametrize("whose", ["another", "unknown"])
async def test_a_payment_stays_the_order_s_whose_it_is(desk: Desk, whose: str) -> None:
    """Told for another order first, it pays neither that one nor is lost to its own."""
    order, payment = await reserve_and_take(desk)
    other = await desk.shop.order("bob")
    told = other.order if whose == "another" else order.order[:-1] + "x"
    recorded = await desk.tell(told, "e1", payment=payment)
    why = f"the payment belongs to order {order.order}"
    assert (recorded.result, recorded.reason) == ("refused", why)
    assert await status(desk.shop, other) is OrderStatus.RESERVED
    assert (await desk.tell(order, "e2", payment=payment)).result == "paid"
    assert await desk.rows() == [("e1", "refused", why), ("e2", "paid", "")]
    assert desk.shop.provider.refunds == [] and await desk.shop.owed() == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"amount": 0}, "0 CNY"), ({"amount": 251}, "251 CNY"), ({"currency": "USD"}, "250 USD")],
    ids=["nothing", "more", "currency"],
)
async def test_an_amount_that_was_never_taken(desk: Desk, changes: dict[str, Any], told: str) -> None:
    order, payment = await reserve_and_take(desk)
    recorded = await desk.tell(order, "e1", payment=payment, **changes)
    why = f"wrong amount {told}: the provider took 250 CNY"
    assert (recorded.result, recorded.reason) == ("refused", why)
    assert (await desk.tell(order, "e2", payment=payment)).result == "paid"
    assert await desk.rows() == [("e1", "refused", why), ("e2", "paid", "")]
    assert desk.shop.provider.refunds == [] and await desk.shop.owed() == []


async def test_a_payment_that_the_provider_does_not_know(desk: Desk) -> None:
    order = await desk.shop.order()
    why = "the provider knows no such payment"
    for number, name in enumerate((order.order, "nothing", order.order[:-1] + "x")):
        recorded = await desk.tell(name, f"e{number}", true=False, payment=f"made-up-{number}")
        assert (recorded.result, recorded.reason) == ("refused", why)
    assert [row[1:] for row in await desk.rows()] == [("refused", why)] * 3
    assert await status(desk.shop, order) is OrderStatus.RESERVED
    assert desk.shop.provider.refunds == [] and await desk.shop.owed() == []


async def test_while_the_provider_does_not_answer(desk: Desk) -> None:
    """Nothing is done and nothing remembered: the provider sends it again."""
    order, payment = await reserve_and_take(desk)
    body = notice(order, payment=payment)
    desk.shop.provider.lookup_error = ConnectionError("away")
    for _ in range(2):
        error = await desk.refused(body, sign(body, SECRET, NOW // 1000), ErrorCode.UNAVAILABLE)
        assert "send it again" in error.message
    assert await status(desk.shop, order) is OrderStatus.RESERVED and await desk.rows() == []
    desk.shop.provider.lookup_error = None
    assert (await desk.tell(order, payment=payment)).result == "paid"
    assert desk.shop.provider.looked_up == [payment] * 3
    await desk.tell(order, "e2", payment=payment)
    assert desk.shop.provider.looked_up == [payment] * 3, "what it pays is known by now"


async def test_a_payment_that_is_not_captured(desk: Desk) -> None:
    till = Till(desk.shop.store, replace(SETTINGS, payment_grace_ms=0))
    webhook = PaymentDesk(till.two.service, till.store, SECRET)
    order = await till.one.order()
    till.teller.pending = Standing.PENDING
    accepted(await till.one.pay(order.order))
    body = notice(order, payment=f"pay-{order.order}-1")
    signature = sign(body, SECRET, NOW // 1000)
    with pytest.raises(OrderError, match="pending, says the provider: send it again"):
        await webhook.notice(body, signature, NOW)
    other = await till.one.order("bob")
    early = notice(other, "e2", payment=f"pay-{order.order}-1")
    recorded = await webhook.notice(early, sign(early, SECRET, NOW // 1000), NOW)
    assert (recorded.result, recorded.reason) == ("refused", f"the payment belongs to order {order.order}")
    assert await status(desk.shop, order) is await status(desk.shop, other) is OrderStatus.RESERVED
    till.teller.decide(f"{order.order}-1", Standing.DECLINED)
    recorded = await webhook.notice(body, signature, NOW)
    assert (recorded.result, recorded.reason) == ("refused", "the payment was declined, says the provider")
    assert await status(desk.shop, order) is OrderStatus.RESERVED
    await till.stop()


async def test_a_payment_that_was_given_back_before(desk: Desk) -> None:
    """By the provider's people, say: it pays nothing, and nothing more of it goes back."""
    order, payment = await reserve_and_take(desk)
    await desk.shop.provider.refund(payment, "by-hand", order.amount, "CNY")
    given_back = len(desk.shop.provider.refunds)
    recorded = await desk.tell(order, payment=payment)
    assert (recorded.result, recorded.reason) == ("returned", "it was given back before")
    assert await status(desk.shop, order) is OrderStatus.RESERVED
    assert len(desk.shop.provider.refunds) == given_back


async def test_an_order_that_was_lost_with_the_store_is_not_sent_its_money_back(desk: Desk) -> None:
    """The store is emptied under the notice; nobody has noticed yet, so its scripts still run."""
    order, payment = await reserve_and_take(desk)
    cashier, store = desk.shop.service.cashier, desk.shop.store
    partition = desk.shop.service.book.room(ROOM).partition
    names = [partition.order(order.order), partition.verified]
    kept = [(name, await store.get(name)) for name in names]
    carry, found = cashier._carry, list[Code | Fate]()

    async def emptied(operation: Operation, change: Change) -> Changed:
        if not found:
            await store.delete(*names)
        try:
            changed = await carry(operation, change)
            found.append(changed.code)
            return changed
        except Unanswered as error:
            found.append(error.fate)
            raise
        finally:
            for name, value in kept:  # replayed from the ledger
                await store.set(name, value or b"")

    cashier._carry = emptied
    assert (await desk.tell(order, payment=payment)).result == "paid"
    assert found[0] is Fate.DOWN and found[-1] is Code.DONE
    assert desk.shop.provider.refunds == [] and await desk.shop.owed() == []


async def test_nor_is_money_of_another_amount(desk: Desk) -> None:
    order = await desk.shop.order()
    partition = desk.shop.service.book.room(ROOM).partition
    returns, put = desk.shop.service.cashier.returns, desk.shop.service.cashier.returns.put

    async def emptied(*args: Any, **options: Any) -> int:
        await desk.shop.store.delete(partition.order(order.order), partition.verified)
        return await put(*args, **options)

    returns.put = emptied  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await desk.tell(order, amount=249)
    assert desk.shop.provider.refunds == [] and await desk.shop.owed() == []
