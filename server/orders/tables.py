"""The ledger's tables, in SQLAlchemy Core."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

VERSION_TABLE = "ledger_version"
"""Where alembic keeps the revision: by this name it stands beside another program's own."""

orders = Table(
    "orders",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("room", String(64), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("sku", String(64), nullable=False),
    Column("sale", String(64)),
    Column("pool", String(80), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reserved_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("payment", String(128)),
    Column("reason", Text),
    Index("orders_by_user", "user_id", "reserved_at", "order_id"),
    Index("orders_by_room", "room", "reserved_at", "order_id"),
    Index("orders_by_time", "reserved_at", "order_id"),
)
"""Each order as it stands: its highest version."""

order_history = Table(
    "order_history",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("payment", String(128)),
    Column("reason", Text),
    sqlite_with_rowid=False,
)
"""Each order's every version."""

stock_movements = Table(
    "stock_movements",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("room", String(64), nullable=False),
    Column("pool", String(80), nullable=False),
    Column("delta", BigInteger, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""What pools were given and what was taken out of them again; orders move units inside a pool."""

payment_notices = Table(
    "payment_notices",
    metadata,
    Column("event", String(160), primary_key=True),
    Column("order_id", String(64), nullable=False),
    Column("payment", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("result", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("payment_notices_by_order", "order_id"),
)

parked_entries = Table(
    "parked_entries",
    metadata,
    Column("stream", String(64), primary_key=True),
    Column("entry", String(64), primary_key=True),
    Column("fields", Text, nullable=False),
    Column("error", Text, nullable=False),
)
"""Outbox entries that could not be read or written: for a person to look at."""
