"""Two views of the same pools for an audit: as the store counts them, as the ledger adds them up.

The ledger follows the store through the outbox. To compare them while orders come in, the ledger is
read first, at one moment; the store after it, at one moment per partition together with the entries
of its outbox; what the ledger did not have yet is added from those (`LedgerBooks.catch_up`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, cast

import msgspec
from msgspec import Struct, field
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.codes import OrderStatus
from server.orders.entries import Entry, decode_entry
from server.orders.keys import KeyBook, PartitionKeys
from server.orders.lifecycle import HOLDING, SOLD
from server.orders.pools import COUNTERS, PoolCounts, pool_counts
from server.orders.records import StoredOrder
from server.orders.tables import order_history, orders, parked_entries, stock_movements

PoolName = tuple[str, str]
"""Room and pool reference."""
_CHUNK = 500
_decode_refunds = msgspec.json.Decoder(dict[str, int]).decode


class StorePool(Struct):
    """One pool as the store has it."""

    counts: PoolCounts
    units: dict[str, int]
    unreadable: str = ""
    """What no script of ours wrote there; then there are no counts and no units."""


class StoreBooks(Struct):
    """One partition of the store at one moment."""

    pools: dict[PoolName, StorePool]
    holds: int
    overdue: int
    returns: int
    """Payments without an order, and refunds that wait for their approval or their money."""
    entries: list[Entry]
    unread: int
    """Outbox entries that no script of ours wrote."""


async def read_store(client: Redis, book: KeyBook, partition: PartitionKeys, now: int) -> StoreBooks:
    """Raises redis errors."""
    while True:
        names = await _pool_names(client, book, partition)
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.scard(partition.rooms)
            pipeline.zcard(partition.holds)
            pipeline.zcount(partition.holds, 0, now)
            pipeline.zcard(partition.returns)
            pipeline.zcard(partition.refunds)
            pipeline.xrange(partition.outbox)
            for room in {room for room, _ in names}:
                pipeline.scard(book.room(room).pools)
            for room, ref in names:
                keys = book.room(room).at(ref)
                pipeline.hmget(keys.pool, COUNTERS)
                pipeline.hgetall(keys.units)
            found = await pipeline.execute(raise_on_error=False)
        rooms = {room for room, _ in names}
        counted, pools = found[6 : 6 + len(rooms)], found[6 + len(rooms) :]
        for reply in found[: 6 + len(rooms)]:
            if isinstance(reply, RedisError):
                raise reply
        if found[0] == len(rooms) and sum(counted) == len(names):
            break  # no pool came into being between the two reads
    entries, unread = [], 0
    for _, fields in found[5]:
        try:
            entries.append(decode_entry(fields))
        except ValueError:
            unread += 1
    return StoreBooks(
        {
            name: _store_pool(pools[2 * at], pools[2 * at + 1], is_sale=name[1].startswith("sale/"))
            for at, name in enumerate(names)
        },
        holds=found[1],
        overdue=found[2],
        returns=found[3] + found[4],
        entries=entries,
        unread=unread,
    )


def _store_pool(counters: Any, units: Any, *, is_sale: bool) -> StorePool:
    """From the replies to both reads: what another hand put there is an error, or no number."""
    try:
        for reply in (counters, units):
            if isinstance(reply, RedisError):
                raise reply
        held = {user.decode(): int(count) for user, count in units.items()}
        return StorePool(pool_counts(counters, is_sale=is_sale), held)
    except (RedisError, ValueError) as error:
        nothing = pool_counts([None] * len(COUNTERS), is_sale=is_sale)
        return StorePool(nothing, {}, str(error))


async def _pool_names(client: Redis, book: KeyBook, partition: PartitionKeys) -> list[PoolName]:
    names = []
    for room in sorted(cast("set[bytes]", await client.smembers(partition.rooms))):
        refs = cast("set[bytes]", await client.smembers(book.room(room.decode()).pools))
        names += [(room.decode(), ref.decode()) for ref in sorted(refs)]
    return names


class LedgerPool(Struct):
    """One pool as the ledger adds it up."""

    total: int = 0
    held: int = 0
    sold: int = 0
    orders_reserved: int = 0
    orders_paid: int = 0
    orders_refunded: int = 0
    revenue: int = 0
    units: dict[str, int] = field(default_factory=dict)

    def add(self, user: str, status: OrderStatus, count: int, quantity: int, amount: int) -> None:
        """`count` orders of one user in one status, or with minus signs their leaving it.

        `amount`: what they brought in, refunds taken off.
        """
        if status in HOLDING:
            self.held += quantity
            self.orders_reserved += count
        elif status in SOLD:
            self.sold += quantity
            self.orders_paid += count
            self.revenue += amount
        elif status is OrderStatus.REFUNDED:
            self.orders_refunded += count
        if status in HOLDING or status in SOLD:
            left = self.units.get(user, 0) + quantity
            if left:
                self.units[user] = left
            else:
                self.units.pop(user, None)


class LedgerBooks:
    """The whole ledger at the moment of `connection`'s transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.pools: dict[PoolName, LedgerPool] = {}
        self._coming: dict[str, set[int]] = {}
        """Versions of orders that the outbox still has: their history is on its way."""

    @property
    def coming(self) -> Collection[str]:
        """Orders of which the outbox had something that may not have been written yet."""
        return self._coming.keys()

    async def pin(self) -> None:
        """Begin the moment: everything read after this is as it is now."""
        await self._connection.execute(select(orders.c.order_id).limit(1))

    async def read(self) -> None:
        sums = select(
            orders.c.room,
            orders.c.pool,
            orders.c.user_id,
            orders.c.status,
            func.count(),
            func.sum(orders.c.quantity),
            func.sum(orders.c.amount),
        ).group_by(orders.c.room, orders.c.pool, orders.c.user_id, orders.c.status)
        for room, pool, user, status, count, quantity, amount in await self._connection.execute(sums):
            # PostgreSQL adds big integers up as decimals.
            self.pool(room, pool).add(user, OrderStatus(status), count, int(quantity), int(amount))
        given_back = select(orders.c.room, orders.c.pool, orders.c.refunds).where(
            orders.c.refunds.is_not(None), orders.c.status.in_([status.value for status in SOLD])
        )
        for room, pool, refunds in await self._connection.execute(given_back):
            self.pool(room, pool).revenue -= _refunded(refunds)
        movements = stock_movements.c
        given = select(movements.room, movements.pool, func.sum(movements.delta)).group_by(
            movements.room, movements.pool
        )
        for room, pool, total in await self._connection.execute(given):
            self.pool(room, pool).total += int(total)

    def pool(self, room: str, ref: str) -> LedgerPool:
        return self.pools.setdefault((room, ref), LedgerPool())

    async def catch_up(self, entries: Iterable[Entry]) -> int:
        """Add what these outbox entries say and the ledger does not have; how many changes that were."""
        latest: dict[str, StoredOrder] = {}
        moves = {}
        for entry in entries:
            moves.update({move.id: move for move in entry.moves})
            for record in entry.orders:
                self._coming.setdefault(record.order, set()).add(record.version)
                known = latest.get(record.order)
                if known is None or known.version < record.version:
                    latest[record.order] = record
        added = 0
        for some in _chunks(list(latest)):
            query = select(orders.c.order_id, orders.c.version, orders.c.status, orders.c.refunds).where(
                orders.c.order_id.in_(some)
            )
            known_rows = {row[0]: row for row in await self._connection.execute(query)}
            for order in some:
                record, row = latest[order], known_rows.get(order)
                if row is not None and row.version >= record.version:
                    continue
                added += 1
                pool = self.pool(record.room, record.pool)
                if row is not None:
                    before = OrderStatus(row.status)
                    brought_in = record.amount - _refunded(row.refunds)
                    pool.add(record.user, before, -1, -record.quantity, -brought_in)
                brings_in = record.amount - record.refunded
                pool.add(record.user, record.status, 1, record.quantity, brings_in)
        for some in _chunks(list(moves)):
            written = select(stock_movements.c.id).where(stock_movements.c.id.in_(some))
            known_moves = {row[0] for row in await self._connection.execute(written)}
            for move in (moves[name] for name in some if name not in known_moves):
                added += 1
                self.pool(move.room, move.pool).total += move.delta
        return added

    async def broken_histories(self, limit: int) -> list[tuple[str, str, str]]:
        """(order, room, pool) of orders whose versions do not run from 1 to the highest without a hole.

        What a dead consumer took is written later than what came after it: the outbox counts as well.
        """
        history = (
            select(order_history.c.order_id, func.count().label("count"))
            .group_by(order_history.c.order_id)
            .subquery()
        )
        query = (
            select(orders.c.order_id, orders.c.room, orders.c.pool, orders.c.version)
            .outerjoin(history, history.c.order_id == orders.c.order_id)
            .where(func.coalesce(history.c.count, 0) != orders.c.version)
            .limit(limit + len(self._coming))
        )
        holes = (await self._connection.execute(query)).all()
        there = await self._versions([order for order, *_ in holes if order in self._coming])
        return [
            (order, room, pool)
            for order, room, pool, version in holes
            if not there.get(order, set()) | self._coming.get(order, set()) >= set(range(1, version + 1))
        ][:limit]

    async def _versions(self, names: list[str]) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for some in _chunks(names):
            query = select(order_history.c.order_id, order_history.c.version).where(
                order_history.c.order_id.in_(some)
            )
            for order, version in await self._connection.execute(query):
                found.setdefault(order, set()).add(version)
        return found

    async def parked(self) -> int:
        """Entries put aside."""
        return int(await self._connection.scalar(select(func.count()).select_from(parked_entries)) or 0)


def _refunded(refunds: str | None) -> int:
    """Minor units, of an order's column."""
    return sum(_decode_refunds(refunds).values()) if refunds else 0


def _chunks(names: list[str]) -> Iterable[list[str]]:
    return (names[at : at + _CHUNK] for at in range(0, len(names), _CHUNK))
