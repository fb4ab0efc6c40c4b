"""What an order leaves in the store beside its record: its request, its hold, its refund under way."""

from __future__ import annotations

from redis.asyncio.client import Pipeline

from schemas.codes import OrderStatus
from server.orders.aftersales import under_way
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
    elif (refund := under_way(record)) is not None:
        pipeline.zadd(keys.refunds, {refund.id: refund.due}, nx=True)
