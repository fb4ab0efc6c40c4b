"""The ledger: orders, their history, stock movements and payment notices, for good.

Writing is idempotent by (order, version), movement id and notice event, so an entry may be delivered
twice. Reading for a request has a bound: a database that hangs is one that does not answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Column, Select, and_, delete, func, or_, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.codes import OrderStatus, Role
from schemas.http import Action, ActionList, OrderList, OrderRecord
from server.orders.database import Database
from server.orders.entries import Entry
from server.orders.metrics import LEDGER_ROWS
from server.orders.readback import order_of
from server.orders.statements import EntryId, Parked, rows_of, write_rows
from server.orders.tables import checkpoints, control_actions, order_history, orders, parked_entries

_READ_SECONDS = 5.0
_WRITE_SECONDS = 30.0
"""One batch of the consumer; what takes longer is tried again."""


class Ledger:
    """One database. `start` makes or upgrades its tables; `stop` after use. Raises LedgerError."""

    def __init__(self, url: str) -> None:
        """`url`: see `Database`. Raises BadDatabaseUrl."""
        self.database = Database(url)

    async def start(self) -> None:
        """Bring the tables to this code's revision; several processes may do so at once."""
        from server.orders.migrate import migrate  # noqa: PLC0415 - alembic is heavy, and no gateway's

        await migrate(self.database)

    async def is_made(self) -> bool:
        """Whether there is a ledger; none is made. Raises LedgerError."""
        from server.orders.migrate import is_made  # noqa: PLC0415 - alembic is heavy, and no gateway's

        return await is_made(self.database)

    async def stop(self) -> None:
        await self.database.stop()

    async def ping(self) -> None:
        """Raises when the database cannot be read."""
        async with self.reading(_READ_SECONDS) as connection:
            await connection.execute(select(orders.c.order_id).limit(1))

    def reading(self, seconds: float | None = None) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection that sees one moment of the ledger, from its first read on."""
        return self.database.reading(seconds)

    # ---- writing ----------------------------------------------------------------------------

    async def write(
        self,
        entries: Sequence[Entry],
        parked: Sequence[Parked] = (),
        reached: Mapping[str, EntryId] | None = None,
    ) -> None:
        """All of it in one transaction, committed when this returns.

        `reached`: by stream, the highest outbox entry that is among them.

        Raises LedgerError; Unwritable where the rows are at fault.
        """
        tables = rows_of(entries, parked, reached)
        async with self.database.writing(_WRITE_SECONDS) as connection:
            for table, rows in tables:
                await write_rows(connection, table, rows)
        for table, rows in tables:
            if rows:
                LEDGER_ROWS.labels(table.name).inc(len(rows))

    async def checkpoints(self) -> dict[str, EntryId]:
        """By outbox stream, the highest entry that was ever written."""
        async with self.reading(_READ_SECONDS) as connection:
            found = await connection.execute(select(checkpoints))
            return {stream: (at, number) for stream, at, number in found}

    # ---- parked entries ---------------------------------------------------------------------

    async def parked(self) -> list[Parked]:
        """What was put aside, oldest stream entry first within each stream."""
        query = select(parked_entries).order_by(parked_entries.c.stream, parked_entries.c.entry)
        async with self.reading() as connection:
            return [Parked(*row) for row in await connection.execute(query)]

    async def count_parked(self) -> int:
        async with self.reading(_READ_SECONDS) as connection:
            return int(await connection.scalar(select(func.count()).select_from(parked_entries)) or 0)

    async def release(self, parked: Parked, entry: Entry | None) -> None:
        """Write `entry`, where there is one, and forget the parked row, in one transaction.

        Raises LedgerError; Unwritable where the rows are at fault.
        """
        async with self.database.writing(_WRITE_SECONDS) as connection:
            for table, rows in rows_of([entry] if entry is not None else []):
                await write_rows(connection, table, rows)
            await connection.execute(
                delete(parked_entries).where(
                    parked_entries.c.stream == parked.stream, parked_entries.c.entry == parked.entry
                )
            )

    # ---- reading ----------------------------------------------------------------------------

    async def orders(
        self,
        *,
        user: str | None = None,
        room: str | None = None,
        status: OrderStatus | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> OrderList:
        """The latest orders first, `limit` of them, from after `cursor`.

        Raises ValueError for a bad cursor.
        """
        query = select(orders).order_by(orders.c.reserved_at.desc(), orders.c.order_id.desc())
        if user is not None:
            query = query.where(orders.c.user_id == user)
        if room is not None:
            query = query.where(orders.c.room == room)
        if status is not None:
            query = query.where(orders.c.status == status.value)
        if cursor is not None:
            query = _after(query, cursor, orders.c.reserved_at, orders.c.order_id)
        async with self.reading(_READ_SECONDS) as connection:
            found = (await connection.execute(query.limit(limit + 1))).all()
        page = [_record(row) for row in found[:limit]]
        more = f"{page[-1].reserved_at}.{page[-1].order}" if len(found) > limit else None
        return OrderList(orders=page, cursor=more)

    async def order(self, order_id: str) -> OrderRecord | None:
        """One order as it stands."""
        async with self.reading(_READ_SECONDS) as connection:
            row = (await connection.execute(select(orders).where(orders.c.order_id == order_id))).first()
        return _record(row) if row is not None else None

    async def history(self, order_id: str) -> list[tuple[int, OrderStatus, int]]:
        """An order's versions: (version, status, at)."""
        query = (
            select(order_history.c.version, order_history.c.status, order_history.c.at)
            .where(order_history.c.order_id == order_id)
            .order_by(order_history.c.version)
        )
        async with self.reading(_READ_SECONDS) as connection:
            rows = (await connection.execute(query)).all()
        return [(version, OrderStatus(status), at) for version, status, at in rows]

    async def actions(self, room: str, *, cursor: str | None = None, limit: int = 50) -> ActionList:
        """What was done in a room, the latest first. Raises ValueError for a bad cursor."""
        columns = control_actions.c
        query = select(control_actions).where(columns.room == room)
        query = query.order_by(columns.at.desc(), columns.id.desc())
        if cursor is not None:
            query = _after(query, cursor, columns.at, columns.id)
        async with self.reading(_READ_SECONDS) as connection:
            found = (await connection.execute(query.limit(limit + 1))).all()
        page = [_action(row) for row in found[:limit]]
        return ActionList(actions=page, cursor=f"{page[-1].at}.{page[-1].id}" if len(found) > limit else None)


def _after(query: Select[Any], cursor: str, at: Column[Any], id: Column[Any]) -> Select[Any]:
    found = re.fullmatch(r"(\d{1,16})\.([0-9A-Za-z-]{1,64})", cursor, re.ASCII)
    if found is None:
        raise ValueError("not a cursor of this list")
    return query.where(or_(at < int(found[1]), and_(at == int(found[1]), id < found[2])))


def _action(row: Row[Any]) -> Action:
    details = msgspec.json.decode(row.details)
    return Action(
        id=row.id,
        room=row.room,
        actor=row.actor,
        role=Role(row.role),
        action=row.action,
        details=details,
        at=row.at,
    )


def _record(row: Row[Any]) -> OrderRecord:
    record = order_of(row)
    return OrderRecord(**asdict(record.to_wire()), user=record.user, updated_at=record.updated_at)
