"""An order as the store and the outbox keep it, and as the wire shows it.

Amounts are computed here (`price * quantity`, integer minor units) and nowhere in Lua.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct

from schemas.codes import ErrorCode, OrderStatus
from schemas.models import Order
from server.orders.errors import OrderError


class Head(Struct, frozen=True):
    """What is known of an order before the store decides; the scripts append the rest of the record."""

    order: str
    request_id: str
    room: str
    user: str
    sale: str | None
    quantity: int
    currency: str
    pay: bool


class Refund(Struct, frozen=True, kw_only=True):
    """A refund under way. `amount` in minor units; `due` in ms: it is carried out by itself then."""

    id: str
    amount: int
    back: OrderStatus
    """The order's status before, and after it where the refund was a partial one or was declined."""
    due: int
    approved: bool
    reason: str = ""


class StoredOrder(Struct, frozen=True, kw_only=True):
    """An order's record: JSON in the store, in the outbox and in `O` messages."""

    order: str
    request_id: str
    room: str
    user: str
    sale: str | None
    sku: str
    quantity: int
    currency: str
    price: int
    """Per unit, minor units, as it stood when the order was placed."""
    status: OrderStatus
    version: int
    reserved_at: int
    expires_at: int
    updated_at: int
    payment: str | None = None
    reason: str | None = None
    pay: bool = False
    """What the request asked for: it is told again by it."""
    shipped_at: int | None = None
    delivered_at: int | None = None
    refund: Refund | None = None
    refunds: dict[str, int] = msgspec.field(default_factory=dict)
    """Finished ones: id -> minor units given back, 0 where the host declined.

    (A dictionary: the scripts write an empty list as one.)
    """

    @property
    def refunded(self) -> int:
        """Minor units given back so far."""
        return sum(self.refunds.values())

    @property
    def amount(self) -> int:
        """Minor units."""
        return self.price * self.quantity

    @property
    def pool(self) -> str:
        """Reference of the pool the units came from."""
        return f"sale/{self.sale}" if self.sale is not None else f"sku/{self.sku}"

    @property
    def home(self) -> str:
        """Reference of the pool the units go to once a sale is over."""
        return f"sku/{self.sku}"

    def to_wire(self) -> Order:
        refund = self.refund
        return Order(
            order=self.order,
            request_id=self.request_id,
            sku=self.sku,
            sale=self.sale,
            quantity=self.quantity,
            amount=self.amount,
            currency=self.currency,
            status=self.status,
            version=self.version,
            reserved_at=self.reserved_at,
            expires_at=self.expires_at,
            room=self.room,
            refunded=self.refunded if self.refunds else 0,
            refunding=UNSET if refund is None else refund.amount,
            refund_due_at=UNSET if refund is None or refund.approved else refund.due,
            shipped_at=UNSET if self.shipped_at is None else self.shipped_at,
            delivered_at=UNSET if self.delivered_at is None else self.delivered_at,
            reason=self.reason or UNSET,
        )


_encode = msgspec.json.Encoder().encode
_stored = msgspec.json.Decoder(StoredOrder)


def encode_head(
    order: str,
    request_id: str,
    room: str,
    user: str,
    sale: str | None,
    quantity: int,
    currency: str,
    pay: bool,
) -> bytes:
    """The open first part of a record. Raises OrderError `invalid` for text that is not Unicode."""
    try:
        return _encode(Head(order, request_id, room, user, sale, quantity, currency, pay))[:-1]
    except UnicodeEncodeError:
        raise OrderError(ErrorCode.INVALID, "not valid Unicode text") from None


def encode_stored(record: StoredOrder) -> bytes:
    """A record as the scripts keep it."""
    return _encode(record)


def decode_stored(record: bytes) -> StoredOrder:
    """Raises msgspec.ValidationError for what is no record."""
    return _stored.decode(record)


def decode_order(record: bytes) -> Order:
    """An `O` message's order, as the wire shows it. Raises msgspec.ValidationError."""
    return _stored.decode(record).to_wire()
