"""The ledger: orders, their history, stock movements and payment notices, for good.

SQLite in WAL mode, `synchronous=FULL`: what was committed survives a power cut. Writing is
idempotent by (order, version), movement id and notice event, so an entry may be delivered twice.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from sqlalchemy import Connection, Select, Table, and_, event, or_, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import Row, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from schemas.codes import OrderStatus
from schemas.http import OrderList, OrderRecord
from server.orders.metrics import LEDGER_ROWS
from server.orders.records import Entry, StoredOrder
from server.orders.tables import (
    metadata,
    order_history,
    orders,
    parked_entries,
    payment_notices,
    stock_movements,
)
from server.settings import ServerSettings

_BUSY_MS = 10_000
_WRITES = "miaodan_writes"
Values = dict[str, Any]


class Parked(Struct, frozen=True):
    """An outbox entry put aside, and why."""

    stream: str
    entry: str
    fields: str
    error: str


def ledger_url(settings: ServerSettings) -> str:
    """Where the ledger is: `database_url`, else SQLite under the data directory."""
    if settings.database_url:
        return settings.database_url
    # Quoted: a `?` or `%` in a path is no syntax of the URL's.
    return f"sqlite+aiosqlite:///{quote(str(Path(settings.data_dir).absolute()))}/ledger.db"


class Ledger:
    """One database. `start` before use, `stop` after; raises SQLAlchemy's errors."""

    def __init__(self, url: str) -> None:
        """`url`: a SQLAlchemy URL of SQLite, e.g. `sqlite+aiosqlite:////var/lib/miaodan/ledger.db`."""
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            raise ValueError(f"the ledger is kept in SQLite, not {parsed.get_backend_name()}")
        self._engine: AsyncEngine = create_async_engine(parsed.set(drivername="sqlite+aiosqlite"))
        event.listen(self._engine.sync_engine, "connect", _prepare)
        event.listen(self._engine.sync_engine, "begin", _begin)

    async def start(self) -> None:
        """Make what is missing; several processes may do so at once."""
        async with self._writing() as connection:
            await connection.run_sync(metadata.create_all)

    async def stop(self) -> None:
        await self._engine.dispose()

    async def ping(self) -> None:
        """Raises when the database cannot be read."""
        async with self.reading() as connection:
            await connection.execute(select(orders.c.order_id).limit(1))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the ledger, from its first read on."""
        async with self._engine.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            await connection.execution_options(**{_WRITES: True})
            async with connection.begin():
                yield connection

    # ---- writing ----------------------------------------------------------------------------

    async def write(self, entries: Sequence[Entry], parked: Sequence[Parked] = ()) -> None:
        """All of it in one transaction, committed when this returns."""
        records = [record for entry in entries for record in entry.orders]
        latest: dict[str, StoredOrder] = {}
        for record in records:
            known = latest.get(record.order)
            if known is None or known.version < record.version:
                latest[record.order] = record
        rows: list[tuple[Table, Insert, list[Values]]] = [
            (orders, _UPSERT_ORDER, [_order_row(record) for record in latest.values()]),
            (order_history, _ONCE[order_history.name], [_history_row(record) for record in records]),
            (
                stock_movements,
                _ONCE[stock_movements.name],
                [_struct_row(move) for entry in entries for move in entry.moves],
            ),
            (payment_notices, _ONCE[payment_notices.name], _notice_rows(entries)),
            (parked_entries, _ONCE[parked_entries.name], [_struct_row(entry) for entry in parked]),
        ]
        async with self._writing() as connection:
            for _, statement, values in rows:
                if values:
                    # Compiled once and handed to the driver with the rows as they are: SQLAlchemy's own
                    # way builds every row's parameters anew, which costs as much as the writing.
                    await connection.exec_driver_sql(_sql(statement), values)
        for table, _, values in rows:
            if values:
                LEDGER_ROWS.labels(table.name).inc(len(values))

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
            query = _after(query, cursor)
        async with self.reading() as connection:
            found = (await connection.execute(query.limit(limit + 1))).all()
        page = [_record(row) for row in found[:limit]]
        more = f"{page[-1].reserved_at}.{page[-1].order}" if len(found) > limit else None
        return OrderList(orders=page, cursor=more)

    async def order(self, order_id: str) -> OrderRecord | None:
        """One order as it stands."""
        async with self.reading() as connection:
            row = (await connection.execute(select(orders).where(orders.c.order_id == order_id))).first()
        return _record(row) if row is not None else None

    async def history(self, order_id: str) -> list[tuple[int, OrderStatus, int]]:
        """An order's versions: (version, status, at)."""
        query = (
            select(order_history.c.version, order_history.c.status, order_history.c.at)
            .where(order_history.c.order_id == order_id)
            .order_by(order_history.c.version)
        )
        async with self.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [(version, OrderStatus(status), at) for version, status, at in rows]


def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: `_begin` says which kind they are.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: upgrading a read transaction fails instead of waiting (SQLITE_BUSY).
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _upsert_order() -> Insert:
    statement = insert(orders)
    new = statement.excluded
    changed = ("status", "version", "expires_at", "updated_at", "payment", "reason")
    return statement.on_conflict_do_update(
        index_elements=[orders.c.order_id],
        set_={name: new[name] for name in changed},
        where=new.version > orders.c.version,
    )


_UPSERT_ORDER = _upsert_order()
_ONCE = {
    table.name: insert(table).on_conflict_do_nothing()
    for table in (order_history, stock_movements, payment_notices, parked_entries)
}


_COMPILED: dict[Insert, str] = {}


def _sql(statement: Insert) -> str:
    """The statement's text with named parameters, which SQLite's driver takes from dictionaries."""
    text = _COMPILED.get(statement)
    if text is None:
        text = _COMPILED[statement] = str(statement.compile(dialect=sqlite_dialect(paramstyle="named")))
    return text


def _order_row(record: StoredOrder) -> Values:
    return {
        "order_id": record.order,
        "room": record.room,
        "user_id": record.user,
        "request_id": record.request_id,
        "sku": record.sku,
        "sale": record.sale,
        "pool": record.pool,
        "quantity": record.quantity,
        "price": record.price,
        "amount": record.amount,
        "currency": record.currency,
        "status": record.status.value,
        "version": record.version,
        "reserved_at": record.reserved_at,
        "expires_at": record.expires_at,
        "updated_at": record.updated_at,
        "payment": record.payment,
        "reason": record.reason,
    }


def _history_row(record: StoredOrder) -> Values:
    return {
        "order_id": record.order,
        "version": record.version,
        "status": record.status.value,
        "at": record.updated_at,
        "payment": record.payment,
        "reason": record.reason,
    }


def _struct_row(row: Struct) -> Values:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _notice_rows(entries: Iterable[Entry]) -> list[Values]:
    rows = [_struct_row(notice) for entry in entries for notice in entry.notices]
    for row in rows:
        row["order_id"] = row.pop("order")
    return rows


def _after(query: Select[Any], cursor: str) -> Select[Any]:
    found = re.fullmatch(r"(\d{1,16})\.([0-9A-Za-z-]{1,64})", cursor, re.ASCII)
    if found is None:
        raise ValueError("not a cursor of this list")
    at, order = int(found[1]), found[2]
    same = and_(orders.c.reserved_at == at, orders.c.order_id < order)
    return query.where(or_(orders.c.reserved_at < at, same))


def _record(row: Row[Any]) -> OrderRecord:
    return OrderRecord(
        order=row.order_id,
        request_id=row.request_id,
        sku=row.sku,
        sale=row.sale,
        quantity=row.quantity,
        amount=row.amount,
        currency=row.currency,
        status=OrderStatus(row.status),
        version=row.version,
        reserved_at=row.reserved_at,
        expires_at=row.expires_at,
        room=row.room,
        user=row.user_id,
        updated_at=row.updated_at,
    )
