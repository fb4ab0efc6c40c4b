"""What travels on a room's channel: one kind byte, then one of these bodies."""

from __future__ import annotations

import msgspec

from schemas.codes import ErrorCode
from schemas.events import Danmaku, SequencedEvent


class RoomEntry(msgspec.Struct):
    """Body of an `L` message."""

    epoch: str
    seq: int
    event: SequencedEvent


class StockNotice(msgspec.Struct):
    """Body of an `S` message: units by sku or sale."""

    stock: dict[str, int]
    """What is available."""
    buyers: list[str] = []
    """Whose orders were held with it."""
    total: dict[str, int] = {}
    """What there is in all, where that changed: available, held and sold."""


class OrderTrouble(msgspec.Struct):
    """Why an order's payment came to nothing. `message`: a sentence for its buyer."""

    code: ErrorCode
    message: str


class OrderNotice(msgspec.Struct):
    """One entry of an `O` message. `error`: what went wrong with the order, where nobody may wait for it."""

    user: str
    order: msgspec.Raw
    error: OrderTrouble | None = None


class DirectNotice(msgspec.Struct):
    """Body of a `D` message."""

    kind: str
    user: str
    until: int | None = None
    reason: str = ""


class PresenceNotice(msgspec.Struct):
    """Body of an `N` message."""

    online: int
    peak: int
    likes: int


decode_entry = msgspec.json.Decoder(RoomEntry).decode
decode_stock = msgspec.json.Decoder(StockNotice).decode
decode_orders = msgspec.json.Decoder(list[OrderNotice]).decode
decode_direct = msgspec.json.Decoder(DirectNotice).decode
decode_presence = msgspec.json.Decoder(PresenceNotice).decode
decode_chat = msgspec.msgpack.Decoder(list[Danmaku]).decode
encode_chat = msgspec.msgpack.Encoder().encode
"""Body of a `C` message: an array of danmaku in MessagePack."""
