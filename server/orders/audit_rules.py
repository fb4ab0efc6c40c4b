"""Pools' rules: the store's beside the ledger's, and what the sale clock still has to tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from server.orders.books import StoreBooks
from server.orders.entries import PoolRow
from server.orders.keys import KeyBook, PoolKeys
from server.orders.problems import Problem
from server.orders.readback import read_pools

_FIELDS = {
    "state": "state",
    "sku": "sku",
    "price": "price",
    "currency": "currency",
    "limit": "per_user_limit",
    "hold": "hold_ms",
    "starts": "starts_at",
    "ends": "ends_at",
    "epoch": "epoch",
}
"""Name in the store's hash, name in the ledger's row."""


async def rules(
    client: Redis, connection: AsyncConnection, book: KeyBook, stores: list[StoreBooks]
) -> AsyncIterator[Problem]:
    """Pools of the store that differ from their row. Raises LedgerError, redis errors.

    A store that is ahead is no problem: its row is on its way, as the order of pools tells.
    """
    written = await read_pools(connection, range(len(book.partitions)), len(book.partitions))
    for store in stores:
        for (room, ref), counted in store.pools.items():
            row = written.get((room, ref))
            if row is None or counted.unreadable:
                continue  # it has no rules yet, or they are on their way; or it is named already
            keys = book.room(room)
            pool = keys.at(ref)
            async with client.pipeline(transaction=True) as pipeline:
                pipeline.hmget(pool.pool, "version", *_FIELDS)
                pipeline.zscore(keys.partition.due, f"{pool.due_member}/end")
                (version, *values), end = await pipeline.execute()
            label = f"{room}/{ref}"
            known = int(version) if version and version.isdigit() else 0
            if known < row.version:
                message = f"rules: the store has version {known}, the ledger {row.version}"
                yield Problem(label, "rules_behind", row.version, known, message)
            elif known == row.version:
                for problem in _differences(label, row, dict(zip(_FIELDS, values, strict=True))):
                    yield problem
            if pool.is_sale and values[0] == b"open" and end is None:
                yield _never_ends(label, row, pool)


def _differences(label: str, row: PoolRow, found: dict[str, Any]) -> list[Problem]:
    problems = []
    for name, column in _FIELDS.items():
        expected = getattr(row, column)
        value = found[name].decode("utf-8", "replace") if found[name] is not None else ""
        if str(expected) != (value or str(type(expected)())):
            message = f"rules: {name} is {value!r}, the ledger has {expected!r}"
            problems.append(Problem(label, "rules", expected, value, message))
    return problems


def _never_ends(label: str, row: PoolRow, pool: PoolKeys) -> Problem:
    message = f"sale {pool.name} is open and nobody would end it at {row.ends_at}"
    return Problem(label, "due", row.ends_at, 0, message)
