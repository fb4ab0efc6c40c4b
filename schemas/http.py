"""Bodies of the HTTP API."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.codes import ErrorCode, OrderStatus
from schemas.models import Currency, Id, Money, Order, RoomSnapshot, Timestamp, Url, Wire


class RoomCreate(Wire):
    """`POST /api/v1/rooms`."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    id: Id | None = None
    currency: Currency = "CNY"
    stream_url: Url | None = None
    guests: bool = True
    starts_at: Timestamp | None = None


class RoomList(Wire):
    rooms: list[RoomSnapshot]
    cursor: str | None = None


class OrderRecord(Order):
    """An order from the ledger: what the buyer sees, and whose it is."""

    user: str = ""
    updated_at: int = 0


class OrderList(Wire):
    orders: list[OrderRecord]
    cursor: str | None = None


class PaymentNotice(Wire):
    """What a payment provider posts, signed (see `POST /api/v1/payments/webhook`)."""

    event: Annotated[str, Meta(min_length=1, max_length=128, description="The provider's id of this notice.")]
    order: Annotated[str, Meta(min_length=1, max_length=64)]
    payment: Annotated[str, Meta(min_length=1, max_length=128)]
    status: Literal["captured", "failed"]
    amount: Money
    currency: Currency


class PaymentRecorded(Wire):
    """200: recorded, also for a repeat. `result` says what it did."""

    event: str
    result: str
    order: str
    status: OrderStatus | None = None


class ErrorBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    code: ErrorCode
    message: str
    field: str | None = None


class ErrorResponse(Wire):
    error: ErrorBody


class Health(Wire):
    status: str


class Ready(Wire):
    ready: bool
    store: bool
    ledger: bool
    draining: bool
