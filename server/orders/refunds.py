"""Refunds of orders: first the promise in the store, then the money, then the stock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from schemas.codes import ErrorCode, OrderStatus
from server.orders.changes import BEGIN_REFUND, FINISH_REFUND, Change, Changed, Code, Operation, refund_change
from server.orders.lifecycle import Action, NotAllowed, check
from server.orders.metrics import PAYMENTS
from server.orders.outcomes import Outcome, of_change, refused
from server.orders.provider import PaymentProvider
from server.orders.records import StoredOrder

log = structlog.get_logger("miaodan.orders")

Carry = Callable[[Operation, Change], Awaitable[Changed]]


class RefundDesk:
    """`carry(operation, change)` carries one change out; raises Unanswered."""

    def __init__(self, provider: PaymentProvider, carry: Carry) -> None:
        self._provider = provider
        self._carry = carry

    async def refund(self, record: StoredOrder, reason: str) -> Outcome:
        """Give a paid order's money back. Raises Unanswered.

        Where the provider does not answer, the order stays `refunding` and is tried again later.
        """
        if record.status not in (OrderStatus.REFUNDING, OrderStatus.REFUNDED):
            try:
                check(Action.REFUND, record.status)
            except NotAllowed as error:
                return refused(ErrorCode.CONFLICT, str(error), record.user, record.to_wire())
            begun = await self._carry(BEGIN_REFUND, refund_change(record, reason))
            if begun.code not in (Code.DONE, Code.ALREADY) or begun.record is None:
                return of_change(begun, record.user)
            record = begun.record
        if record.status is OrderStatus.REFUNDING:
            try:
                record = await self.finish(record) or record
            except Exception as error:
                log.warning("refund not finished yet", order=record.order, error=str(error))
        return Outcome(None, "", record.to_wire(), False, record.user)

    async def finish(self, record: StoredOrder) -> StoredOrder | None:
        """The money of a `refunding` order, then its stock. Raises what the provider or the store does."""
        payment = record.payment or ""
        await self._provider.refund(payment, f"{record.order}-rall", record.amount, record.currency)
        changed = await self._carry(FINISH_REFUND, refund_change(record, record.reason or ""))
        if changed.code is Code.DONE:
            PAYMENTS.labels("refunded").inc()
        return changed.record
