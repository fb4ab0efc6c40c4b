"""What the server says. One WebSocket message is one batch: an array of these, tagged by `type`.

Lanes (see `LANES`): L1 events carry `seq` and have no holes; L2 carries the latest value of what
changed; L3 is sampled; L0 is for one user.
"""

from __future__ import annotations

from typing import get_args

import msgspec
from msgspec import UNSET, UnsetType

from schemas.codes import HEARTBEAT_MS, ErrorCode, RoomStatus
from schemas.models import (
    At,
    Countdown,
    Message,
    Minor,
    Order,
    OrderCounts,
    Product,
    ProductCounts,
    RoomSnapshot,
    Sale,
    User,
    Wire,
)

# ---- L0: direct -----------------------------------------------------------------------------


class Welcome(Wire, tag="welcome", tag_field="type"):
    """First event of the first batch. `room` is absent exactly when `recovered`.

    `recent`: what was last said in the room, oldest first, as far as this server has heard it; absent when
    `recovered` or where nothing was. One of it may come as a `danmaku` as well: the same `message`.
    """

    session: str
    user: User
    epoch: str
    seq: int
    server_time: At
    heartbeat_ms: int = HEARTBEAT_MS
    recovered: bool = False
    room: RoomSnapshot | UnsetType = UNSET
    orders: list[Order] = msgspec.field(default_factory=list)
    recent: list[Danmaku] | UnsetType = UNSET


class Pong(Wire, tag="pong", tag_field="type"):
    """Reply to `ping`. Clock offset: `server_time - (client_time + now) / 2`."""

    id: int
    client_time: int
    server_time: At


class DanmakuAccepted(Wire, tag="danmaku.accepted", tag_field="type"):
    """Reply to `danmaku.send`: it is on its way to the room as `message`."""

    id: int
    message: str


class OrderAccepted(Wire, tag="order.accepted", tag_field="type"):
    """Reply to every `order.*` command. `replayed`: nothing was done again."""

    id: int
    order: Order
    replayed: bool = False


class OrderUpdated(Wire, tag="order.updated", tag_field="type"):
    """One of this user's orders changed, whoever changed it."""

    order: Order


class Done(Wire, tag="done", tag_field="type"):
    """A control command took effect. `seq`: its event's place in the log; 0 where it makes none."""

    id: int
    seq: int


class Muted(Wire, tag="muted", tag_field="type"):
    """`until` null: until unmuted; `until` 0: no longer muted.

    Right behind `welcome` where the user is muted; a welcome without it: they may speak.
    """

    until: At | None
    reason: str = ""


class Kicked(Wire, tag="kicked", tag_field="type"):
    """Out of the room; the socket closes with 4502."""

    reason: str = ""


class Error(Wire, tag="error", tag_field="type", omit_defaults=True):
    """A command was refused. `field`: the path of what was wrong; `order`: an order that still stands.

    Without `id` and instead of `welcome`: the hello was; `retry_after_ms` says when to come back.
    Without `id` and with `order`: a payment that was under way came to nothing.
    """

    code: ErrorCode
    message: str
    id: int | None = None
    field: str | None = None
    retry_after_ms: int | None = None
    order: str | None = None


# ---- L1: sequenced --------------------------------------------------------------------------


class RoomUpdated(Wire, tag="room.updated", tag_field="type", omit_defaults=True):
    """Changed fields only. An empty `announcement` means it was taken down."""

    seq: int = 0
    status: RoomStatus | None = None
    announcement: str | None = None


class ProductMounted(Wire, tag="product.mounted", tag_field="type"):
    """A product is on the shelf."""

    product: Product
    seq: int = 0


class ProductUpdated(Wire, tag="product.updated", tag_field="type"):
    """A product changed; this is the whole of it."""

    product: Product
    seq: int = 0


class ProductPinned(Wire, tag="product.pinned", tag_field="type"):
    """This product stands above the others; null: none does."""

    sku: str | None
    seq: int = 0


class ProductUnmounted(Wire, tag="product.unmounted", tag_field="type"):
    """A product left the shelf."""

    sku: str
    seq: int = 0


class ProductSorted(Wire, tag="product.sorted", tag_field="type"):
    """The shelf's new order."""

    skus: list[str]
    seq: int = 0


class SaleScheduled(Wire, tag="sale.scheduled", tag_field="type"):
    """A flash sale was announced; this is the whole of it."""

    sale: Sale
    seq: int = 0


class SaleStarted(Wire, tag="sale.started", tag_field="type"):
    """A sale is open."""

    sale: str
    seq: int = 0


class SaleSoldOut(Wire, tag="sale.sold_out", tag_field="type"):
    """Nothing is left for now. Units that come back show as stock and sell while the window lasts."""

    sale: str
    seq: int = 0


class SaleEnded(Wire, tag="sale.ended", tag_field="type"):
    """`reason`: `time`, `cancelled` or `room_ended`. What was left went back to the product."""

    sale: str
    reason: str
    seq: int = 0


class DanmakuRecalled(Wire, tag="danmaku.recalled", tag_field="type"):
    """Take this danmaku off the screen."""

    message: str
    seq: int = 0


# ---- L2: state ------------------------------------------------------------------------------


class RoomState(Wire, tag="room.state", tag_field="type", omit_defaults=True):
    """Changed keys only. `stock` (what is available) and `total` (that, held and sold together) are keyed
    by sku or sale."""

    server_time: At
    online: int | None = None
    likes: int | None = None
    stock: dict[str, int] | None = None
    countdown: dict[str, Countdown] | None = None
    total: dict[str, int] | None = None


class Dashboard(Wire, tag="dashboard", tag_field="type"):
    """Each second, to control sockets."""

    online: int = 0
    peak_online: int = 0
    danmaku_rate: float = 0.0
    orders: OrderCounts = msgspec.field(default_factory=OrderCounts)
    revenue: Minor = 0
    products: dict[str, ProductCounts] = msgspec.field(default_factory=dict)


# ---- L3: chat -------------------------------------------------------------------------------


class Danmaku(Message, tag="danmaku", tag_field="type"):
    """Somebody said something."""


class DanmakuSkipped(Wire, tag="danmaku.skipped", tag_field="type"):
    """This many danmaku were sampled away for this viewer since the last one shown."""

    count: int


DirectEvent = Welcome | Pong | DanmakuAccepted | OrderAccepted | OrderUpdated | Done | Muted | Kicked | Error
SequencedEvent = (
    RoomUpdated
    | ProductMounted
    | ProductUpdated
    | ProductPinned
    | ProductUnmounted
    | ProductSorted
    | SaleScheduled
    | SaleStarted
    | SaleSoldOut
    | SaleEnded
    | DanmakuRecalled
)
StateEvent = RoomState | Dashboard
ChatEvent = Danmaku | DanmakuSkipped
Event = DirectEvent | SequencedEvent | StateEvent | ChatEvent

LANES: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "L0": get_args(DirectEvent),
    "L1": get_args(SequencedEvent),
    "L2": get_args(StateEvent),
    "L3": get_args(ChatEvent),
}
