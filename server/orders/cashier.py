"""Payments of orders: the provider on one side, the store on the other.

Paying an order is idempotent on both sides (the provider's charge key, the payment in the order's
record), so a step whose answer was lost is simply taken again. A payment that finds no order to pay
was put among the partition's returns by the same Lua call that refused it, and is given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from redis.asyncio import Redis

from schemas.codes import ErrorCode, OrderStatus
from server.orders.changes import (
    CANCEL_ORDER,
    PAY_ORDER,
    Change,
    Changed,
    Code,
    Operation,
    Owed,
    owed_for,
    pay_change,
    release_change,
)
from server.orders.entries import NoticeRow
from server.orders.keys import KeyBook
from server.orders.lanes import Unanswered
from server.orders.lifecycle import Action, NotAllowed, check
from server.orders.metrics import PAYMENTS, RELEASED
from server.orders.outcomes import Outcome, of_change, refused
from server.orders.pipe import call_script
from server.orders.provider import Charge, PaymentProvider, PaymentRefused, Standing
from server.orders.records import StoredOrder
from server.orders.scripts import NOTICE
from server.valkey import store_time

log = structlog.get_logger("miaodan.orders")

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between attempts to record a captured payment."""

_LATE = {
    Code.SOLD_OUT: (ErrorCode.SOLD_OUT, "the hold had run out and nothing is left: the payment goes back"),
    Code.OVER_LIMIT: (
        ErrorCode.LIMIT_EXCEEDED,
        "the hold had run out and other orders use the limit up: the payment goes back",
    ),
}

Carry = Callable[[Operation, Change], Awaitable[Changed]]


class Cashier:
    """`carry(operation, change)` carries one change out; raises Unanswered."""

    def __init__(
        self, client: Redis, book: KeyBook, provider: PaymentProvider, memory_ms: int, carry: Carry
    ) -> None:
        self._client = client
        self._book = book
        self._provider = provider
        self._memory = memory_ms
        self._carry = carry

    async def pay(self, record: StoredOrder, *, replayed: bool = False) -> Outcome:
        """Charge the buyer and mark the order paid. Raises Unanswered, StoreUnavailable.

        An order that is paid already is simply told; an expired one takes new stock if it can.
        """
        order = record.to_wire()
        if record.status is OrderStatus.PAID:
            return Outcome(None, "", order, replayed, record.user)
        late = record.status is OrderStatus.EXPIRED
        try:
            check(Action.PAY_LATE if late else Action.PAY, record.status)
        except NotAllowed as error:
            return refused(ErrorCode.CONFLICT, str(error), record.user, order)
        charge = Charge(
            f"{record.order}-{record.version}", record.order, record.user, record.amount, record.currency
        )
        try:
            payment = await self._take(charge)
        except PaymentRefused as error:
            PAYMENTS.labels("refused").inc()
            return refused(ErrorCode.PAYMENT_FAILED, error.reason, record.user, order)
        except Exception:
            PAYMENTS.labels("no_answer").inc()
            log.exception("no answer from the payment provider", order=record.order)
            message = "the payment provider gave no answer: pay again, it charges once"
            return refused(ErrorCode.UNKNOWN_OUTCOME, message, record.user)
        changed = await self.settle(record, payment)
        return self._outcome(changed, record.user, replayed=replayed)

    async def _take(self, charge: Charge) -> str:
        """The captured payment. Raises what the provider does, TimeoutError while it is not decided."""
        payment = await self._provider.authorise(charge)
        if payment.status is not Standing.CAPTURED:
            payment = await self._provider.capture(payment.payment)
        if payment.status is not Standing.CAPTURED:
            raise TimeoutError(f"payment {payment.payment} is {payment.status.value}")
        return payment.payment

    async def settle(self, record: StoredOrder, payment: str) -> Changed:
        """Record a captured payment, or send it back where it pays nothing. Raises Unanswered."""
        for pause in (*_PAUSES, None):
            try:
                changed = await self._carry(PAY_ORDER, pay_change(record, payment))
                break
            except Unanswered:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        if changed.code in (Code.DONE, Code.ALREADY):
            late = changed.code is Code.DONE and record.status is OrderStatus.EXPIRED
            PAYMENTS.labels("late" if late else "paid").inc()
            return changed
        PAYMENTS.labels("unused").inc()
        try:
            await self.give_back(owed_for(record, payment))
        except Exception as error:
            log.warning("payment not returned yet", order=record.order, payment=payment, error=str(error))
        return changed

    @staticmethod
    def _outcome(changed: Changed, user: str, *, replayed: bool) -> Outcome:
        order = changed.record.to_wire() if changed.record is not None else None
        if changed.code in (Code.DONE, Code.ALREADY):
            return Outcome(None, "", order, replayed, user)
        if changed.code in _LATE:
            code, message = _LATE[changed.code]
            return refused(code, message, user, order)
        if order is None:
            return refused(ErrorCode.NOT_FOUND, "no such order: the payment goes back", user)
        message = f"the order is {order.status.value}: the payment goes back"
        return refused(ErrorCode.CONFLICT, message, user, order)

    async def cancel(self, record: StoredOrder) -> Outcome:
        """Give an unpaid order's hold back. Raises Unanswered."""
        if record.status is not OrderStatus.CANCELLED:
            try:
                check(Action.CANCEL, record.status)
            except NotAllowed as error:
                return refused(ErrorCode.CONFLICT, str(error), record.user, record.to_wire())
        changed = await self._carry(CANCEL_ORDER, release_change(record, "cancelled by the buyer"))
        if changed.code is Code.DONE:
            RELEASED.labels("cancelled").inc()
        return of_change(changed, record.user)

    async def give_back(self, owed: Owed) -> None:
        """Return a payment that paid nothing. Raises what the provider or the store does."""
        await self._provider.refund(owed.payment, f"return:{owed.payment}", owed.amount, owed.currency)
        partition = self._book.of_order(owed.order)
        if partition is None:
            raise ValueError(f"not an order's id: {owed.order!r}")
        event = f"return:{owed.payment}"
        row = NoticeRow(
            event=event,
            order=owed.order,
            payment=owed.payment,
            status="refunded",
            amount=owed.amount,
            currency=owed.currency,
            result="returned",
            at=await store_time(self._client),
        )
        keys = [partition.outbox, partition.notice(event), partition.returns]
        args: list[str | bytes | int] = [b'"returned"', self._memory, msgspec.json.encode(row), owed.member]
        await call_script(self._client, NOTICE, keys, args)
        PAYMENTS.labels("returned").inc()
