"""The nouns of the wire: users, products, sales, orders, rooms.

Money is integer minor units in the room's currency; times are integer milliseconds since the
Unix epoch on the server's clock. A type only ever grows: append a field, give it a default.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.codes import OrderStatus, Role, RoomStatus, SalePhase

MAX_SAFE_INTEGER = 2**53 - 1

# `$` alone also matches before a final newline in Python; in a browser's regex the tail is a no-op.
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)", description="A room's or a sale's id.")]
Sku = Annotated[
    str,
    Meta(pattern=r"^(?!__proto__$)[A-Za-z0-9._:-]{1,64}$(?!\n)", description="A product's id in its room."),
]
UserId = Annotated[str, Meta(min_length=1, max_length=128, description="A user's id (`sub`).")]
Money = Annotated[int, Meta(ge=0, le=10**10, description="Integer minor units of the currency.")]
"""With the largest quantity an order stays far below 2**53, which JavaScript counts exactly."""
Total = Annotated[int, Meta(ge=0, le=10**13, description="Integer minor units of the currency.")]
"""What an order may come to."""
Quantity = Annotated[int, Meta(ge=1, le=1_000)]
Stock = Annotated[int, Meta(ge=0, le=10**9, description="Units.")]
Timestamp = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER, description="Milliseconds since the Unix epoch.")]
Duration = Annotated[int, Meta(ge=1, le=366 * 86_400_000, description="Milliseconds.")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", description="ISO 4217 code.")]
Url = Annotated[str, Meta(max_length=2048, pattern=r"^(https?://|data:image/|/)")]

# What the server says of the same things: described, not constrained.
At = Annotated[int, Meta(description="Milliseconds since the Unix epoch, on the server's clock.")]
Minor = Annotated[int, Meta(description="Integer minor units of the room's currency.")]
Units = Annotated[int, Meta(description="Units of stock.")]


class Wire(Struct, omit_defaults=False, kw_only=True):
    """Common settings of every wire type; unknown fields are ignored (both sides may grow)."""


class User(Wire):
    """Who somebody is in a room."""

    id: str
    name: str
    role: Role


class Product(Wire):
    """What the shelf shows. `available` is sellable stock; `total` is all the units that the product has,
    available, held and sold together: what was mounted and restocked, less what its sales took and have.
    """

    sku: str
    title: str
    price: Minor
    image: str | None = None
    list_price: Minor | None = None
    per_user_limit: int | None = None
    available: Units = 0
    pinned: bool = False
    position: int = 0
    total: Units = 0


class ProductInput(Wire):
    """A product as a host mounts it. `stock` is how many units go on the shelf."""

    sku: Sku
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    price: Money
    stock: Stock
    image: Url | None = None
    list_price: Money | None = None
    per_user_limit: Annotated[int, Meta(ge=1, le=10_000)] | None = None


class Sale(Wire):
    """A flash sale of one product: stock of its own, a price of its own, a window on the store's clock.

    `total` is what it has: available, held and sold together. Both are 0 once it has ended. `stock` is what
    it was scheduled with, and stays.
    """

    sale: str
    sku: str
    price: Minor
    starts_at: At
    ends_at: At
    phase: SalePhase
    available: Units = 0
    per_user_limit: int | None = None
    total: Units = 0
    stock: Units = 0


class Order(Wire):
    """An order as its buyer sees it. `version` grows by one at each change.

    `refunding` is what is being given back now, `refund_due_at` when that happens by itself unless the
    host approves or declines first, `reason` why the order is as it is. Absent: there is none.
    """

    order: str
    request_id: str
    sku: str
    sale: str | None
    quantity: int
    amount: Minor
    currency: str
    status: OrderStatus
    version: int
    reserved_at: At
    expires_at: At
    room: str | None = None
    refunded: Minor = 0
    refunding: Minor | UnsetType = UNSET
    refund_due_at: At | UnsetType = UNSET
    shipped_at: At | UnsetType = UNSET
    delivered_at: At | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class RoomSnapshot(Wire):
    """Everything a late joiner needs; true at the `seq` that came with it."""

    id: str
    title: str
    status: RoomStatus
    currency: str
    hosts: list[str]
    announcement: str | None = None
    products: list[Product] = msgspec.field(default_factory=list)
    sales: list[Sale] = msgspec.field(default_factory=list)
    online: int = 0
    likes: int = 0
    stream_url: str | None = None
    guests: bool = True
    starts_at: At | None = None


class Message(Wire):
    """One danmaku."""

    message: str
    user: User
    text: str
    at: At


class Resume(Wire):
    """Where the client stopped: the room log's epoch and the last `seq` it applied."""

    epoch: Annotated[str, Meta(max_length=64)]
    seq: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]


class Countdown(Wire):
    """How long a sale's phase still lasts."""

    phase: SalePhase
    remaining_ms: int


class OrderCounts(Wire):
    """Orders of a room by what became of them."""

    reserved: int = 0
    paid: int = 0
    refunded: int = 0


class ProductCounts(Wire):
    """Where a product's units are."""

    sold: Units = 0
    held: Units = 0
    available: Units = 0
