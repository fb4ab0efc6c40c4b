"""Refunds of orders: first the promise in the store, then the money, then the stock.

Each step leaves the refund among the partition's refunds under way, by the time at which the sweeper
takes it up where nobody went on; the refund's id is the provider's idempotency key.
"""

from __future__ import annotations

import structlog

from server.orders.actions import Act
from server.orders.aftersales import (
    RefundRequest,
    RefundRules,
    approve,
    ask,
    decline,
    finish,
    under_way,
)
from server.orders.amending import Amended, Amender
from server.orders.metrics import PAYMENTS, REFUNDS
from server.orders.outcomes import Outcome
from server.orders.provider import PaymentProvider, PaymentRefused
from server.orders.records import StoredOrder

log = structlog.get_logger("miaodan.orders")


class RefundDesk:
    """What buyers and hosts ask for, and time."""

    def __init__(self, provider: PaymentProvider, amender: Amender, rules: RefundRules) -> None:
        self._provider = provider
        self._amender = amender
        self._rules = rules

    async def ask(self, record: StoredOrder, request: RefundRequest, act: Act | None = None) -> Outcome:
        """Begin a refund, and carry it out where nobody has to approve it.

        Where the provider does not answer, the order stays `refunding` and is tried again later.
        Raises Unanswered, StoreUnavailable.
        """
        asked = await self._amender.amend(
            record, lambda record, now: ask(record, request, self._rules, now), act
        )
        if asked.refusal is not None:
            return asked.outcome()
        if asked.changed:
            REFUNDS.labels("begun").inc()
        outcome = (await self._go_on(asked)).outcome()
        if not asked.changed and request.request_id is not None:
            return Outcome(None, "", outcome.order, True, outcome.user)
        return outcome

    async def approve(self, record: StoredOrder, act: Act) -> Outcome:
        """Give the money back. Raises Unanswered, StoreUnavailable."""
        approved = await self._amender.amend(record, lambda record, now: approve(record, act.actor, now), act)
        if approved.changed:
            REFUNDS.labels("approved").inc()
        return (await self._go_on(approved)).outcome()

    async def decline(self, record: StoredOrder, reason: str, act: Act) -> Outcome:
        """Leave the order as it was. Raises Unanswered, StoreUnavailable."""
        declined = await self._amender.amend(
            record, lambda record, now: decline(record, act.actor, reason, now), act
        )
        if declined.changed:
            REFUNDS.labels("declined").inc()
        return declined.outcome()

    async def resume(self, record: StoredOrder) -> StoredOrder:
        """Go on with an order's refund where it was left, now that its time has come.

        Raises what the provider or the store does.
        """
        refund = under_way(record)
        if refund is not None and not refund.approved:
            by_time = await self._amender.amend(record, lambda record, now: approve(record, "", now))
            if by_time.changed:
                REFUNDS.labels("approved_by_time").inc()
            record = by_time.record
            refund = under_way(record)
        if refund is None or not refund.approved:
            return record
        return await self._carry_out(record)

    async def _go_on(self, amended: Amended) -> Amended:
        """With the money, where it is approved; the sweeper does it where that fails."""
        refund = under_way(amended.record)
        if amended.refusal is not None or refund is None or not refund.approved:
            return amended
        try:
            return Amended(await self._carry_out(amended.record))
        except Exception as error:
            log.warning("refund not finished yet", order=amended.record.order, error=str(error))
            return amended

    async def _carry_out(self, record: StoredOrder) -> StoredOrder:
        """The money of an approved refund, then the order and its stock."""
        refund = under_way(record)
        if refund is None:
            return record
        if refund.amount:
            try:
                await self._provider.refund(record.payment or "", refund.id, refund.amount, record.currency)
            except PaymentRefused as error:
                REFUNDS.labels("refused").inc()
                log.error("the provider refuses a refund", refund=refund.id, reason=error.reason)  # noqa: TRY400
                raise
            except Exception:
                REFUNDS.labels("no_answer").inc()
                raise
        finished = await self._amender.amend(record, lambda record, now: finish(record, refund.id, now))
        if finished.refusal is not None:
            raise finished.refusal
        if finished.changed:
            REFUNDS.labels("done").inc()
            PAYMENTS.labels("refunded").inc()
        return finished.record
