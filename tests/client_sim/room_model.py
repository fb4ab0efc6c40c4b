"""A room as a server would keep it, for tests of clients: a log, a snapshot, sockets that forget."""

from __future__ import annotations

from collections import deque

import msgspec
import orjson

from schemas.codecs import JSON
from schemas.codes import Role, RoomStatus, SalePhase
from schemas.events import (
    Danmaku,
    DanmakuRecalled,
    Event,
    Pong,
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
    Welcome,
)
from schemas.models import Product, RoomSnapshot, Sale, User

NOW = 1_790_000_000_000
ANN = User(id="u1", name="Ann", role=Role.VIEWER)


def batch(*events: Event) -> bytes:
    """A message as the server writes it."""
    return JSON.join([JSON.encode(event) for event in events])


def product(sku: str, **changes: object) -> Product:
    fields: dict[str, object] = {"sku": sku, "title": f"Title {sku}", "price": 100, "available": 10}
    return msgspec.convert(fields | changes, Product)


def sale(name: str, sku: str, **changes: object) -> Sale:
    fields: dict[str, object] = {
        "sale": name,
        "sku": sku,
        "price": 50,
        "starts_at": NOW + 1_000,
        "ends_at": NOW + 5_000,
        "phase": "scheduled",
        "available": 5,
    }
    return msgspec.convert(fields | changes, Sale)


def snapshot(**changes: object) -> RoomSnapshot:
    fields: dict[str, object] = {
        "id": "r1",
        "title": "Room",
        "status": "live",
        "currency": "CNY",
        "hosts": ["h"],
    }
    return msgspec.convert(fields | changes, RoomSnapshot)


def welcome(room: RoomSnapshot | None = None, **changes: object) -> Welcome:
    fields: dict[str, object] = {
        "session": "s",
        "user": {"id": "u1", "name": "Ann", "role": "viewer"},
        "epoch": "e1",
        "seq": 0,
        "server_time": NOW,
        "heartbeat_ms": 25_000,
    }
    if room is not None:
        fields["room"] = msgspec.to_builtins(room)
    return msgspec.convert(fields | changes, Welcome)


def chat(text: str, at: int = NOW) -> Danmaku:
    return Danmaku(message=f"m-{text}", user=ANN, text=text, at=at)


class RoomModel:
    """The truth about one room, and one viewer's socket to it.

    `append` logs an event; `deliver` hands out what the socket has in flight; `drop` loses it.
    """

    def __init__(self, keep: int = 1_000) -> None:
        self.keep = keep
        self.epoch = "e1"
        self.log: deque[tuple[int, SequencedEvent]] = deque(maxlen=keep)
        self.seq = 0
        self.status = RoomStatus.LIVE
        self.announcement: str | None = None
        self.products: dict[str, Product] = {}
        self.pinned: str | None = None
        self.sales: dict[str, Sale] = {}
        self.in_flight: deque[bytes] = deque()
        self.connected = False

    def append(self, event: SequencedEvent) -> None:
        self.seq += 1
        event.seq = self.seq
        self.log.append((self.seq, event))
        self._apply(event)
        if self.connected:
            self.in_flight.append(batch(event))

    def new_epoch(self) -> None:
        """The store came back without this log: same room, another history."""
        self.epoch = f"e{int(self.epoch[1:]) + 1}"
        self.seq = 3
        self.log.clear()

    def hello(self, message: bytes) -> bytes:
        """The first batch, as an answer to a client's hello."""
        said = orjson.loads(message)
        assert said["type"] == "hello"
        self.connected = True
        self.in_flight.clear()
        resume = said.get("resume")
        if resume is not None and resume["epoch"] == self.epoch and resume["seq"] <= self.seq:
            missed = [event for seq, event in self.log if seq > resume["seq"]]
            if len(missed) == self.seq - resume["seq"]:
                greeting = welcome(epoch=self.epoch, seq=self.seq, recovered=True)
                stock = RoomState(server_time=NOW, stock=self.stock())
                return batch(greeting, *missed, stock)
        return batch(welcome(self.snapshot(), epoch=self.epoch, seq=self.seq))

    def drop(self) -> None:
        self.connected = False
        self.in_flight.clear()

    def sell(self, sku: str, left: int) -> None:
        if sku in self.products:
            self.products[sku] = msgspec.structs.replace(self.products[sku], available=left)
            if self.connected:
                self.in_flight.append(batch(RoomState(server_time=NOW, stock={sku: left})))

    def stock(self) -> dict[str, int]:
        return {
            **{sku: p.available for sku, p in self.products.items()},
            **{name: s.available for name, s in self.sales.items()},
        }

    def snapshot(self) -> RoomSnapshot:
        shelf = [
            msgspec.structs.replace(p, position=index, pinned=p.sku == self.pinned)
            for index, p in enumerate(self.products.values())
        ]
        return RoomSnapshot(
            id="r1",
            title="Room",
            status=self.status,
            currency="CNY",
            hosts=["h"],
            announcement=self.announcement,
            products=shelf,
            sales=list(self.sales.values()),
        )

    def pong(self, command: dict[str, int]) -> bytes:
        return batch(Pong(id=command["id"], client_time=command["client_time"], server_time=NOW))

    def _apply(self, event: SequencedEvent) -> None:
        match event:
            case RoomUpdated():
                self.status = event.status or self.status
                if event.announcement is not None:
                    self.announcement = event.announcement or None
            case ProductMounted(product=mounted):
                self.products[mounted.sku] = mounted
            case ProductUpdated(product=updated):
                self.products[updated.sku] = updated
            case ProductPinned(sku=sku):
                self.pinned = sku
            case ProductUnmounted(sku=sku):
                del self.products[sku]
                self.pinned = None if self.pinned == sku else self.pinned
            case ProductSorted(skus=skus):
                self.products = {sku: self.products[sku] for sku in skus}
            case SaleScheduled(sale=scheduled):
                self.sales[scheduled.sale] = scheduled
            case SaleStarted(sale=name):
                self.sales[name] = msgspec.structs.replace(self.sales[name], phase=SalePhase.OPEN)
            case SaleSoldOut(sale=name):
                self.sales[name] = msgspec.structs.replace(
                    self.sales[name], phase=SalePhase.SOLD_OUT, available=0
                )
            case SaleEnded(sale=name):
                self.sales[name] = msgspec.structs.replace(
                    self.sales[name], phase=SalePhase.ENDED, available=0
                )
            case DanmakuRecalled():
                pass
