"""A viewer's copy of the room: loaded from a snapshot, moved on by sequenced events and state.

Events are shared between thousands of viewers of one process: nothing here changes one in place.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
import orjson

from schemas.codes import SalePhase
from schemas.events import (
    DanmakuRecalled,
    ProductMounted,
    ProductPinned,
    ProductSorted,
    ProductUnmounted,
    ProductUpdated,
    RoomState,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
    SaleSoldOut,
    SaleStarted,
    SequencedEvent,
)
from schemas.models import Countdown, Product, RoomSnapshot, Sale

if TYPE_CHECKING:
    from collections.abc import Iterable

_RUNNING = (SalePhase.SCHEDULED, SalePhase.OPEN, SalePhase.SOLD_OUT)
_KEPT_SALES = 64
"""Ended sales a viewer remembers; the oldest goes first."""


class RoomReplica:
    """What one viewer believes. `products` is in the order of the shelf."""

    __slots__ = (
        "announcement",
        "available",
        "countdown",
        "currency",
        "likes",
        "online",
        "pinned",
        "products",
        "sales",
        "status",
        "title",
    )

    def __init__(self) -> None:
        self.title = ""
        self.status = ""
        self.currency = ""
        self.announcement: str | None = None
        self.products: dict[str, Product] = {}
        self.sales: dict[str, Sale] = {}
        self.available: dict[str, int] = {}
        self.countdown: dict[str, Countdown] = {}
        self.pinned: str | None = None
        self.online = 0
        self.likes = 0

    def load(self, snapshot: RoomSnapshot) -> None:
        """Forget everything and believe `snapshot`."""
        self.title = snapshot.title
        self.status = snapshot.status.value
        self.currency = snapshot.currency
        self.announcement = snapshot.announcement or None
        self.products = {p.sku: p for p in sorted(snapshot.products, key=lambda p: p.position)}
        self.sales = {sale.sale: sale for sale in snapshot.sales}
        self.available = {p.sku: p.available for p in snapshot.products}
        self.available.update((s.sale, s.available) for s in snapshot.sales)
        self.countdown = {}
        self.pinned = next((p.sku for p in snapshot.products if p.pinned), None)
        self.online = snapshot.online
        self.likes = snapshot.likes

    def apply(self, event: SequencedEvent) -> None:  # noqa: PLR0912 - one branch per event is the point
        """Move on by one sequenced event. The caller has checked its `seq`."""
        match event:
            case RoomUpdated():
                if event.status is not None:
                    self.status = event.status.value
                if event.announcement is not None:
                    self.announcement = event.announcement or None
            case ProductMounted(product=product):
                self._shelve(product)
                self.available[product.sku] = product.available
            case ProductUpdated(product=product):
                self.products[product.sku] = product
                self.available.setdefault(product.sku, product.available)
            case ProductPinned(sku=sku):
                self.pinned = sku
            case ProductUnmounted(sku=sku):
                self.products.pop(sku, None)
                self.available.pop(sku, None)
                if self.pinned == sku:
                    self.pinned = None
            case ProductSorted(skus=skus):
                self._sort(skus)
            case SaleScheduled(sale=sale):
                self._schedule(sale)
            case SaleStarted(sale=name):
                self._phase(name, SalePhase.OPEN)
            case SaleSoldOut(sale=name):
                self.available[name] = 0
                self._phase(name, SalePhase.SOLD_OUT)
            case SaleEnded(sale=name, reason=reason):
                self.available[name] = 0
                self._phase(name, SalePhase.CANCELLED if reason == "cancelled" else SalePhase.ENDED)
            case DanmakuRecalled():
                pass

    def merge(self, state: RoomState) -> None:
        """Take the latest values of what changed."""
        if state.online is not None:
            self.online = state.online
        if state.likes is not None:
            self.likes = state.likes
        if state.stock is not None:
            self.available.update(state.stock)
        if state.countdown is not None:
            self.countdown = state.countdown

    def running_sales(self) -> list[Sale]:
        """Sales that are scheduled, open or sold out, earliest first."""
        running = [sale for sale in self.sales.values() if sale.phase in _RUNNING]
        return sorted(running, key=lambda sale: (sale.starts_at, sale.sale))

    def digest(self) -> str:
        """A fingerprint of what sequenced events decide: equal for all viewers at one (epoch, seq)."""
        document = {
            "status": self.status,
            "announcement": self.announcement,
            "pinned": self.pinned,
            "products": [
                [p.sku, p.title, p.price, p.image, p.list_price, p.per_user_limit]
                for p in self.products.values()
            ],
            "sales": [
                [s.sale, s.sku, s.price, s.starts_at, s.ends_at, s.phase.value, s.per_user_limit]
                for s in self.running_sales()
            ],
        }
        return blake2b(orjson.dumps(document), digest_size=8).hexdigest()

    def stock(self) -> dict[str, int]:
        """What is left of everything on the shelf and of every running sale, as last told."""
        names: Iterable[str] = [*self.products, *(sale.sale for sale in self.running_sales())]
        return {name: self.available.get(name, 0) for name in names}

    def _shelve(self, product: Product) -> None:
        shelf = [p for p in self.products.values() if p.sku != product.sku]
        shelf.insert(min(product.position, len(shelf)), product)
        self.products = {p.sku: p for p in shelf}
        if product.pinned:
            self.pinned = product.sku

    def _sort(self, skus: list[str]) -> None:
        place = {sku: index for index, sku in enumerate(skus)}
        shelf = sorted(self.products.values(), key=lambda p: place.get(p.sku, len(place)))
        self.products = {p.sku: p for p in shelf}

    def _schedule(self, sale: Sale) -> None:
        self.sales[sale.sale] = sale
        self.available[sale.sale] = sale.available
        ended = [name for name, known in self.sales.items() if known.phase not in _RUNNING]
        for name in ended[: max(0, len(ended) - _KEPT_SALES)]:
            del self.sales[name]
            self.available.pop(name, None)

    def _phase(self, name: str, phase: SalePhase) -> None:
        sale = self.sales.get(name)
        if sale is not None:
            self.sales[name] = msgspec.structs.replace(sale, phase=phase)
            if phase not in _RUNNING:
                self.countdown = {key: beat for key, beat in self.countdown.items() if key != name}
