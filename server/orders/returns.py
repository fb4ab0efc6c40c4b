"""Money that was taken and pays nothing: kept among the partition's returns until it is back."""

from __future__ import annotations

import msgspec
import structlog
from redis.asyncio import Redis

from schemas.http import PaymentRecorded
from server.orders.changes import RETURN_AFTER_MS, Owed
from server.orders.entries import NoticeRow, PaymentRow, payment_head
from server.orders.keys import KeyBook, PartitionKeys
from server.orders.metrics import PAYMENTS, RETURNS
from server.orders.pipe import call_script
from server.orders.provider import PaymentProvider, PaymentRefused
from server.orders.scripts import NOTICE, PUT_BACK
from server.valkey import store_errors, store_time

log = structlog.get_logger("miaodan.orders")

_encode = msgspec.json.encode
PUT, PAYS, KNOWN = 1, 2, 0
"""What `put` found: it goes back; it pays the order after all; there is such an order after all."""
NO_ORDER = "-"
"""Stands for what cannot be an order's id."""


class Returns:
    """`memory_ms`: how long it is known that a payment was given back."""

    def __init__(self, client: Redis, book: KeyBook, provider: PaymentProvider, memory_ms: int) -> None:
        self._client = client
        self._book = book
        self._provider = provider
        self._memory = memory_ms

    def partition(self, order: str) -> PartitionKeys:
        """Where an order's returns are kept; also those of `NO_ORDER`."""
        return self._book.of_order(order) or self._book.of_text(order)

    async def put(
        self, order: str, payment: str, amount: int, currency: str, reason: str, *, unknown: bool
    ) -> int:
        """Put a captured payment that fits no order among the returns: PUT, PAYS or KNOWN.

        `unknown`: there is no such order. Raises StoreUnavailable, redis errors.
        """
        named = self._book.of_order(order) is not None and " " not in order
        owed = Owed(order if named else NO_ORDER, currency, amount, payment)
        partition = self.partition(owed.order)
        head = payment_head(payment, order, "", amount, currency)
        keys = [
            partition.outbox,
            partition.returns,
            partition.order(order),
            partition.unused(payment),
        ]
        args: list[str | bytes | int] = [
            *(payment, owed.member, head, _encode(reason)),
            *(RETURN_AFTER_MS, self._memory, 1 if unknown else 0),
        ]
        with store_errors():
            put: int = await call_script(self._client, PUT_BACK, keys, args)
        if put == PUT:
            PAYMENTS.labels("unused").inc()
            await self.try_now(owed)
        return put

    async def try_now(self, owed: Owed) -> None:
        """Give it back at once where that can be; the sweeper sees to the rest."""
        try:
            await self.give_back(owed)
        except Exception as error:
            log.warning("payment not returned yet", order=owed.order, payment=owed.payment, error=str(error))

    async def give_back(self, owed: Owed) -> None:
        """Return a payment that paid nothing. Raises what the provider or the store does."""
        await self._refund(owed)
        partition = self.partition(owed.order)
        event = f"return:{owed.payment}"
        at = await store_time(self._client)
        row = NoticeRow(
            event=event,
            order=owed.order,
            payment=owed.payment,
            status="refunded",
            amount=owed.amount,
            currency=owed.currency,
            result="returned",
            at=at,
        )
        paid = PaymentRow(owed.payment, "returned", owed.order, "", owed.amount, owed.currency, at)
        told = PaymentRecorded(event=event, result="returned", order=owed.order)
        keys = [partition.outbox, partition.notice(event), partition.returns]
        args: list[str | bytes | int] = [
            *(_encode(told), self._memory, _encode(row), owed.member, _encode(paid))
        ]
        await call_script(self._client, NOTICE, keys, args)
        PAYMENTS.labels("returned").inc()

    async def age(self, owed: Owed) -> int:
        """How long ago it was put among the returns, ms, as far as is remembered. Raises redis errors."""
        left = await self._client.pttl(self.partition(owed.order).unused(owed.payment))
        return self._memory - max(left, 0)

    async def _refund(self, owed: Owed) -> None:
        if not owed.amount:  # no money, and no provider knows of it
            return
        try:
            await self._provider.refund(owed.payment, f"return:{owed.payment}", owed.amount, owed.currency)
        except PaymentRefused as error:
            RETURNS.labels("refused").inc()
            log.error("the provider refuses to return a payment", payment=owed.payment, reason=error.reason)  # noqa: TRY400
            raise
        except Exception:
            RETURNS.labels("no_answer").inc()
            raise
        RETURNS.labels("done").inc()
