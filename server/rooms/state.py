"""A room as a plain object: apply sequenced events, read a snapshot, store as documents.

No I/O, no clock. Every place that shows a room holds one of these: a gateway applies what the bus
brings, a control command works on a fresh one out of the store. The same events in the same order
make the same state everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from msgspec.structs import replace

from schemas.codes import RoomStatus, SalePhase
from schemas.events import (
    DanmakuRecalled,
    ProductMounted,
    ProductPinned,
    ProductSorted,
    ProductUnmounted,
    ProductUpdated,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
    SaleSoldOut,
    SaleStarted,
    SequencedEvent,
)
from schemas.models import Countdown, Product, RoomSnapshot, Sale

ACTIVE = (SalePhase.SCHEDULED, SalePhase.OPEN, SalePhase.SOLD_OUT)
"""Phases of a sale that still has stock of its own."""

FINISHED_SALES = 32
"""Finished sales a room remembers; scheduling another forgets the one that ended first."""


class SequenceGap(Exception):
    """An event that does not follow the last one applied; catch up from the log."""

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(expected, got)
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"expected event {self.expected}, got {self.got}"


class RoomDocument(msgspec.Struct, kw_only=True):
    """The room itself as it is stored; products and sales have documents of their own."""

    title: str
    currency: str
    hosts: list[str]
    status: RoomStatus = RoomStatus.SCHEDULED
    announcement: str | None = None
    stream_url: str | None = None
    guests: bool = True
    starts_at: int | None = None
    pinned: str | None = None
    shelf: list[str] = []
    created_at: int = 0


_room_decoder = msgspec.json.Decoder(RoomDocument)
_product_decoder = msgspec.json.Decoder(Product)
_sale_decoder = msgspec.json.Decoder(Sale)


@dataclass(slots=True, kw_only=True)
class RoomState:
    """One room at `seq` of `epoch`. Products and sales are replaced, never changed in place.

    `products` is keyed by sku in the order of the shelf, `sales` by sale id. `online`, `peak` and
    `likes` are counters beside the log: they are in the snapshot but in no document.
    """

    id: str
    epoch: str
    seq: int = 0
    title: str
    currency: str
    hosts: list[str]
    status: RoomStatus = RoomStatus.SCHEDULED
    announcement: str | None = None
    stream_url: str | None = None
    guests: bool = True
    starts_at: int | None = None
    created_at: int = 0
    pinned: str | None = None
    products: dict[str, Product] = field(default_factory=dict)
    sales: dict[str, Sale] = field(default_factory=dict)
    online: int = 0
    peak: int = 0
    likes: int = 0

    def apply(self, seq: int, event: SequencedEvent) -> bool:
        """Take the event at `seq` in; False when it had been already.

        Raises SequenceGap when events between are missing, KeyError when the event is about a
        product or sale that this room does not have (another room's event, or a damaged log).
        """
        if seq <= self.seq:
            return False
        if seq != self.seq + 1:
            raise SequenceGap(self.seq + 1, seq)
        match event:
            case RoomUpdated():
                self._update_room(event)
            case SaleScheduled(sale=sale):
                self._forget_finished()
                self.sales[sale.sale] = sale
            case SaleStarted(sale=id):
                self.sales[id] = replace(self.sales[id], phase=SalePhase.OPEN)
            case SaleSoldOut(sale=id):
                self.sales[id] = replace(self.sales[id], phase=SalePhase.SOLD_OUT, available=0)
            case SaleEnded(sale=id):
                phase = final_phase(event.reason)
                self.sales[id] = replace(self.sales[id], phase=phase, available=0, total=0)
            case DanmakuRecalled():
                pass
            case _:
                self._apply_shelf(event)
        self.seq = seq
        return True

    def _update_room(self, event: RoomUpdated) -> None:
        if event.status is not None:
            self.status = event.status
        if event.announcement is not None:
            self.announcement = event.announcement or None

    def _apply_shelf(
        self,
        event: ProductMounted | ProductUpdated | ProductPinned | ProductUnmounted | ProductSorted,
    ) -> None:
        match event:
            case ProductMounted(product=product):
                self.products[product.sku] = product
            case ProductUpdated(product=product):
                if product.sku not in self.products:
                    raise KeyError(product.sku)
                self.products[product.sku] = product
            case ProductPinned(sku=sku):
                if sku is not None and sku not in self.products:
                    raise KeyError(sku)
                self.pinned = sku
            case ProductUnmounted(sku=sku):
                del self.products[sku]
                if self.pinned == sku:
                    self.pinned = None
            case ProductSorted(skus=skus):
                self.products = {sku: self.products[sku] for sku in skus}
        self._arrange()

    def _arrange(self) -> None:
        """Positions and the pin mark follow from the shelf's order and the pinned sku."""
        for position, (sku, product) in enumerate(self.products.items()):
            pinned = sku == self.pinned
            if product.position != position or product.pinned != pinned:
                self.products[sku] = replace(product, position=position, pinned=pinned)

    def _forget_finished(self) -> None:
        finished = [sale for sale in self.sales.values() if sale.phase not in ACTIVE]
        finished.sort(key=lambda sale: (sale.ends_at, sale.sale))
        for sale in finished[: max(0, len(finished) - FINISHED_SALES + 1)]:
            del self.sales[sale.sale]

    def set_stock(self, levels: Mapping[str, int]) -> dict[str, int]:
        """Take in what the pools have available, keyed by sku or sale id; returns those that changed.

        Keys the room does not show are left out, and so are finished sales: theirs stays 0.
        """
        return self._set("available", levels)

    def set_totals(self, totals: Mapping[str, int]) -> dict[str, int]:
        """As `set_stock`, for what the pools have in all: available, held and sold."""
        return self._set("total", totals)

    def _set(self, name: Literal["available", "total"], levels: Mapping[str, int]) -> dict[str, int]:
        changed: dict[str, int] = {}
        for key, units in levels.items():
            product = self.products.get(key)
            if product is not None and getattr(product, name) != units:
                self.products[key] = replace(product, **{name: units})
                changed[key] = units
            sale = self.sales.get(key)
            if sale is not None and sale.phase in ACTIVE and getattr(sale, name) != units:
                self.sales[key] = replace(sale, **{name: units})
                changed[key] = units
        return changed

    def active_sales(self, sku: str | None = None) -> list[Sale]:
        """Sales that have not ended, of one product or of all."""
        return [s for s in self.sales.values() if s.phase in ACTIVE and (sku is None or s.sku == sku)]

    def countdowns(self, now: int) -> dict[str, Countdown]:
        """Milliseconds to the next edge of each active sale: its start while scheduled, then its end."""
        return {
            sale.sale: Countdown(
                phase=sale.phase,
                remaining_ms=max(
                    0, (sale.starts_at if sale.phase is SalePhase.SCHEDULED else sale.ends_at) - now
                ),
            )
            for sale in self.active_sales()
        }

    def snapshot(self) -> RoomSnapshot:
        """Everything a late joiner needs, true at `seq`."""
        return RoomSnapshot(
            id=self.id,
            title=self.title,
            status=self.status,
            currency=self.currency,
            hosts=list(self.hosts),
            announcement=self.announcement,
            products=list(self.products.values()),
            sales=sorted(self.sales.values(), key=lambda sale: (sale.starts_at, sale.sale)),
            online=self.online,
            likes=self.likes,
            stream_url=self.stream_url,
            guests=self.guests,
            starts_at=self.starts_at,
        )

    def copy(self) -> RoomState:
        """An independent state; products and sales are shared, as nobody changes them in place."""
        return RoomState(
            **{
                **{name: getattr(self, name) for name in self.__slots__},
                "hosts": list(self.hosts),
                "products": dict(self.products),
                "sales": dict(self.sales),
            }
        )

    def documents(self) -> dict[str, bytes]:
        """The room as fields of one hash: `room`, `product:<sku>`, `sale:<id>`, all JSON."""
        room = RoomDocument(
            title=self.title,
            currency=self.currency,
            hosts=self.hosts,
            status=self.status,
            announcement=self.announcement,
            stream_url=self.stream_url,
            guests=self.guests,
            starts_at=self.starts_at,
            pinned=self.pinned,
            shelf=list(self.products),
            created_at=self.created_at,
        )
        documents = {"room": msgspec.json.encode(room)}
        for product in self.products.values():
            # Position and pin live in the room's document: a sort then rewrites one field, not all.
            shelved = replace(product, position=0, pinned=False)
            documents[f"product:{product.sku}"] = msgspec.json.encode(shelved)
        for sale in self.sales.values():
            documents[f"sale:{sale.sale}"] = msgspec.json.encode(sale)
        return documents

    @classmethod
    def from_documents(cls, id: str, *, epoch: str, seq: int, documents: Mapping[str, bytes]) -> RoomState:
        """The inverse of `documents`; raises msgspec.MsgspecError or KeyError on a damaged room."""
        room = _room_decoder.decode(documents["room"])
        state = cls(
            id=id,
            epoch=epoch,
            seq=seq,
            title=room.title,
            currency=room.currency,
            hosts=room.hosts,
            status=room.status,
            announcement=room.announcement,
            stream_url=room.stream_url,
            guests=room.guests,
            starts_at=room.starts_at,
            created_at=room.created_at,
            pinned=room.pinned,
            products={sku: _product_decoder.decode(documents[f"product:{sku}"]) for sku in room.shelf},
            sales={
                name.removeprefix("sale:"): _sale_decoder.decode(document)
                for name, document in sorted(documents.items())
                if name.startswith("sale:")
            },
        )
        state._arrange()
        return state


def final_phase(reason: str) -> SalePhase:
    """The phase a sale rests in, by the reason it ended for."""
    return SalePhase.CANCELLED if reason == "cancelled" else SalePhase.ENDED
