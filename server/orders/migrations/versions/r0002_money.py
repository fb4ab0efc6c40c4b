"""Payments, refunds, what hosts did, pools' rules, how far the outbox was written; orders in full.

Orders written before have no `pay`, and no times of shipping.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("pay", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("orders", sa.Column("shipped_at", sa.BigInteger))
    op.add_column("orders", sa.Column("delivered_at", sa.BigInteger))
    op.add_column("orders", sa.Column("refund", sa.Text))
    op.add_column("orders", sa.Column("refunds", sa.Text))
    op.add_column("payment_notices", sa.Column("reason", sa.Text))
    _money()
    op.create_table(
        "control_actions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("control_actions_by_room", "control_actions", ["room", "at", "id"])
    op.create_table(
        "pools",
        sa.Column("room", sa.String(64), primary_key=True),
        sa.Column("pool", sa.String(80), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("per_user_limit", sa.Integer, nullable=False),
        sa.Column("hold_ms", sa.BigInteger, nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "checkpoints",
        sa.Column("stream", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )


def _money() -> None:
    op.create_table(
        "payments",
        sa.Column("payment", sa.String(128), primary_key=True),
        sa.Column("what", sa.String(16), primary_key=True),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("charge", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("payments_by_order", "payments", ["order_id"])
    op.create_table(
        "refunds",
        sa.Column("refund", sa.String(128), primary_key=True),
        sa.Column("what", sa.String(16), primary_key=True),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("payment", sa.String(128), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("refunds_by_order", "refunds", ["order_id"])
