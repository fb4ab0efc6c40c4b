"""Payments of orders: the provider on one side, the store on the other.

A charge is written down before the provider is asked, and ends with what came of it; in between any
process may go on with it (another gateway, the poller, a notice), for every step is idempotent on both
sides. A payment that finds no order to pay was put among the partition's returns by the same Lua call
that refused it, and is given back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

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
    charge_change,
    open_charge,
    owed_for,
    pay_change,
    release_change,
)
from server.orders.charges import ChargeBook, charge_of
from server.orders.claims import Claims
from server.orders.keys import KeyBook
from server.orders.lanes import Fate, Unanswered
from server.orders.lifecycle import Action, NotAllowed, check
from server.orders.metrics import CHARGES, PAYMENTS, RELEASED
from server.orders.one_tap import OneTapCap, OverCap
from server.orders.outcomes import Outcome, of_change, refused
from server.orders.provider import (
    Charge,
    Payment,
    PaymentProvider,
    PaymentRefused,
    Standing,
    free_payment,
)
from server.orders.records import StoredOrder
from server.orders.returns import Returns
from server.orders.sandbox_client import NoAnswer
from server.settings import OrderSettings, PaymentSettings
from server.valkey import StoreUnavailable, store_errors, store_time

log = structlog.get_logger("miaodan.orders")

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between attempts to record a captured payment."""
PENDING_LOOK_MS = 500
"""When the poller asks after a payment that the provider has not decided, if no notice came."""

_UNUSED = {
    Code.SOLD_OUT: (ErrorCode.SOLD_OUT, "the hold had run out and nothing is left"),
    Code.OVER_LIMIT: (ErrorCode.LIMIT_EXCEEDED, "the hold had run out and other orders use the limit up"),
    Code.MISSING: (ErrorCode.NOT_FOUND, "no such order"),
}

Carry = Callable[[Operation, Change], Awaitable[Changed]]


class Cashier:
    """`carry(operation, change)` carries one change out; raises Unanswered."""

    def __init__(
        self,
        client: Redis,
        book: KeyBook,
        provider: PaymentProvider,
        settings: OrderSettings,
        terms: PaymentSettings,
        carry: Carry,
    ) -> None:
        self._client = client
        self._provider = provider
        self._carry = carry
        self._open = open_charge(terms.poll_ms)
        self._timeout = terms.timeout_ms / 1000
        self.claims = Claims(client, 4 * settings.request_ttl_ms)
        self.charges = ChargeBook(client, book, settings.request_ttl_ms)
        self.cap = OneTapCap(client, terms.one_tap_cap, terms.one_tap_window_ms)
        self.returns = Returns(client, book, provider, settings.request_ttl_ms)

    # ---- what a buyer asks for --------------------------------------------------------------

    async def pay(self, record: StoredOrder, *, replayed: bool = False) -> Outcome:
        """Charge the buyer and mark the order paid. Raises Unanswered, StoreUnavailable.

        An order that is paid already is simply told; an expired one is charged where there is stock.
        A payment that the provider has not decided leaves the order accepted as it stands.
        """
        return await self._pay(record, replayed, one_tap=False)

    async def pay_with_one_tap(self, record: StoredOrder, *, replayed: bool = False) -> Outcome:
        """As `pay`, within what the buyer may pay so."""
        return await self._pay(record, replayed, one_tap=True)

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

    async def _pay(self, record: StoredOrder, replayed: bool, *, one_tap: bool) -> Outcome:
        opened = await self._carry(self._open, charge_change(record, one_tap=one_tap))
        if opened.code is not Code.DONE or opened.record is None:
            return _not_opened(opened, record.user, replayed=replayed)
        CHARGES.labels("opened" if opened.opened else "joined").inc()
        record, charge = opened.record, charge_of(opened.record, opened.charge)
        order = record.to_wire()
        try:
            if one_tap:
                await self.cap.spend(charge)
            payment = await self.take(charge)
        except OverCap as error:
            CHARGES.labels("over_cap").inc()
            if opened.opened:  # who opened it before may be at it: then the poller ends it
                await self._left(record.order, opened)
            return refused(ErrorCode.PAYMENT_FAILED, str(error), record.user, order)
        except PaymentRefused as error:
            PAYMENTS.labels("refused").inc()
            await self._ended(record, opened.charge, "declined")
            return refused(ErrorCode.PAYMENT_FAILED, error.reason, record.user, order)
        except StoreUnavailable:
            raise  # the cap is not known, so nobody was charged
        except Exception as error:
            PAYMENTS.labels("no_answer").inc()
            surprise = not isinstance(error, (NoAnswer, TimeoutError, OSError))
            log.warning(  # the poller goes on with it
                "no answer from the payment provider",
                order=record.order,
                error=repr(error),
                exc_info=surprise,
            )
            message = "the payment provider gave no answer: pay again, it charges once"
            return refused(ErrorCode.UNKNOWN_OUTCOME, message, record.user)
        return await self._conclude(record, opened.charge, payment, replayed=replayed)

    async def _conclude(
        self, record: StoredOrder, charge: int, payment: Payment, *, replayed: bool
    ) -> Outcome:
        order = record.to_wire()
        if payment.status is not Standing.CAPTURED:
            PAYMENTS.labels("pending").inc()
            await self._look_soon(record.order)
            return Outcome(None, "", order, replayed, record.user)
        if payment.refunded:
            await self._ended(record, charge, "returned")
            message = "an earlier payment of this order was given back: pay again"
            return refused(ErrorCode.PAYMENT_FAILED, message, record.user, order)
        changed = await self.settle(record, payment.payment, charge)
        return _settled(changed, record.user, replayed=replayed)

    # ---- what gateways and the poller do with a charge --------------------------------------

    async def take(self, charge: Charge) -> Payment:
        """Its payment, captured or pending. Raises PaymentRefused; anything else: not known."""
        if not charge.amount:
            return free_payment(charge)
        async with asyncio.timeout(self._timeout):
            payment = await self._provider.authorise(charge)
        if payment.status is Standing.AUTHORISED:
            payment = await self.capture(payment.payment)
        elif payment.status is Standing.PENDING:
            # Some take the wish down and capture as soon as they can; the others leave it to the poller.
            with contextlib.suppress(PaymentRefused):
                payment = await self.capture(payment.payment)
        if payment.status is Standing.DECLINED:
            raise PaymentRefused(payment.reason or "the payment was declined")
        return payment

    async def capture(self, payment: str) -> Payment:
        """As `take`, for a payment whose money is set aside."""
        async with asyncio.timeout(self._timeout):
            return await self._provider.capture(payment)

    async def query(self, key: str) -> Payment | None:
        """What the provider says became of a charge. Raises whatever says that there is no answer."""
        async with asyncio.timeout(self._timeout):
            return await self._provider.query(key)

    async def lookup(self, payment: str) -> Payment | None:
        """A payment as the provider has it. Raises as `query`."""
        async with asyncio.timeout(self._timeout):
            return await self._provider.lookup(payment)

    async def declined(
        self, record: StoredOrder, charge: int, what: str = "declined", told: str = ""
    ) -> None:
        """The charge takes nothing (any more); `told`: a sentence for the buyer's sessions.

        Raises StoreUnavailable.
        """
        await self.cap.give_back(record.user, charge_of(record, charge).key)
        if await self.charges.end(record.order, charge, record, told):
            CHARGES.labels(what).inc()

    async def settle(self, record: StoredOrder, payment: str, charge: int = 0) -> Changed:
        """Record a captured payment, or send it back where it pays nothing. Raises Unanswered.

        `charge`: number of the charge it came by, which ends; 0 where only the provider knows it.
        """
        for pause in (*_PAUSES, None):
            try:
                changed = await self._record(record, payment, charge)
                break
            except Unanswered:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        if changed.code in (Code.DONE, Code.ALREADY):
            late = changed.code is Code.DONE and record.status is OrderStatus.EXPIRED
            PAYMENTS.labels("late" if late else "paid").inc()
            if charge:
                CHARGES.labels("paid").inc()
            return changed
        if changed.code is Code.FOREIGN:
            PAYMENTS.labels("foreign").inc()
            if charge:
                await self._ended(record, charge, "foreign")
            return changed
        PAYMENTS.labels("unused").inc()
        if charge:
            CHARGES.labels("unused").inc()  # the script ended it
            await self._not_spent(record, charge)
        await self.returns.try_now(owed_for(record, payment))
        return changed

    async def _ended(self, record: StoredOrder, charge: int, what: str) -> None:
        """As `declined`; without the store the poller sees to it."""
        try:
            await self.declined(record, charge, what)
        except StoreUnavailable as error:
            log.warning("charge not ended yet", order=record.order, error=str(error))

    async def _not_spent(self, record: StoredOrder, charge: int) -> None:
        try:
            await self.cap.give_back(record.user, charge_of(record, charge).key)
        except StoreUnavailable as error:
            log.warning("an unused payment still counts as one tap's", order=record.order, error=str(error))

    async def _left(self, order: str, opened: Changed) -> None:
        try:
            await self.charges.leave(order, opened.charge, opened.joins)
        except StoreUnavailable as error:
            log.warning("charge not ended yet", order=order, error=str(error))

    async def _look_soon(self, order: str) -> None:
        try:
            with store_errors():
                await self.charges.look_at(order, await store_time(self._client) + PENDING_LOOK_MS)
        except StoreUnavailable as error:
            log.warning("the poller looks later", order=order, error=str(error))

    async def _record(self, record: StoredOrder, payment: str, charge: int) -> Changed:
        try:
            owner = await self.claims.take(payment, record.order)
        except StoreUnavailable:
            raise Unanswered(Fate.UNKNOWN) from None
        if owner != record.order:
            log.error("a payment for two orders", payment=payment, order=record.order, owner=owner)
            return Changed(Code.FOREIGN, record)
        return await self._carry(PAY_ORDER, pay_change(record, payment, charge))


def unused_reason(changed: Changed) -> tuple[ErrorCode, str]:
    """Why a payment paid nothing."""
    if changed.code in _UNUSED:
        return _UNUSED[changed.code]
    status = changed.record.status.value if changed.record is not None else "gone"
    return ErrorCode.CONFLICT, f"the order is {status}"


def _not_opened(opened: Changed, user: str, *, replayed: bool) -> Outcome:
    if opened.record is None:
        return refused(ErrorCode.NOT_FOUND, "no such order", user)
    order = opened.record.to_wire()
    if opened.code is Code.ALREADY:
        return Outcome(None, "", order, replayed, user)
    if opened.code in (Code.SOLD_OUT, Code.OVER_LIMIT):
        code, message = _UNUSED[opened.code]
        return refused(code, message, user, order)
    if opened.code is Code.DEADLINE:
        message = "the time to pay has run out: pay again once the hold is released, where there is stock"
        return refused(ErrorCode.CONFLICT, message, user, order)
    try:
        check(Action.PAY, order.status)
    except NotAllowed as error:
        return refused(ErrorCode.CONFLICT, str(error), user, order)
    return refused(ErrorCode.CONFLICT, "this order takes no payment", user, order)


def _settled(changed: Changed, user: str, *, replayed: bool) -> Outcome:
    order = changed.record.to_wire() if changed.record is not None else None
    if changed.code in (Code.DONE, Code.ALREADY):
        return Outcome(None, "", order, replayed, user)
    if changed.code is Code.FOREIGN:
        return refused(ErrorCode.PAYMENT_FAILED, "the payment belongs to another order", user, order)
    code, message = unused_reason(changed)
    return refused(code, f"{message}: the payment goes back", user, order)
