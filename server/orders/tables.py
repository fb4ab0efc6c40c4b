"""The ledger's tables, in SQLAlchemy Core."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, false

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
    Column("pay", Boolean, nullable=False, server_default=false()),
    Column("shipped_at", BigInteger),
    Column("delivered_at", BigInteger),
    Column("refund", Text),
    Column("refunds", Text),
    Index("orders_by_user", "user_id", "reserved_at", "order_id"),
    Index("orders_by_room", "room", "reserved_at", "order_id"),
    Index("orders_by_time", "reserved_at", "order_id"),
)
"""Each order as it stands: its highest version. `refund` and `refunds` are JSON, null where there is none."""

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
    Column("reason", Text),
    Index("payment_notices_by_order", "order_id"),
)
"""What payment providers told, also what was refused, and why."""

payments = Table(
    "payments",
    metadata,
    Column("payment", String(128), primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("order_id", String(64), nullable=False),
    Column("charge", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index("payments_by_order", "order_id"),
)
"""What became of each payment: `captured` for its order, `unused`, `returned`."""

refunds = Table(
    "refunds",
    metadata,
    Column("refund", String(128), primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("order_id", String(64), nullable=False),
    Column("payment", String(128), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index("refunds_by_order", "order_id"),
)
"""What became of each refund: `begun`, `approved`, `declined`, `done`."""

control_actions = Table(
    "control_actions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("room", String(64), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("role", String(16), nullable=False),
    Column("action", String(64), nullable=False),
    Column("details", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("control_actions_by_room", "room", "at", "id"),
)
"""Who did what in a room."""

pools = Table(
    "pools",
    metadata,
    Column("room", String(64), primary_key=True),
    Column("pool", String(80), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("sku", String(64), nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("per_user_limit", Integer, nullable=False),
    Column("hold_ms", BigInteger, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Each pool's rules as they stand: their highest version."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("stream", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
)
"""The highest outbox entry in the ledger, `at-number`: a store that has less is not the one that was."""

parked_entries = Table(
    "parked_entries",
    metadata,
    Column("stream", String(64), primary_key=True),
    Column("entry", String(64), primary_key=True),
    Column("fields", Text, nullable=False),
    Column("error", Text, nullable=False),
)
"""Outbox entries that could not be read or written: for a person to look at."""
