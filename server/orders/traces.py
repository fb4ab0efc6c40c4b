"""What an order leaves in the store beside its record: its request, its hold, money on its way."""

from __future__ import annotations

from redis.asyncio.client import Pipeline

from schemas.codes import OrderStatus
from server.orders.changes import RETURN_AFTER_MS, owed_for
from server.orders.keys import PartitionKeys
from server.orders.lifecycle import HOLDING
from server.orders.records import StoredOrder
from server.settings import OrderSettings

OVER = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REFUNDED})
"""The store keeps these for a while only."""


def request_contents(record: StoredOrder) -> str:
    """What must be the same when its request comes again."""
    return f"{record.pool} {record.quantity} {1 if record.pay else 0}"


def record_life(record: StoredOrder, settings: OrderSettings) -> int | None:
    """Milliseconds after its last change that the store keeps the record; None: for good."""
    return settings.request_ttl_ms if record.status in OVER else None


def hold_until(record: StoredOrder, settings: OrderSettings) -> int:
    """When the sweeper releases a reserved order's hold, ms."""
    return record.expires_at


def write_traces(
    pipeline: Pipeline, keys: PartitionKeys, record: StoredOrder, settings: OrderSettings, now: int
) -> None:
    """Queue what the sweepers need to see to the order. Again is no harm."""
    if record.status in HOLDING:
        pipeline.zadd(keys.holds, {record.order: hold_until(record, settings)})
    elif record.status is OrderStatus.REFUNDING:
        owed = owed_for(record, record.payment or "")
        pipeline.zadd(keys.returns, {owed.member: now + RETURN_AFTER_MS}, nx=True)
