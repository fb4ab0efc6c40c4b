"""Reads the server's side of the books past the server: plain SQL and a bare client of the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

import orjson
from msgspec import Struct
from redis.asyncio import Redis

from loadtest.chaos.database import Database
from loadtest.chaos.facts import LedgerOrder, Move, PaymentRow, Pool, RefundRow, Step, Store

PARTITIONS = 16
GROUP = "ledger"
TOGETHER = 500
"""Records read in one call."""
UNSETTLED = frozenset({"reserved", "refunding"})


def tag(partition: int) -> str:
    """The hash tag of a partition's keys."""
    return f"{{p{partition:02d}}}"


class Backlog(Struct, frozen=True):
    """What the order wing still has to do by itself."""

    holds: int
    overdue: int
    returns: int
    charges: list[str]
    """Orders. What the provider never heard of stays open for a minute or two, in which nothing happens."""
    behind: int

    @property
    def none(self) -> bool:
        return not (self.holds or self.returns or self.behind)

    def __str__(self) -> str:
        return (
            f"{self.holds} holds ({self.overdue} overdue), {self.returns} returns,"
            f" {self.behind} entries that the ledger lacks"
        )


async def read_backlog(client: Redis) -> Backlog:
    """Raises redis errors."""
    seconds, _ = await client.time()
    async with client.pipeline(transaction=False) as pipeline:
        for number in range(PARTITIONS):
            pipeline.zcard(f"{tag(number)}:holds")
            pipeline.zcount(f"{tag(number)}:holds", 0, seconds * 1000)
            pipeline.zcard(f"{tag(number)}:returns")
            pipeline.zcard(f"{tag(number)}:refunds")
            pipeline.exists(f"{tag(number)}:outbox")
        found = cast("list[int]", await pipeline.execute())
    holds, overdue, returns, refunds = (sum(found[at::5]) for at in range(4))
    behind = 0
    for number in range(PARTITIONS):
        if found[5 * number + 4]:
            behind += await _behind(client, f"{tag(number)}:outbox")
    charges = [
        order.decode()
        for number in range(PARTITIONS)
        for order in cast("list[bytes]", await client.zrange(f"{tag(number)}:charges", 0, -1))
    ]
    return Backlog(holds, overdue, returns + refunds, charges, behind)


async def _behind(client: Redis, outbox: str) -> int:
    """Entries that the ledger's consumers have not acknowledged."""
    groups = await client.xinfo_groups(outbox)
    group = next((one for one in groups if one["name"] in (GROUP, GROUP.encode())), None)
    if group is None:
        return int(await client.xlen(outbox))
    last = group["last-delivered-id"]
    after = b"(" + (last if isinstance(last, bytes) else last.encode())
    fresh = await client.xrange(outbox, after.decode(), "+", count=TOGETHER) or []
    return int(group["pending"]) + len(fresh)


async def read_store(client: Redis, orders: Iterable[str]) -> Store:
    """All pools, what is left to do, and the records of `orders` that are there. Raises redis errors."""
    backlog = await read_backlog(client)
    store = Store(
        holds=backlog.holds,
        overdue=backlog.overdue,
        returns=backlog.returns,
        charges=backlog.charges,
        behind=backlog.behind,
    )
    for number in range(PARTITIONS):
        for room in sorted(await _members(client, f"{tag(number)}:rooms")):
            for pool in sorted(await _members(client, f"{tag(number)}:pools:{room}")):
                counts = await cast("Any", client.hgetall(f"{tag(number)}:pool:{room}/{pool}"))
                store.pools.append(_pool(room, pool, counts))
    for some in _chunks(orders):
        records = await client.mget([f"{tag(int(order[:2], 16))}:order:{order}" for order in some])
        for order, record in zip(some, records, strict=True):
            if record is not None:
                document = orjson.loads(record)
                store.orders[order] = (document["version"], document["status"])
    return store


async def _members(client: Redis, key: str) -> list[str]:
    return [member.decode() for member in await cast("Any", client.smembers(key))]


def _pool(room: str, pool: str, counts: dict[bytes, bytes]) -> Pool:
    def number(name: bytes) -> int:
        return int(counts.get(name, b"0"))

    return Pool(
        room=room,
        pool=pool,
        state=counts.get(b"state", b"").decode(),
        total=number(b"total"),
        available=number(b"available"),
        held=number(b"held"),
        sold=number(b"sold"),
    )


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    left = iter(names)
    while some := list(islice(left, TOGETHER)):
        yield some


async def unsettled(database: Database) -> int:
    """Orders of the ledger that wait for something. Raises what the database raises."""
    rows = await database.rows("SELECT status, COUNT(*) FROM orders GROUP BY status")
    return sum(count for status, count in rows if status in UNSETTLED)


async def read_orders(database: Database) -> dict[str, LedgerOrder]:
    rows = await database.rows(
        "SELECT order_id, user_id, request_id, room, pool, quantity, amount, currency, status, version,"
        " payment FROM orders"
    )
    return {row[0]: LedgerOrder(*row) for row in rows}


async def read_history(database: Database) -> dict[str, list[Step]]:
    history: dict[str, list[Step]] = {}
    for order, version, status, at in await database.rows(
        "SELECT order_id, version, status, at FROM order_history"
    ):
        history.setdefault(order, []).append(Step(version, status, at))
    return history


async def read_moves(database: Database) -> list[Move]:
    rows = await database.rows("SELECT room, pool, delta, at, reason FROM stock_movements")
    return [Move(*row) for row in rows]


async def read_payments(database: Database) -> list[PaymentRow]:
    return [PaymentRow(*row) for row in await database.rows("SELECT payment, what, amount FROM payments")]


async def read_refunds(database: Database) -> list[RefundRow]:
    rows = await database.rows("SELECT refund, what, payment, amount FROM refunds")
    return [RefundRow(*row) for row in rows]


async def read_parked(database: Database) -> int:
    return int((await database.rows("SELECT COUNT(*) FROM parked_entries"))[0][0])
