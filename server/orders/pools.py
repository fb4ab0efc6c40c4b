"""Stock pools: what may be sold, and what became of it. Rooms order these changes, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.codes import ErrorCode
from server.orders.errors import OrderError
from server.orders.keys import KeyBook, PoolKeys, RoomKeys, new_operation_id
from server.orders.pipe import call_script
from server.orders.scripts import CLOSE_SALE, MOUNT, RESTOCK, SCHEDULE, UNMOUNT, UPDATE
from server.orders.verified import demand_verified
from server.settings import OrderSettings
from server.valkey import Script, store_errors

MOST_STOCK = 10**9
_CLOCK_GRACE_MS = 2_000
"""Who closes a sale tells its room; after this the sale clock does."""

COUNTERS = ("available", "held", "sold", "total", "reserved", "paid", "refunded", "revenue")


class PoolCounts(Struct, frozen=True):
    """One pool, in units; orders by the status they have now; `revenue` in minor units.

    total == available + held + sold.
    """

    available: int
    held: int
    sold: int
    total: int
    orders_reserved: int
    orders_paid: int
    orders_refunded: int
    revenue: int
    is_sale: bool
    sku: str = ""
    """The product, also of a sale's pool."""


def pool_counts(row: Sequence[bytes | None], *, is_sale: bool) -> PoolCounts:
    """From a pool's `COUNTERS`, in their order."""
    available, held, sold, total, reserved, paid, refunded, revenue = (int(value or 0) for value in row)
    return PoolCounts(available, held, sold, total, reserved, paid, refunded, revenue, is_sale)


Moment = Literal["start", "sold_out", "end"]


class DueSale(Struct, frozen=True):
    """Something a room has to be told of its sale, due since `at` (ms, the store's clock)."""

    room: str
    sale: str
    what: Moment
    at: int


class StockPools:
    """The pools of all rooms. Raises OrderError; StoreUnavailable when it is not known what was done."""

    def __init__(self, client: Redis, settings: OrderSettings) -> None:
        self._client = client
        self._settings = settings
        self.book = KeyBook(settings.partitions)

    async def mount(
        self, room: str, sku: str, *, price: int, currency: str, stock: int, per_user_limit: int | None
    ) -> int:
        """Afterwards the product is on sale and `stock` units are available; again is no harm.

        Units it has in all: available, held and sold.
        """
        keys = self.book.room(room)
        pool = keys.product(sku)
        rules = (price, currency, stock, per_user_limit or 0, self._settings.hold_ms, sku)
        names = [pool.pool, keys.pools, keys.partition.rooms]
        return int(await self._run(MOUNT, keys, names, [*_names(keys, pool), *rules]))

    async def update(self, room: str, sku: str, *, price: int, per_user_limit: int | None) -> None:
        """Orders placed keep their price. Raises `not_found`."""
        keys = self.book.room(room)
        pool = keys.product(sku)
        rules: list[str | int] = [price, per_user_limit or 0]
        if not await self._run(UPDATE, keys, [pool.pool], [*_names(keys, pool), *rules]):
            raise OrderError(ErrorCode.NOT_FOUND, "no such product on the shelf", "sku")

    async def unmount(self, room: str, sku: str) -> None:
        """Withdraw what is available; what is held or sold stays. Raises `not_found`."""
        keys = self.book.room(room)
        pool = keys.product(sku)
        if await self._run(UNMOUNT, keys, [pool.pool], _names(keys, pool)) < 0:
            raise OrderError(ErrorCode.NOT_FOUND, "no such product", "sku")

    async def restock(self, room: str, *, sku: str | None = None, sale: str | None = None, delta: int) -> int:
        """Units available afterwards.

        Raises `not_found`, `sale_ended`, `conflict` (off the shelf), `invalid` (not so many to take).
        """
        keys = self.book.room(room)
        pool, field = self._named(keys, sku, sale)
        code, available = await self._run(
            RESTOCK, keys, [pool.pool], [*_names(keys, pool), delta, MOST_STOCK]
        )
        if code == 0:
            raise OrderError(ErrorCode.INVALID, f"{available} are available", "delta")
        if code == -1:
            raise OrderError(ErrorCode.NOT_FOUND, f"no such {'product' if field == 'sku' else 'sale'}", field)
        if code == -2:
            ended = ErrorCode.SALE_ENDED if sale is not None else ErrorCode.CONFLICT
            raise OrderError(ended, "it takes no stock any more", field)
        return int(available)

    async def schedule(
        self,
        room: str,
        sale: str,
        sku: str,
        *,
        price: int,
        currency: str,
        stock: int,
        starts_at: int | None,
        starts_in_ms: int | None,
        duration_ms: int,
        per_user_limit: int | None,
        hold_ms: int | None,
    ) -> tuple[int, int]:
        """Carve `stock` units out of the product for a sale: its (starts_at, ends_at) on the store's clock.

        Again for the same sale: the window it has. Raises `conflict` (too little stock), `not_found`,
        `invalid`.
        """
        if (starts_at is None) == (starts_in_ms is None):
            raise OrderError(ErrorCode.INVALID, "exactly one of starts_at and starts_in_ms", "starts_at")
        keys = self.book.room(room)
        product, pool = keys.product(sku), keys.sale(sale)
        reply = await self._run(
            SCHEDULE,
            keys,
            [product.pool, pool.pool, keys.pools, keys.partition.due],
            [
                *(room, keys.channel, product.ref, pool.ref, pool.due_member, price, currency, stock),
                *("" if starts_at is None else starts_at, starts_in_ms or 0, duration_ms),
                *(per_user_limit or 0, hold_ms or self._settings.hold_ms, sku),
            ],
        )
        if reply[0] == -1:
            raise OrderError(ErrorCode.CONFLICT, f"only {reply[1]} are available", "stock")
        if reply[0] == -2:
            raise OrderError(ErrorCode.NOT_FOUND, "no such product on the shelf", "sku")
        if reply[0] == -3:
            raise OrderError(ErrorCode.INVALID, "the sale would be over already", "starts_at")
        return int(reply[1]), int(reply[2])

    async def close_sale(self, room: str, sale: str, reason: str) -> str:
        """End a sale; what is left goes back to its product. The reason that stuck: the first one given.

        Raises `not_found`.
        """
        keys = self.book.room(room)
        pool = keys.sale(sale)
        with store_errors():
            sku = cast("bytes | None", await self._client.hget(pool.pool, "sku"))
            if sku is None:
                await demand_verified(self._client, pool.pool)
        if sku is None:
            raise OrderError(ErrorCode.NOT_FOUND, "no such sale", "sale")
        product = keys.product(sku.decode())
        args: list[str | int] = [room, keys.channel, pool.ref, product.ref, pool.due_member]
        args += [reason, _CLOCK_GRACE_MS]
        stuck = await self._run(CLOSE_SALE, keys, [pool.pool, product.pool, keys.partition.due], args)
        return str(stuck.decode())

    async def counts(self, room: str) -> dict[str, PoolCounts]:
        """Every pool of the room that ever was, by sku or sale id."""
        keys = self.book.room(room)
        with store_errors():
            members = cast("set[bytes]", await self._client.smembers(keys.pools))
            refs = sorted(member.decode() for member in members)
            async with self._client.pipeline(transaction=True) as pipeline:
                for ref in refs:
                    pipeline.hmget(keys.at(ref).pool, (*COUNTERS, "sku"))
                rows = await pipeline.execute()
        found = {}
        for ref, row in zip(refs, rows, strict=True):
            pool = keys.at(ref)
            *counters, sku = row
            counts = pool_counts(counters, is_sale=pool.is_sale)
            found[pool.name] = replace(counts, sku=sku.decode() if sku else pool.name)
        return found

    async def due(self, limit: int) -> list[DueSale]:
        """At most `limit` moments of sales per partition that have come, earliest first."""
        partitions = self.book.partitions
        with store_errors():
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.time()
                for partition in partitions:
                    pipeline.zrange(partition.due, 0, limit - 1, withscores=True)
                (seconds, micros), *found = await pipeline.execute()
        now = int(seconds) * 1000 + int(micros) // 1000
        moments = [
            _due(member.decode(), int(score))
            for entries in found
            for member, score in entries
            if score <= now
        ]
        return sorted(moments, key=lambda moment: moment.at)

    async def settle(self, due: DueSale) -> None:
        """The room's log has it: do not name it again."""
        with store_errors():
            await self._client.zrem(
                self.book.room(due.room).partition.due, f"{due.room}/{due.sale}/{due.what}"
            )

    @staticmethod
    def _named(keys: RoomKeys, sku: str | None, sale: str | None) -> tuple[PoolKeys, str]:
        if sku is not None and sale is None:
            return keys.product(sku), "sku"
        if sale is not None and sku is None:
            return keys.sale(sale), "sale"
        raise OrderError(ErrorCode.INVALID, "exactly one of sku and sale", "sku")

    async def _run(self, script: Script, keys: RoomKeys, names: list[str], args: list[str | int]) -> Any:
        with store_errors():
            return await call_script(
                self._client, script, [keys.partition.outbox, *names], [new_operation_id(), *args]
            )


def _names(keys: RoomKeys, pool: PoolKeys) -> list[str | int]:
    return [keys.room, keys.channel, pool.ref]


def _due(member: str, at: int) -> DueSale:
    room, sale, what = member.split("/")
    return DueSale(room, sale, cast(Moment, what), at)
