"""What an order leaves in the store beside its record: its request, its hold, its refund under way."""

from __future__ import annotations

from redis.asyncio.client import Pipeline

from schemas.codes import OrderStatus
from server.orders.aftersales import under_way
from server.orders.changes import Owed
from server.orders.charges import rebuilt_charge
from server.orders.keys import KeyBook, PartitionKeys
from server.orders.lifecycle import HOLDING
from server.orders.readback import Unused
from server.orders.records import StoredOrder
from server.orders.returns import NO_ORDER
from server.settings import OrderSettings

_CHARGED = frozenset({OrderStatus.RESERVED, OrderStatus.EXPIRED, OrderStatus.CANCELLED})
_CHARGED_MS = 3_600_000
"""Who asked for money for an unpaid order did so within this time after its last change."""
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
    return record.expires_at + settings.payment_grace_ms


def owed_of(book: KeyBook, unused: Unused) -> Owed:
    """A payment that goes back, as the returns name it."""
    named = book.of_order(unused.order) is not None and " " not in unused.order
    return Owed(unused.order if named else NO_ORDER, unused.currency, unused.amount, unused.payment)


def returns_of(book: KeyBook, owed: Owed) -> PartitionKeys:
    """The partition whose returns it is among."""
    return book.of_order(owed.order) or book.of_text(owed.order)


def write_traces(
    pipeline: Pipeline, keys: PartitionKeys, record: StoredOrder, settings: OrderSettings, now: int
) -> None:
    """Queue what the sweepers need to see to the order. Again is no harm."""
    if record.status in HOLDING:
        pipeline.zadd(keys.holds, {record.order: hold_until(record, settings)})
    if record.status in _CHARGED and record.updated_at > now - _CHARGED_MS:
        # Somebody may just have been asked to pay; what is there of it is known better than this.
        for name, value in rebuilt_charge(now).items():
            pipeline.hsetnx(keys.charge(record.order), name, str(value))
        pipeline.zadd(keys.charges, {record.order: now}, nx=True)
    if (refund := under_way(record)) is not None:
        pipeline.zadd(keys.refunds, {refund.id: refund.due}, nx=True)
