"""How rows are written: one statement per table and database, compiled once, and the rows it takes.

Rows go to the driver as they are: SQLAlchemy's own way builds every row's parameters anew, which
costs as much as the writing. SQLite takes one row at a time, by position: by name costs a quarter more.
PostgreSQL takes all rows of a table at once, as one array per column (`unnest`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, String, Table, Text, and_, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from server.orders.entries import Entry, PaymentRow, RefundRow
from server.orders.records import StoredOrder
from server.orders.tables import (
    checkpoints,
    control_actions,
    order_history,
    orders,
    parked_entries,
    payment_notices,
    payments,
    pools,
    refunds,
    stock_movements,
)

Values = dict[str, Any]
Rows = list[tuple[Table, list[Values]]]
_Insert = TypeVar("_Insert", sqlite.Insert, postgresql.Insert)

_CHANGES = {
    orders.name: (
        *("status", "version", "expires_at", "updated_at", "payment", "reason"),
        *("shipped_at", "delivered_at", "refund", "refunds"),
    ),
    pools.name: tuple(column.name for column in pools.columns if not column.primary_key),
    checkpoints.name: ("at", "number"),
}
"""What a later version changes."""

EntryId = tuple[int, int]
"""An outbox entry's id: ms, and a number among those of one ms."""


class Parked(Struct, frozen=True):
    """An outbox entry put aside, and why."""

    stream: str
    entry: str
    fields: str
    """JSON."""
    error: str


def rows_of(
    entries: Sequence[Entry],
    parked: Sequence[Parked] = (),
    reached: Mapping[str, EntryId] | None = None,
) -> Rows:
    """By table, in one order everywhere: two writers of the same rows wait and do not deadlock."""
    records = sorted(
        (record for entry in entries for record in entry.orders), key=lambda one: (one.order, one.version)
    )
    latest = {record.order: record for record in records}
    moves = sorted((move for entry in entries for move in entry.moves), key=lambda move: move.id)
    notices = sorted((notice for entry in entries for notice in entry.notices), key=lambda one: one.event)
    paid = sorted(
        (row for entry in entries for row in entry.payments), key=lambda one: (one.payment, one.what)
    )
    given = sorted(
        (row for entry in entries for row in entry.refunds), key=lambda one: (one.refund, one.what)
    )
    done = sorted((row for entry in entries for row in entry.actions), key=lambda one: one.id)
    rules = sorted(
        (row for entry in entries for row in entry.pools), key=lambda one: (one.room, one.pool, one.version)
    )
    newest = {(row.room, row.pool): row for row in rules}
    return [
        (orders, [_order_row(record) for record in latest.values()]),
        (order_history, [_history_row(record) for record in records]),
        (stock_movements, [_struct_row(move) for move in moves]),
        (payment_notices, [_renamed(_struct_row(notice)) for notice in notices]),
        (parked_entries, [_struct_row(entry) for entry in parked]),
        (payments, [_renamed(_struct_row(row)) for row in paid]),
        (refunds, [_renamed(_struct_row(row)) for row in given]),
        (control_actions, [_struct_row(row) for row in done]),
        (pools, [_struct_row(row) for row in newest.values()]),
        (
            checkpoints,
            [
                {"stream": stream, "at": at, "number": number}
                for stream, (at, number) in sorted((reached or {}).items())
            ],
        ),
    ]


def _what(row: PaymentRow | RefundRow) -> tuple[str, str]:
    return (row.payment if isinstance(row, PaymentRow) else row.refund, row.what)


async def write_rows(connection: AsyncConnection, table: Table, rows: list[Values]) -> None:
    """In the connection's transaction. A row that is there stays; an order's later version replaces."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        in_order = itemgetter(*(column.name for column in table.columns))
        await connection.exec_driver_sql(_SQLITE[table.name], [in_order(row) for row in rows])
        return
    columns = tuple(_storable([row[column.name] for row in rows]) for column in table.columns)
    await connection.exec_driver_sql(_POSTGRESQL[table.name], columns)


def _storable(values: list[Any]) -> list[Any]:
    """PostgreSQL's text holds every character but NUL."""
    if any(isinstance(value, str) and "\0" in value for value in values):
        return [value.replace("\0", "\N{REPLACEMENT CHARACTER}") if value else value for value in values]
    return values


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
        "pay": record.pay,
        "shipped_at": record.shipped_at,
        "delivered_at": record.delivered_at,
        "refund": _json(record.refund) if record.refund is not None else None,
        "refunds": _json(record.refunds) if record.refunds else None,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


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


def _renamed(row: Values) -> Values:
    row["order_id"] = row.pop("order")
    return row


def _merging(table: Table, statement: _Insert) -> _Insert:
    """What is there stays, but for an older version."""
    changes = _CHANGES.get(table.name)
    if changes is None:
        return statement.on_conflict_do_nothing()
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: new[name] for name in changes},
        where=_newer(table, new),
    )


def _newer(table: Table, new: Any) -> ColumnElement[bool]:
    if table is checkpoints:
        return or_(new.at > table.c.at, and_(new.at == table.c.at, new.number > table.c.number))
    return cast("ColumnElement[bool]", new.version > table.c.version)


def _sqlite_text(table: Table) -> str:
    statement = _merging(table, sqlite.insert(table))
    return str(statement.compile(dialect=sqlite.dialect(paramstyle="qmark")))


def _postgresql_text(table: Table) -> str:
    names = [column.name for column in table.columns]
    # Text without a length: a cast to VARCHAR(n) would cut what is too long instead of refusing it.
    kinds = [Text() if isinstance(column.type, String) else column.type for column in table.columns]
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in zip(names, kinds, strict=True)]
    given = func.unnest(*arrays).table_valued(*names, name="given").render_derived()
    statement = _merging(table, postgresql.insert(table).from_select(names, select(given)))
    return str(statement.compile(dialect=asyncpg_dialect()))  # type: ignore[no-untyped-call]


_TABLES = (
    *(orders, order_history, stock_movements, payment_notices, parked_entries),
    *(payments, refunds, control_actions, pools, checkpoints),
)
_SQLITE = {table.name: _sqlite_text(table) for table in _TABLES}
_POSTGRESQL = {table.name: _postgresql_text(table) for table in _TABLES}
