"""An order as the store and the outbox keep it, and as the wire shows it.

Amounts are computed here (`price * quantity`, integer minor units) and nowhere in Lua.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

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
        )


class StockMove(Struct, frozen=True):
    """A change of what one pool was given: `delta` units, signed."""

    id: str
    room: str
    pool: str
    delta: int
    reason: str
    at: int


class NoticeRow(Struct, frozen=True):
    """What one notice of a payment provider, or one return of a payment, did."""

    event: str
    order: str
    payment: str
    status: str
    amount: int
    currency: str
    result: str
    at: int


_encode = msgspec.json.Encoder().encode
_stored = msgspec.json.Decoder(StoredOrder)
_orders = msgspec.json.Decoder(list[StoredOrder])
_moves = msgspec.json.Decoder(list[StockMove])
_notices = msgspec.json.Decoder(list[NoticeRow])


def encode_head(
    order: str, request_id: str, room: str, user: str, sale: str | None, quantity: int, currency: str
) -> bytes:
    """The open first part of a record. Raises OrderError `invalid` for text that is not Unicode."""
    try:
        return _encode(Head(order, request_id, room, user, sale, quantity, currency))[:-1]
    except UnicodeEncodeError:
        raise OrderError(ErrorCode.INVALID, "not valid Unicode text") from None


def decode_stored(record: bytes) -> StoredOrder:
    """Raises msgspec.ValidationError for what is no record."""
    return _stored.decode(record)


def decode_order(record: bytes) -> Order:
    """An `O` message's order, as the wire shows it. Raises msgspec.ValidationError."""
    return _stored.decode(record).to_wire()


class Entry(Struct, frozen=True):
    """One outbox entry, decoded."""

    orders: list[StoredOrder]
    moves: list[StockMove]
    notices: list[NoticeRow]


def decode_entry(fields: dict[bytes, bytes]) -> Entry:
    """Raises ValueError (msgspec's errors included) for an entry that no script of ours wrote."""
    unknown = fields.keys() - {b"o", b"m", b"n"}
    if unknown or not fields:
        raise ValueError(f"unexpected fields: {sorted(unknown)}")
    return Entry(
        _orders.decode(fields[b"o"]) if b"o" in fields else [],
        _moves.decode(fields[b"m"]) if b"m" in fields else [],
        _notices.decode(fields[b"n"]) if b"n" in fields else [],
    )
