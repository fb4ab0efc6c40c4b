"""Money against orders, in the ledger alone: what was taken once was taken for one order, and is still
there or was given back.

Payments were not always written down one by one: orders paid before the first of those rows are left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec
from redis.asyncio import Redis
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.codes import OrderStatus
from server.orders.keys import KeyBook
from server.orders.problems import Problem
from server.orders.readback import read_unused
from server.orders.tables import order_history, orders, payments, refunds
from server.orders.traces import owed_of, returns_of

_TAKEN = ("paid", "shipped", "delivered", "refunding", "refunded")
_decode_refunds = msgspec.json.Decoder(dict[str, int]).decode


class MoneyAudit:
    """`coming`: orders of which the outbox still has something to tell."""

    def __init__(self, connection: AsyncConnection, coming: Collection[str]) -> None:
        self._connection = connection
        self._coming = coming

    async def problems(self) -> AsyncIterator[Problem]:
        """Raises LedgerError."""
        for part in (self._payments(), self._strays(), self._refunds()):
            async for problem in part:
                if problem.order not in self._coming:
                    yield problem

    def _kept(self) -> Any:
        """Per order: payments captured for it and not returned."""
        returned = select(payments.c.payment).where(payments.c.what == "returned")
        return (
            select(
                payments.c.order_id, func.count().label("count"), func.sum(payments.c.amount).label("amount")
            )
            .where(payments.c.what == "captured", payments.c.payment.not_in(returned))
            .group_by(payments.c.order_id)
            .subquery()
        )

    async def _rows(self, query: Select[Any]) -> AsyncIterator[Any]:
        result = await self._connection.stream(query, execution_options={"yield_per": 500})
        async for row in result:
            yield row

    async def _payments(self) -> AsyncIterator[Problem]:
        since = await self._connection.scalar(
            select(func.min(payments.c.at)).where(payments.c.what == "captured")
        )
        if since is None:
            return
        kept = self._kept()
        paid = (
            select(order_history.c.order_id, func.min(order_history.c.at).label("at"))
            .where(order_history.c.status == OrderStatus.PAID.value)
            .group_by(order_history.c.order_id)
            .subquery()
        )
        count = func.coalesce(kept.c.count, 0)
        taken = orders.c.status.in_(_TAKEN)
        query = (
            select(orders, count.label("count"), func.coalesce(kept.c.amount, 0).label("taken"))
            .outerjoin(kept, kept.c.order_id == orders.c.order_id)
            .outerjoin(paid, paid.c.order_id == orders.c.order_id)
            .where(
                or_(
                    and_(taken, paid.c.at >= since, count != 1),
                    and_(taken, count == 1, kept.c.amount != orders.c.amount),
                    and_(~taken, count > 0),
                )
            )
        )
        async for row in self._rows(query):
            expected = row.amount if row.status in _TAKEN else 0
            message = (
                f"order {row.order_id}: it is {row.status} and comes to {row.amount},"
                f" {row.count} payments of {int(row.taken)} together are kept for it"
            )
            pool = f"{row.room}/{row.pool}"
            yield Problem(pool, "payment", expected, int(row.taken), message, row.order_id)

    async def _strays(self) -> AsyncIterator[Problem]:
        kept = self._kept()
        query = (
            select(kept.c.order_id, kept.c.amount)
            .outerjoin(orders, orders.c.order_id == kept.c.order_id)
            .where(orders.c.order_id.is_(None))
        )
        async for order, amount in self._rows(query):
            message = f"order {order}: {int(amount)} was taken for it, and there is no such order"
            yield Problem("", "payment", 0, int(amount), message, order)

    async def _refunds(self) -> AsyncIterator[Problem]:
        given = (
            select(refunds.c.order_id, func.sum(refunds.c.amount).label("amount"))
            .where(refunds.c.what == "done")
            .group_by(refunds.c.order_id)
            .subquery()
        )
        query = (
            select(orders, given.c.amount.label("given"))
            .outerjoin(given, given.c.order_id == orders.c.order_id)
            .where(or_(given.c.amount.is_not(None), orders.c.refunds.is_not(None)))
        )
        async for row in self._rows(query):
            back, said = int(row.given or 0), sum(_decode_refunds(row.refunds or "{}").values())
            pool = f"{row.room}/{row.pool}"
            if back != said:
                message = f"order {row.order_id}: it says {said} was given back, its refunds come to {back}"
                yield Problem(pool, "refund", said, back, message, row.order_id)
            if back > row.amount:
                message = f"order {row.order_id}: {back} was given back of {row.amount}"
                yield Problem(pool, "refund_above", row.amount, back, message, row.order_id)


async def unreturned(
    client: Redis, connection: AsyncConnection, book: KeyBook, coming: Collection[str]
) -> AsyncIterator[Problem]:
    """Payments that found no use and that nobody will give back. Raises LedgerError, redis errors."""
    async for batch in read_unused(connection):
        for one in batch:
            if one.order in coming:
                continue
            owed = owed_of(book, one)
            partition = returns_of(book, owed)
            if await client.zscore(partition.returns, owed.member) is None:
                message = f"payment {one.payment} of order {one.order}: unused, and nobody gives it back"
                yield Problem(partition.tag, "unreturned", one.amount, 0, message, one.order)
