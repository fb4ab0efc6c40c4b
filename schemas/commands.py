"""What a client may say. One WebSocket message is one command, an object tagged by `type`.

`id` is an unsigned integer of the client's own, echoed in the one reply. Viewers may send
`ViewerCommand`; a control socket takes `ControlCommand` as well, by role.
"""

from __future__ import annotations

from typing import Annotated, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.models import (
    MAX_SAFE_INTEGER,
    Duration,
    Id,
    Money,
    ProductInput,
    Quantity,
    Resume,
    Sku,
    Timestamp,
    Url,
    UserId,
    Wire,
)

CommandId = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
RequestId = Annotated[str, Meta(min_length=1, max_length=64)]
OrderId = Annotated[str, Meta(min_length=1, max_length=64)]
Reason = Annotated[str, Meta(max_length=200)]
RefundAmount = Annotated[int, Meta(ge=1, le=10**13, description="Integer minor units of the currency.")]
Why = Annotated[str, Meta(min_length=1, max_length=200)]
"""A reason that has to be given."""


class Hello(Wire, tag="hello", tag_field="type"):
    """The first command, within 5 s. No `token` where the room admits guests."""

    token: Annotated[str, Meta(max_length=3000)] | None = None
    resume: Resume | None = None


class Ping(Wire, tag="ping", tag_field="type"):
    """Keeps the socket alive and measures the clock offset. Reply: `pong`."""

    id: CommandId = 0
    client_time: Annotated[int, Meta(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)] = 0


class DanmakuSend(Wire, tag="danmaku.send", tag_field="type"):
    """Say something to the room. Reply: `danmaku.accepted`, or `error` with the reason.

    What nobody sees (control characters, zero-width ones, directional overrides) is taken out of `text`, and
    a line break becomes a space; `invalid` with `field` `text` where nothing is left.
    """

    text: Annotated[str, Meta(min_length=1, max_length=200)]
    id: CommandId = 0


class Like(Wire, tag="like", tag_field="type"):
    """No reply; the room's counter grows by `count`."""

    count: Annotated[int, Meta(ge=1, le=100)] = 1
    id: CommandId = 0


class OrderPlace(Wire, tag="order.place", tag_field="type"):
    """Reserve `quantity` units of a product (`sku`) or of a flash sale (`sale`), exactly one of them.

    `pay: true` pays at once with the user's pre-authorised method. Reply: `order.accepted`.
    """

    request_id: RequestId
    sku: Sku | None = None
    sale: Id | None = None
    quantity: Quantity = 1
    pay: bool = False
    id: CommandId = 0


class OrderPay(Wire, tag="order.pay", tag_field="type"):
    """Pay a reserved order with the pre-authorised method. Reply: `order.accepted`."""

    order: OrderId
    id: CommandId = 0


class OrderCancel(Wire, tag="order.cancel", tag_field="type"):
    """Give a reserved order back; its units sell again. Reply: `order.accepted`."""

    order: OrderId
    id: CommandId = 0


class OrderRefund(Wire, tag="order.refund", tag_field="type"):
    """Ask for a paid order's money back. Reply: `order.accepted`, then `order.updated`.

    Without `amount` all that is left. With it a part, and `request_id` beside it: the same `request_id`
    is the same refund, with other contents it is `request_mismatch`.
    """

    order: OrderId
    reason: Reason = ""
    id: CommandId = 0
    amount: RefundAmount | None = None
    request_id: RequestId | None = None


class OrderGet(Wire, tag="order.get", tag_field="type"):
    """Ask for an order by `order` or by the `request_id` it was placed with, exactly one of them."""

    order: OrderId | None = None
    request_id: RequestId | None = None
    id: CommandId = 0


class RoomStart(Wire, tag="room.start", tag_field="type"):
    """Go live: orders are taken from here on. Effect: `room.updated`."""

    id: CommandId = 0


class RoomPause(Wire, tag="room.pause", tag_field="type"):
    """Take no orders until `room.start`. Effect: `room.updated`."""

    id: CommandId = 0


class RoomEnd(Wire, tag="room.end", tag_field="type"):
    """End the room for good, and every sale in it. Effect: `room.updated`."""

    id: CommandId = 0


class RoomAnnounce(Wire, tag="room.announce", tag_field="type"):
    """Show a line to everybody; an empty `text` takes it down. Effect: `room.updated`."""

    text: Annotated[str, Meta(max_length=500)]
    id: CommandId = 0


class ProductMount(Wire, tag="product.mount", tag_field="type"):
    """Put a product on the shelf. Effect: `product.mounted`."""

    product: ProductInput
    id: CommandId = 0


class ProductUpdate(Wire, tag="product.update", tag_field="type"):
    """Changed fields only; `null` takes an optional field away. Effect: `product.updated`."""

    sku: Sku
    title: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    price: Money | UnsetType = UNSET
    image: Url | UnsetType | None = UNSET
    list_price: Money | UnsetType | None = UNSET
    per_user_limit: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType | None = UNSET
    id: CommandId = 0


class ProductPin(Wire, tag="product.pin", tag_field="type"):
    """Put one product above the others. Effect: `product.pinned`."""

    sku: Sku
    id: CommandId = 0


class ProductUnpin(Wire, tag="product.unpin", tag_field="type"):
    """Pin nothing. Effect: `product.pinned` with `sku` null."""

    sku: Sku | None = None
    id: CommandId = 0


class ProductUnmount(Wire, tag="product.unmount", tag_field="type"):
    """Take a product off the shelf; holds and paid orders stay. Effect: `product.unmounted`."""

    sku: Sku
    id: CommandId = 0


class ProductSort(Wire, tag="product.sort", tag_field="type"):
    """Every mounted sku once, in the order of the shelf. Effect: `product.sorted`."""

    skus: Annotated[list[Sku], Meta(max_length=500)]
    id: CommandId = 0


class ProductRestock(Wire, tag="product.restock", tag_field="type"):
    """Add `delta` units to a product (`sku`) or to a sale (`sale`); negative down to nothing left."""

    delta: Annotated[int, Meta(ge=-(10**9), le=10**9)]
    sku: Sku | None = None
    sale: Id | None = None
    id: CommandId = 0


class SaleSchedule(Wire, tag="sale.schedule", tag_field="type"):
    """Carve `stock` units out of a product and sell them at `price` in a window. Effect: `sale.scheduled`.

    Exactly one of `starts_at` and `starts_in_ms`; the window is decided by the store's clock.
    """

    sku: Sku
    price: Money
    stock: Annotated[int, Meta(ge=1, le=10**9)]
    duration_ms: Duration
    starts_at: Timestamp | None = None
    starts_in_ms: Annotated[int, Meta(ge=0, le=366 * 86_400_000)] | None = None
    per_user_limit: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    hold_ms: Annotated[int, Meta(ge=1_000, le=86_400_000)] | None = None
    id: CommandId = 0


class SaleCancel(Wire, tag="sale.cancel", tag_field="type"):
    """End a sale early; what is left goes back to the product. Effect: `sale.ended`."""

    sale: Id
    id: CommandId = 0


class ViewerMute(Wire, tag="viewer.mute", tag_field="type"):
    """Keep a viewer from speaking for `duration_ms` (until `viewer.unmute` without)."""

    user: UserId
    duration_ms: Duration | None = None
    reason: Reason = ""
    id: CommandId = 0


class ViewerUnmute(Wire, tag="viewer.unmute", tag_field="type"):
    """Let a muted viewer speak again."""

    user: UserId
    id: CommandId = 0


class ViewerKick(Wire, tag="viewer.kick", tag_field="type"):
    """Closes the viewer's sockets with 4502 and keeps them out for `duration_ms` (for good without)."""

    user: UserId
    duration_ms: Duration | None = None
    reason: Reason = ""
    id: CommandId = 0


class DanmakuRecall(Wire, tag="danmaku.recall", tag_field="type"):
    """Take a danmaku off every screen. Effect: `danmaku.recalled`."""

    message: Annotated[str, Meta(min_length=1, max_length=64)]
    id: CommandId = 0


class OrderShip(Wire, tag="order.ship", tag_field="type"):
    """A paid order is on its way. Effect: `order.updated` to its buyer."""

    order: OrderId
    id: CommandId = 0


class OrderDeliver(Wire, tag="order.deliver", tag_field="type"):
    """A shipped order has arrived. Effect: `order.updated` to its buyer."""

    order: OrderId
    id: CommandId = 0


class RefundApprove(Wire, tag="refund.approve", tag_field="type"):
    """Give the money of a shipped order back, as its buyer asked. Effect: `order.updated` to its buyer."""

    order: OrderId
    id: CommandId = 0


class RefundDecline(Wire, tag="refund.decline", tag_field="type"):
    """Do not give it back; the buyer is told why. Effect: `order.updated` to its buyer."""

    order: OrderId
    reason: Why
    id: CommandId = 0


ViewerCommand = (
    Hello | Ping | DanmakuSend | Like | OrderPlace | OrderPay | OrderCancel | OrderRefund | OrderGet
)
RoomCommand = (
    RoomStart
    | RoomPause
    | RoomEnd
    | RoomAnnounce
    | ProductMount
    | ProductUpdate
    | ProductPin
    | ProductUnpin
    | ProductUnmount
    | ProductSort
    | ProductRestock
    | SaleSchedule
    | SaleCancel
    | ViewerMute
    | ViewerUnmute
    | ViewerKick
    | DanmakuRecall
)
"""What hosts and moderators do to a room."""
ShopCommand = OrderShip | OrderDeliver | RefundApprove | RefundDecline
"""What hosts do to orders."""
HostCommand = RoomCommand | ShopCommand
ControlCommand = ViewerCommand | HostCommand
Command = ControlCommand


HOST_COMMANDS = frozenset(get_args(HostCommand))
"""The classes of `HostCommand`: a look into a set is cheaper than into a union."""
ROOM_COMMANDS = frozenset(get_args(RoomCommand))
TYPES: dict[type[msgspec.Struct], str] = {
    kind: str(kind.__struct_config__.tag) for kind in get_args(ControlCommand)
}


def command_type(command: msgspec.Struct) -> str:
    """The `type` a command (or an event) travels under, e.g. `order.place`."""
    return TYPES.get(type(command)) or str(command.__struct_config__.tag)
