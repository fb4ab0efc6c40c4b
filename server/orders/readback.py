"""Orders and pools read back from the ledger, in full, for whoever rebuilds or proves the store.

One pass in bounded batches, ordered by room, pool and user: what is added up per pool or per user is
complete when the next one begins, so nothing grows with the number of orders.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.codes import OrderStatus
from server.orders.entries import PoolRow
from server.orders.records import Refund, StoredOrder
from server.orders.tables import orders, payments, pools, stock_movements
from server.valkey import partition_of

BATCH = 500

_refund = msgspec.json.Decoder(Refund).decode
_refunds = msgspec.json.Decoder(dict[str, int]).decode


class Unused(Struct, frozen=True):
    """A payment that found no use and was not given back yet."""

    payment: str
    order: str
    amount: int
    currency: str


def order_of(row: Row[Any]) -> StoredOrder:
    """A row of `orders`, as it was in the store."""
    return StoredOrder(
        order=row.order_id,
        request_id=row.request_id,
        room=row.room,
        user=row.user_id,
        sale=row.sale,
        sku=row.sku,
        quantity=row.quantity,
        currency=row.currency,
        price=row.price,
        status=OrderStatus(row.status),
        version=row.version,
        reserved_at=row.reserved_at,
        expires_at=row.expires_at,
        updated_at=row.updated_at,
        payment=row.payment,
        reason=row.reason,
        pay=row.pay,
        shipped_at=row.shipped_at,
        delivered_at=row.delivered_at,
        refund=_refund(row.refund) if row.refund is not None else None,
        refunds=_refunds(row.refunds) if row.refunds is not None else {},
    )


async def _batches(connection: AsyncConnection, query: Select[Any]) -> AsyncIterator[list[Any]]:
    result = await connection.stream(query, execution_options={"yield_per": BATCH})
    async for rows in result.partitions():
        yield list(rows)


async def read_orders(
    connection: AsyncConnection, partitions: Collection[int]
) -> AsyncIterator[list[tuple[StoredOrder, int]]]:
    """The orders of these partitions in batches, each with the time of its user's last one in the room.

    Ordered by room, pool and user. Raises LedgerError.
    """
    # An order's id begins with its partition.
    within = func.substr(orders.c.order_id, 1, 3).in_([f"{number:02x}-" for number in partitions])
    last = func.max(orders.c.reserved_at).over(partition_by=(orders.c.room, orders.c.user_id))
    query = (
        select(orders, last.label("last"))
        .where(within)
        .order_by(orders.c.room, orders.c.pool, orders.c.user_id, orders.c.order_id)
    )
    async for rows in _batches(connection, query):
        yield [(order_of(row), row.last) for row in rows]


async def read_pools(
    connection: AsyncConnection, partitions: Collection[int], of: int
) -> dict[tuple[str, str], PoolRow]:
    """Rules of the pools in these partitions (of `of`), by room and reference."""
    wanted = set(partitions)
    found: dict[tuple[str, str], PoolRow] = {}
    async for rows in _batches(connection, select(pools)):
        for row in rows:
            if partition_of(row.room, of) in wanted:
                found[row.room, row.pool] = PoolRow(**row._mapping)
    return found


async def read_totals(
    connection: AsyncConnection, partitions: Collection[int], of: int
) -> dict[tuple[str, str], int]:
    """What each pool was given, all movements together."""
    wanted = set(partitions)
    moved = stock_movements.c
    query = select(moved.room, moved.pool, func.sum(moved.delta)).group_by(moved.room, moved.pool)
    found: dict[tuple[str, str], int] = {}
    async for rows in _batches(connection, query):
        for row in rows:
            room, pool, total = row
            if partition_of(room, of) in wanted:
                found[room, pool] = int(total)  # PostgreSQL adds big integers up as decimals
    return found


async def read_unused(connection: AsyncConnection) -> AsyncIterator[list[Unused]]:
    """Payments that are to be given back."""
    returned = select(payments.c.payment).where(payments.c.what == "returned")
    query = select(payments).where(payments.c.what == "unused", payments.c.payment.not_in(returned))
    async for rows in _batches(connection, query):
        yield [Unused(row.payment, row.order_id, row.amount, row.currency) for row in rows]
