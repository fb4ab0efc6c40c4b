"""The product shelf: what mounting, changing, pinning, sorting and unmounting make of it. Pure."""

from __future__ import annotations

import re
from collections import Counter

from msgspec import UNSET
from msgspec.structs import asdict, replace

from schemas.codes import ErrorCode
from schemas.commands import (
    ProductMount,
    ProductPin,
    ProductRestock,
    ProductSort,
    ProductUnmount,
    ProductUnpin,
    ProductUpdate,
)
from schemas.events import (
    ProductMounted,
    ProductPinned,
    ProductSorted,
    ProductUnmounted,
    ProductUpdated,
)
from schemas.models import Product
from server.rooms.rules import Events, Refused, known_product, known_sale, open_room
from server.rooms.state import ACTIVE, RoomState

MAX_PRODUCTS = 500
"""On one shelf; `product.sort` names them all in one command."""

ShelfCommand = (
    ProductMount | ProductUpdate | ProductPin | ProductUnpin | ProductUnmount | ProductSort | ProductRestock
)

_SALE_ID = re.compile(r"s[0-9a-f]{32}")
"""Stock is told by sku or sale id: one must not pass for the other."""


def decide_shelf(
    state: RoomState,
    command: ShelfCommand,
    total: int | None = None,
) -> Events:
    """The events of a command about products; a restock makes none. `total`: see `Facts`."""
    events: Events = []
    match command:
        case ProductMount():
            events.append(ProductMounted(product=_mounted(state, command, total)))
        case ProductUpdate():
            events.append(ProductUpdated(product=_updated(state, command)))
        case ProductPin(sku=sku):
            open_room(state)
            known_product(state, sku)
            events.append(ProductPinned(sku=sku))
        case ProductUnpin(sku=sku):
            if sku is not None:
                known_product(state, sku)
            if state.pinned is None or sku not in (None, state.pinned):
                raise Refused(ErrorCode.CONFLICT, "it is not pinned", "sku" if sku else None)
            events.append(ProductPinned(sku=None))
        case ProductUnmount(sku=sku):
            known_product(state, sku)
            if state.active_sales(sku):
                raise Refused(ErrorCode.CONFLICT, "a sale of this product has not ended", "sku")
            events.append(ProductUnmounted(sku=sku))
        case ProductSort(skus=skus):
            _check_order(state, skus)
            events.append(ProductSorted(skus=list(skus)))
        case ProductRestock():
            _check_restock(state, command)
    return events


def _mounted(state: RoomState, command: ProductMount, total: int | None) -> Product:
    open_room(state)
    product = command.product
    if product.sku in state.products:
        raise Refused(ErrorCode.CONFLICT, f"{product.sku} is on the shelf already", "product.sku")
    if _SALE_ID.fullmatch(product.sku):
        raise Refused(ErrorCode.INVALID, "a sku may not look like a sale's id", "product.sku")
    if len(state.products) >= MAX_PRODUCTS:
        raise Refused(ErrorCode.CONFLICT, f"the shelf is full: {MAX_PRODUCTS} products", "product")
    return Product(
        sku=product.sku,
        title=product.title,
        price=product.price,
        image=product.image,
        list_price=product.list_price,
        per_user_limit=product.per_user_limit,
        available=product.stock,
        position=len(state.products),
        total=product.stock if total is None else total,
    )


def _updated(state: RoomState, command: ProductUpdate) -> Product:
    product = known_product(state, command.sku)
    given = asdict(command)
    changes = {
        name: given[name]
        for name in ("title", "price", "image", "list_price", "per_user_limit")
        if given[name] is not UNSET
    }
    if not changes:
        raise Refused(ErrorCode.INVALID, "nothing to change")
    return replace(product, **changes)


def _check_order(state: RoomState, skus: list[str]) -> None:
    for sku in skus:
        known_product(state, sku, "skus")
    repeated = [sku for sku, times in Counter(skus).items() if times > 1]
    if repeated:
        raise Refused(ErrorCode.INVALID, f"{repeated[0]} is named twice", "skus")
    missing = next((sku for sku in state.products if sku not in set(skus)), None)
    if missing is not None:
        raise Refused(ErrorCode.INVALID, f"{missing} is on the shelf and not in the order", "skus")


def _check_restock(state: RoomState, command: ProductRestock) -> None:
    if (command.sku is None) == (command.sale is None):
        raise Refused(
            ErrorCode.INVALID,
            "exactly one of sku and sale",
            "sku" if command.sku is None else "sale",
        )
    if command.sku is not None:
        known_product(state, command.sku)
    if command.sale is not None and known_sale(state, command.sale).phase not in ACTIVE:
        raise Refused(ErrorCode.CONFLICT, "the sale has ended", "sale")
