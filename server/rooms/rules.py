"""How a control command is turned down, and the questions most of them begin with."""

from __future__ import annotations

from schemas.codes import ErrorCode, RoomStatus
from schemas.events import SequencedEvent
from schemas.models import Product, Sale
from server.rooms.state import RoomState

Events = list[SequencedEvent]


class Refused(Exception):
    """A command that does not hold in this room now. `field`: the path of what was wrong."""

    def __init__(self, code: ErrorCode, message: str, field: str | None = None) -> None:
        super().__init__(code, message, field)
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return f"{self.code.value}: {self.message}" + (f" ({self.field})" if self.field else "")


def open_room(state: RoomState) -> None:
    """Refused `conflict` once the room has ended."""
    if state.status is RoomStatus.ENDED:
        raise Refused(ErrorCode.CONFLICT, "the room has ended")


def known_product(state: RoomState, sku: str, field: str = "sku") -> Product:
    """The product; Refused `not_found` when it is not on the shelf."""
    product = state.products.get(sku)
    if product is None:
        raise Refused(ErrorCode.NOT_FOUND, f"no product {sku} on the shelf", field)
    return product


def known_sale(state: RoomState, id: str) -> Sale:
    """The sale; Refused `not_found` when the room knows none such."""
    sale = state.sales.get(id)
    if sale is None:
        raise Refused(ErrorCode.NOT_FOUND, f"no sale {id} in this room", "sale")
    return sale
