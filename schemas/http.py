"""Bodies of the HTTP API, and the status each error code travels under."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from schemas.codes import ErrorCode, OrderStatus, Role
from schemas.commands import Reason, RefundAmount, RequestId, Why
from schemas.models import At, Currency, Id, Order, RoomSnapshot, Timestamp, Total, Url, Wire

SIGNATURE_HEADER = "Miaodan-Signature"
MAX_BODY = 64 * 1024
LIST_LIMIT = 50
LIST_LIMIT_MAX = 200

STATUS: dict[ErrorCode, int] = {
    ErrorCode.INVALID: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.PAYMENT_FAILED: 402,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.MUTED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.NOT_OPEN: 409,
    ErrorCode.SALE_ENDED: 409,
    ErrorCode.SOLD_OUT: 409,
    ErrorCode.LIMIT_EXCEEDED: 409,
    ErrorCode.REQUEST_MISMATCH: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.BLOCKED_WORDS: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.UNKNOWN_OUTCOME: 504,
}


class RoomCreate(Wire):
    """`POST /api/v1/rooms`."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    id: Id | None = None
    currency: Currency = "CNY"
    stream_url: Url | None = None
    guests: bool = True
    starts_at: Timestamp | None = None


class RoomList(Wire):
    """A page of live rooms. `cursor` asks for the next page; null: this was the last."""

    rooms: list[RoomSnapshot]
    cursor: str | None = None


class OrderRecord(Order):
    """An order from the ledger: what the buyer sees, and whose it is."""

    user: str = ""
    updated_at: At = 0


class OrderList(Wire):
    """A page of orders, newest first. `cursor` asks for the next page; null: this was the last."""

    orders: list[OrderRecord]
    cursor: str | None = None


class RefundAsk(Wire):
    """`POST /api/v1/orders/{order}/refund`. Without `amount` all that is left; with it, `request_id` too."""

    amount: RefundAmount | None = None
    request_id: RequestId | None = None
    reason: Reason = ""


class RefundRefusal(Wire):
    """`POST /api/v1/orders/{order}/refund/decline`: why, for the buyer to read."""

    reason: Why


class Action(Wire):
    """What somebody did in a room: the `action` is the command's type, `details` the command as it was sent,
    without its `id`."""

    id: str
    room: str
    actor: str
    role: Role
    action: str
    details: dict[str, Any]
    at: At


class ActionList(Wire):
    """A page of actions, newest first. `cursor` asks for the next page; null: this was the last."""

    actions: list[Action]
    cursor: str | None = None


class PaymentNotice(Wire):
    """What a payment provider posts, signed (see `POST /api/v1/payments/webhook`)."""

    event: Annotated[str, Meta(min_length=1, max_length=128, description="The provider's id of this notice.")]
    order: Annotated[str, Meta(min_length=1, max_length=64)]
    payment: Annotated[str, Meta(min_length=1, max_length=128)]
    status: Literal["captured", "failed"]
    amount: Total
    currency: Currency


class PaymentRecorded(Wire):
    """200: recorded, also for a repeat. `result` says what it did.

    `paid`, `already_paid`, `returned` (the money goes back), `noted` (nothing to do), `refused`; `reason`
    says why it was not simply paid.
    """

    event: str
    result: str
    order: str
    status: OrderStatus | None = None
    reason: str = ""


class ErrorBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong. `field`: the path of what was wrong in the request."""

    code: ErrorCode
    message: str
    field: str | None = None


class ErrorResponse(Wire):
    """Every error of the HTTP API."""

    error: ErrorBody


class Health(Wire):
    """`ok`: the process is alive."""

    status: str


class Ready(Wire):
    """Whether to send traffic here, and what stands in the way."""

    ready: bool
    store: bool
    ledger: bool
    draining: bool
    degraded: bool = False
    """Ready, but the ledger is away or far behind: orders are taken, order lists are old or not served."""
    frozen: bool = False
    """Not ready: the store is new to us and is being checked against the ledger, or rebuilt from it."""
