"""Orders, their history, stock movements, payment notices, parked entries.

Ledgers older than this list of revisions were made as this one makes them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(128), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("sale", sa.String(64)),
        sa.Column("pool", sa.String(80), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("reserved_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("payment", sa.String(128)),
        sa.Column("reason", sa.Text),
    )
    op.create_index("orders_by_user", "orders", ["user_id", "reserved_at", "order_id"])
    op.create_index("orders_by_room", "orders", ["room", "reserved_at", "order_id"])
    op.create_index("orders_by_time", "orders", ["reserved_at", "order_id"])
    op.create_table(
        "order_history",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("payment", sa.String(128)),
        sa.Column("reason", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.String(160), primary_key=True),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("pool", sa.String(80), nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "payment_notices",
        sa.Column("event", sa.String(160), primary_key=True),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("payment", sa.String(128), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("result", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("payment_notices_by_order", "payment_notices", ["order_id"])
    op.create_table(
        "parked_entries",
        sa.Column("stream", sa.String(64), primary_key=True),
        sa.Column("entry", sa.String(64), primary_key=True),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
