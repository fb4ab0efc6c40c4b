"""A partition of the store, written anew from the ledger.

    records      each order as it stands; finished ones for what is left of their life
    requests     request_id -> "order contents", so that a repeat gets its first answer
    holds        reserved orders by their deadline
    units        user -> units held or paid, per pool
    pools        rules as last written, counters added up from orders and movements; `epoch` + 1
    due, rooms   what the sale clock has to tell, which rooms have pools
    returns      payments without an order, on their way back
    refunds      refunds under way, by when the sweeper takes them up

The ledger must have everything that the outbox has (`LedgerConsumer.drain`), and nobody else may write:
the partition is frozen and the caller has its fence. Each step writes what the ledger says, whatever is
there: a run that was cut off is simply run again. `complete` makes it count, in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from schemas.codes import OrderStatus
from server.orders.changes import RETURN_AFTER_MS, Owed
from server.orders.consumer import outbox_end
from server.orders.entries import PoolRow
from server.orders.fence import Fence
from server.orders.keys import KeyBook, PartitionKeys, RoomKeys
from server.orders.ledger import Ledger
from server.orders.lifecycle import HOLDING, SOLD
from server.orders.metrics import REPLAYED
from server.orders.pools import COUNTERS
from server.orders.readback import BATCH, Unused, read_orders, read_pools, read_totals, read_unused
from server.orders.records import StoredOrder, encode_stored
from server.orders.statements import EntryId
from server.orders.traces import owed_of, record_life, request_contents, returns_of, write_traces
from server.settings import OrderSettings
from server.valkey import store_time

_ROWS = 200
"""Pools in one outbox entry."""
_T = TypeVar("_T")
PoolName = tuple[str, str]


class Rebuilt(Struct):
    """A pool as the ledger has it: rules, and what its orders add up to."""

    rules: PoolRow
    total: int = 0
    held: int = 0
    sold: int = 0
    reserved: int = 0
    paid: int = 0
    refunded: int = 0
    revenue: int = 0

    @property
    def available(self) -> int:
        return self.total - self.held - self.sold

    def add(self, record: StoredOrder) -> None:
        if record.status in HOLDING:
            self.held += record.quantity
            self.reserved += 1
        elif record.status in SOLD:
            self.sold += record.quantity
            self.paid += 1
            self.revenue += record.amount - record.refunded
        elif record.status is OrderStatus.REFUNDED:
            self.refunded += 1


class Replayed(Struct):
    """What was written."""

    orders: int = 0
    holds: int = 0
    pools: dict[PoolName, Rebuilt] = field(default_factory=dict)


class Replay:
    """Rebuilds the partitions of `fences`. Raises LedgerError, FenceLost, redis errors."""

    def __init__(self, client: Redis, ledger: Ledger, settings: OrderSettings, fences: list[Fence]) -> None:
        self._client = client
        self._ledger = ledger
        self._settings = settings
        self._book = KeyBook(settings.partitions)
        self._fences = {fence.partition.number: fence for fence in fences}
        self._now = 0
        self.done = Replayed()

    async def write(self) -> None:
        """Everything but what makes it count."""
        self._now = await store_time(self._client)
        self.done = Replayed()
        self._cleared: set[PoolName] = set()
        numbers, count = self._fences.keys(), self._settings.partitions
        async with self._ledger.reading() as connection:  # one moment for all of it
            rules = await read_pools(connection, numbers, count)
            totals = await read_totals(connection, numbers, count)
            self.done.pools = {name: Rebuilt(row) for name, row in rules.items()}
            for (room, pool), total in totals.items():
                self._pool(room, pool).total = total
            for fence in self._fences.values():
                await fence.write(partial(_delete, _swept(fence.partition)))
            await self._clear_units(self.done.pools)
            async for batch in read_orders(connection, numbers):
                await self._orders(batch)
            async for unused in read_unused(connection):
                for one in unused:
                    await self._owed(one)
        for rebuilt in self.done.pools.values():
            before = rebuilt.rules
            rebuilt.rules = replace(before, version=before.version + 1, epoch=before.epoch + 1, at=self._now)
        for number, names in self._by_partition(self.done.pools).items():
            for some in chunks(names, BATCH):
                await self._fences[number].write(partial(self._queue_pools, names=some))
        REPLAYED.labels("orders").inc(self.done.orders)
        REPLAYED.labels("pools").inc(len(self.done.pools))

    async def _clear_units(self, pools: Iterable[PoolName]) -> None:
        """They are added up anew, so they begin at nothing."""
        fresh = [name for name in pools if name not in self._cleared]
        self._cleared.update(fresh)
        for number, names in self._by_partition(fresh).items():
            for some in chunks(names, BATCH):
                units = [self._book.room(room).at(pool).units for room, pool in some]
                await self._fences[number].write(partial(_delete, units))

    def _by_partition(self, pools: Iterable[PoolName]) -> dict[int, list[PoolName]]:
        names: dict[int, list[PoolName]] = {}
        for room, pool in pools:
            names.setdefault(self._book.room(room).partition.number, []).append((room, pool))
        return names

    def _pool(self, room: str, pool: str, record: StoredOrder | None = None) -> Rebuilt:
        """A pool whose rules the ledger never got is closed: its orders are there, nothing is sold of it."""
        found = self.done.pools.get((room, pool))
        if found is None:
            sku = record.sku if record is not None else pool.partition("/")[2]
            found = self.done.pools[room, pool] = Rebuilt(
                PoolRow(
                    room=room,
                    pool=pool,
                    version=0,
                    epoch=0,
                    state="closed",
                    sku=sku,
                    price=record.price if record is not None else 0,
                    currency=record.currency if record is not None else "",
                    per_user_limit=0,
                    hold_ms=self._settings.hold_ms,
                    starts_at=0,
                    ends_at=0,
                    reason="",
                    at=0,
                )
            )
        return found

    # ---- orders -----------------------------------------------------------------------------

    async def _orders(self, batch: list[tuple[StoredOrder, int]]) -> None:
        by_partition: dict[int, list[tuple[StoredOrder, int]]] = {}
        for record, last in batch:
            self._pool(record.room, record.pool, record).add(record)
            self.done.holds += record.status in HOLDING
            by_partition.setdefault(self._book.room(record.room).partition.number, []).append((record, last))
        await self._clear_units({(record.room, record.pool) for record, _ in batch})
        for number, some in by_partition.items():
            await self._fences[number].write(partial(self._queue_orders, batch=some))
        self.done.orders += len(batch)

    def _queue_orders(self, pipeline: Pipeline, batch: list[tuple[StoredOrder, int]]) -> None:
        for record, last in batch:
            room = self._book.room(record.room)
            until = last + self._settings.request_ttl_ms
            if until > self._now:
                value = f"{record.order} {request_contents(record)}"
                pipeline.hset(room.user(record.user), record.request_id, value)
                pipeline.pexpireat(room.user(record.user), until)
            key, life = room.partition.order(record.order), record_life(record, self._settings)
            if life is not None and record.updated_at + life <= self._now:
                pipeline.delete(key)
                continue
            pipeline.set(key, encode_stored(record), pxat=None if life is None else record.updated_at + life)
            if record.status in HOLDING or record.status in SOLD:
                pipeline.hincrby(room.at(record.pool).units, record.user, record.quantity)
            write_traces(pipeline, room.partition, record, self._settings, self._now)

    async def _owed(self, unused: Unused) -> None:
        owed = owed_of(self._book, unused)
        partition = returns_of(self._book, owed)
        fence = self._fences.get(partition.number)
        if fence is not None:
            at, life = self._now + RETURN_AFTER_MS, self._settings.request_ttl_ms
            await fence.write(partial(_return, partition, owed, at, life))

    # ---- pools ------------------------------------------------------------------------------

    def _queue_pools(self, pipeline: Pipeline, names: list[PoolName]) -> None:
        for name in names:
            pool = self.done.pools[name]
            room = self._book.room(name[0])
            keys = room.at(name[1])
            fields = _fields(pool)
            if keys.is_sale and pool.available == 0:
                fields["exhausted"] = self._now
            pipeline.delete(keys.pool)
            pipeline.hset(keys.pool, mapping=fields)  # type: ignore[arg-type]
            if keys.is_sale:
                pipeline.zadd(room.partition.due, _moments(keys.due_member, pool, self._now))

    async def complete(self, fence: Fence, run_id: bytes, reached: EntryId | None) -> None:
        """Make one partition count: rules to the ledger, its outbox beyond `reached`, the mark."""
        keys = fence.partition
        names = self._by_partition(self.done.pools).get(keys.number, [])
        end = await outbox_end(self._client, keys.outbox) or (0, 0)

        def commands(pipeline: Pipeline) -> None:
            if reached is not None and reached > end:
                # New entries must come after everything the ledger has seen.
                pipeline.execute_command("XSETID", keys.outbox, f"{reached[0]}-{reached[1]}")
            for some in chunks(names, _ROWS):
                rows = [self.done.pools[name].rules for name in some]
                pipeline.xadd(keys.outbox, {"d": msgspec.json.encode(rows)})
            for room, refs in _by_room(names).items():
                _tell(pipeline, self._book.room(room), {ref: self.done.pools[room, ref] for ref in refs})
            pipeline.set(keys.verified, run_id)

        await fence.write(commands)


def _swept(keys: PartitionKeys) -> list[str]:
    """What the sweepers look through, and each order's record decides."""
    return [keys.holds, keys.due, keys.refunds]


def _delete(keys: list[str], pipeline: Pipeline) -> None:
    pipeline.delete(*keys)


def _return(keys: PartitionKeys, owed: Owed, at: int, life: int, pipeline: Pipeline) -> None:
    pipeline.zadd(keys.returns, {owed.member: at}, nx=True)
    pipeline.set(keys.unused(owed.payment), "-1", nx=True, px=life)


def _fields(pool: Rebuilt) -> dict[str, str | int]:
    """The pool's hash."""
    rules = pool.rules
    fields: dict[str, str | int] = {
        "state": rules.state,
        "sku": rules.sku,
        "price": rules.price,
        "currency": rules.currency,
        "limit": rules.per_user_limit,
        "hold": rules.hold_ms,
        "starts": rules.starts_at,
        "ends": rules.ends_at,
        "version": rules.version,
        "epoch": rules.epoch,
    }
    fields.update({counter: getattr(pool, counter) for counter in COUNTERS})
    if rules.reason:
        fields["reason"] = rules.reason
    return fields


def _by_room(names: list[PoolName]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for room, ref in names:
        found.setdefault(room, []).append(ref)
    return found


def _tell(pipeline: Pipeline, room: RoomKeys, pools: dict[str, Rebuilt]) -> None:
    """The room's pools count from now on, and its viewers see what is there."""
    pipeline.sadd(room.partition.rooms, room.room)
    pipeline.sadd(room.pools, *pools)
    stock = {room.at(ref).name: pool.available for ref, pool in pools.items()}
    total = {room.at(ref).name: pool.total for ref, pool in pools.items()}
    pipeline.publish(room.channel, b"S" + msgspec.json.encode({"stock": stock, "total": total}))


def _moments(member: str, pool: Rebuilt, now: int) -> dict[str, int]:
    """What the sale clock tells of a sale; what the room knows already it passes over."""
    if pool.rules.state != "open":
        return {f"{member}/end": now}
    moments = {f"{member}/start": pool.rules.starts_at, f"{member}/end": pool.rules.ends_at}
    if pool.available == 0:
        moments[f"{member}/sold_out"] = now
    return moments


def chunks(items: list[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
