"""Whether a ledger is this store's: what was acknowledged to its outboxes was written to it before.

The acknowledgements are read first, the checkpoints after them: a consumer commits before it acknowledges,
so a ledger that is written meanwhile is never behind what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.orders.consumer import GROUP, entry_id
from server.orders.keys import KeyBook
from server.orders.ledger import Ledger
from server.orders.problems import Problem
from server.orders.statements import EntryId
from server.orders.tables import checkpoints, orders, stock_movements

WRONG_LEDGER = "wrong_ledger"


async def acknowledged(client: Redis, book: KeyBook) -> dict[str, EntryId]:
    """By outbox stream, an entry up to which everything is acknowledged. Raises redis errors."""
    found = {}
    for keys in book.partitions:
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.xinfo_groups(keys.outbox)
            pipeline.xpending(keys.outbox, GROUP)
            groups, pending = await pipeline.execute(raise_on_error=False)
        if isinstance(groups, ResponseError) or isinstance(pending, ResponseError):
            continue  # no stream, no group: nothing was ever taken of it
        for reply in (groups, pending):
            if isinstance(reply, Exception):
                raise reply
        last = next(one["last-delivered-id"] for one in groups if one["name"] == GROUP.encode())
        if pending["pending"]:
            before = await client.xrevrange(keys.outbox, max=f"({pending['min'].decode()}", count=1)
            if not before:
                continue
            last = cast("list[Any]", before)[0][0]
        at = entry_id(last.decode())
        if at > (0, 0):
            found[keys.outbox] = at
    return found


async def wrong_ledger(
    connection: AsyncConnection, book: KeyBook, taken: Mapping[str, EntryId]
) -> list[Problem]:
    """`taken`: what `acknowledged` said before the ledger's moment began. Raises LedgerError."""
    rows = await connection.execute(select(checkpoints))
    reached: dict[str, EntryId] = {stream: (at, number) for stream, at, number in rows}
    suspects = [
        keys for keys in book.partitions if taken.get(keys.outbox, (0, 0)) > reached.get(keys.outbox, (0, 0))
    ]
    older = await _before_checkpoints(connection, book) if suspects else set()
    return [
        _problem(keys.tag, taken[keys.outbox], reached.get(keys.outbox))
        for keys in suspects
        if keys.outbox in reached or keys.number not in older
    ]


async def find_wrong_ledger(client: Redis, ledger: Ledger, book: KeyBook) -> list[Problem]:
    """Raises LedgerError, redis errors."""
    taken = await acknowledged(client, book)
    async with ledger.reading() as connection:
        return await wrong_ledger(connection, book, taken)


async def _before_checkpoints(connection: AsyncConnection, book: KeyBook) -> set[int]:
    """Partitions the ledger has something of: it may have been written before there were checkpoints."""
    prefixes = select(func.substr(orders.c.order_id, 1, 2)).distinct()
    numbers = {int(prefix, 16) for (prefix,) in await connection.execute(prefixes)}
    rooms = await connection.execute(select(stock_movements.c.room).distinct())
    return numbers | {book.room(room).partition.number for (room,) in rooms}


def _problem(tag: str, taken: EntryId, reached: EntryId | None) -> Problem:
    expected, found = (f"{one[0]}-{one[1]}" if one is not None else "nothing" for one in (taken, reached))
    message = (
        f"the outbox was written to a ledger up to {expected}, this one has {found}: it is another database,"
        " or an older copy (give the server's --database-url)"
    )
    return Problem(tag, WRONG_LEDGER, expected, found, message)
