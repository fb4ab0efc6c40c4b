"""A room under any sequence of commands and clock edges, beside a model that is too simple to be wrong."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import UNSET

from schemas.codes import ErrorCode, RoomStatus, SalePhase
from schemas.commands import (
    DanmakuRecall,
    ProductMount,
    ProductPin,
    ProductSort,
    ProductUnmount,
    ProductUnpin,
    ProductUpdate,
    RoomAnnounce,
    RoomCommand,
    RoomEnd,
    RoomPause,
    RoomStart,
    SaleCancel,
    SaleSchedule,
)
from schemas.events import SequencedEvent
from schemas.models import Product, ProductInput, Sale
from server.rooms.decide import Facts, Refused, decide
from server.rooms.log import encode_event
from server.rooms.sales import due_events
from server.rooms.state import ACTIVE, RoomState

NOW = 1_790_000_000_000
SKUS = st.sampled_from(["a", "b", "c", "d"])
MONEY = st.integers(0, 10**12)
LIMIT = st.none() | st.integers(1, 10_000)
TEXT = st.text(min_size=1, max_size=20)
_event = msgspec.json.Decoder(SequencedEvent)


def fresh() -> RoomState:
    return RoomState(id="r", epoch="e", title="直播间", currency="CNY", hosts=["h"], created_at=NOW)


class Room(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state = fresh()
        self.history: list[SequencedEvent] = []
        # The model.
        self.status = RoomStatus.SCHEDULED
        self.shelf: list[str] = []
        self.titles: dict[str, str] = {}
        self.pinned: str | None = None
        self.announcement: str | None = None
        self.sales: dict[str, str] = {}
        self.ended: list[str] = []
        self.phases: dict[str, list[SalePhase]] = {}

    def commit(self, events: list[SequencedEvent]) -> None:
        for event in events:
            self.history.append(event)
            assert self.state.apply(self.state.seq + 1, event)
            for sale in self.state.sales.values():
                seen = self.phases.setdefault(sale.sale, [])
                if not seen or seen[-1] is not sale.phase:
                    seen.append(sale.phase)

    def send(self, command: RoomCommand, refused: ErrorCode | None = None) -> None:
        before = self.state.documents()
        try:
            events = decide(
                self.state, command, actor="h", now=NOW, facts=Facts(sale=f"s{len(self.history):04d}")
            )
        except Refused as error:
            assert error.code is refused, error
        else:
            assert refused is None, events
            assert self.state.documents() == before, "a decision changes nothing"
            self.commit(events)

    def unless(self, sku: str, code: ErrorCode | None = None) -> ErrorCode | None:
        """What a command about `sku` is refused with: unknown first, then `code`."""
        return ErrorCode.NOT_FOUND if sku not in self.shelf else code

    @rule(command=st.sampled_from([RoomStart(), RoomPause(), RoomEnd()]))
    def change_status(self, command: RoomCommand) -> None:
        target, sources = {
            RoomStart: (RoomStatus.LIVE, {RoomStatus.SCHEDULED, RoomStatus.PAUSED}),
            RoomPause: (RoomStatus.PAUSED, {RoomStatus.LIVE}),
            RoomEnd: (RoomStatus.ENDED, set(RoomStatus) - {RoomStatus.ENDED}),
        }[type(command)]
        allowed = self.status in sources
        self.send(command, None if allowed else ErrorCode.CONFLICT)
        if allowed:
            self.status = target
            if target is RoomStatus.ENDED:
                self.ended += list(self.sales)
                self.sales.clear()

    @rule(
        sku=SKUS, title=TEXT, price=MONEY, list_price=st.none() | MONEY, limit=LIMIT, stock=st.integers(0, 9)
    )
    def mount(
        self, sku: str, title: str, price: int, list_price: int | None, limit: int | None, stock: int
    ) -> None:
        product = ProductInput(
            sku=sku, title=title, price=price, list_price=list_price, per_user_limit=limit, stock=stock
        )
        allowed = sku not in self.shelf and self.status is not RoomStatus.ENDED
        self.send(ProductMount(product=product), None if allowed else ErrorCode.CONFLICT)
        if allowed:
            self.shelf.append(sku)
            self.titles[sku] = title
            assert self.state.products[sku].available == stock

    @rule(sku=SKUS, title=TEXT | st.just(UNSET), price=MONEY | st.just(UNSET), limit=LIMIT | st.just(UNSET))
    def update(
        self,
        sku: str,
        title: str | msgspec.UnsetType,
        price: int | msgspec.UnsetType,
        limit: int | msgspec.UnsetType | None,
    ) -> None:
        was = self.state.products.get(sku)
        nothing = title is UNSET and price is UNSET and limit is UNSET
        self.send(
            ProductUpdate(sku=sku, title=title, price=price, per_user_limit=limit),
            self.unless(sku, ErrorCode.INVALID if nothing else None),
        )
        if was is not None:
            now = self.state.products[sku]
            assert now.title == (was.title if title is UNSET else title)
            assert now.price == (was.price if price is UNSET else price)
            assert now.per_user_limit == (was.per_user_limit if limit is UNSET else limit)
            assert (now.image, now.list_price, now.available) == (was.image, was.list_price, was.available)
            self.titles[sku] = now.title

    @rule(sku=SKUS)
    def pin(self, sku: str) -> None:
        ended = self.status is RoomStatus.ENDED
        self.send(ProductPin(sku=sku), ErrorCode.CONFLICT if ended else self.unless(sku))
        if sku in self.shelf and not ended:
            self.pinned = sku

    @rule(sku=st.none() | SKUS)
    def unpin(self, sku: str | None) -> None:
        refused = None if self.pinned is not None and sku in (None, self.pinned) else ErrorCode.CONFLICT
        self.send(ProductUnpin(sku=sku), refused if sku is None else self.unless(sku, refused))
        if refused is None:
            self.pinned = None

    @rule(sku=SKUS)
    def unmount(self, sku: str) -> None:
        on_sale = sku in self.sales.values()
        self.send(ProductUnmount(sku=sku), self.unless(sku, ErrorCode.CONFLICT if on_sale else None))
        if sku in self.shelf and not on_sale:
            self.shelf.remove(sku)
            if self.pinned == sku:
                self.pinned = None

    @rule(data=st.data())
    def sort(self, data: st.DataObject) -> None:
        order = data.draw(st.permutations(self.shelf))
        self.send(ProductSort(skus=order))
        self.shelf = list(order)

    @rule(skus=st.lists(SKUS, max_size=5))
    def sort_by_anything(self, skus: list[str]) -> None:
        if set(skus) - set(self.shelf):
            self.send(ProductSort(skus=skus), ErrorCode.NOT_FOUND)
        elif sorted(skus) != sorted(self.shelf):
            self.send(ProductSort(skus=skus), ErrorCode.INVALID)
        else:
            self.send(ProductSort(skus=skus))
            self.shelf = list(skus)

    @rule(sku=SKUS, starts_in_ms=st.integers(0, 10_000), duration_ms=st.integers(1, 10_000))
    def schedule(self, sku: str, starts_in_ms: int, duration_ms: int) -> None:
        ended = self.status is RoomStatus.ENDED
        known = set(self.state.sales)
        self.send(
            SaleSchedule(sku=sku, price=1, stock=1, starts_in_ms=starts_in_ms, duration_ms=duration_ms),
            ErrorCode.CONFLICT if ended else self.unless(sku),
        )
        for sale in set(self.state.sales) - known:
            self.sales[sale] = sku
            assert self.state.sales[sale].ends_at == NOW + starts_in_ms + duration_ms

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        sale = data.draw(st.sampled_from(["unknown", *self.sales, *self.ended[-8:]]))
        refused = None
        if sale not in self.sales:
            refused = ErrorCode.CONFLICT if sale in self.state.sales else ErrorCode.NOT_FOUND
        self.send(SaleCancel(sale=sale), refused)
        if refused is None:
            del self.sales[sale]
            self.ended.append(sale)
            assert self.state.sales[sale].phase is SalePhase.CANCELLED

    @rule(what=st.sampled_from(["start", "sold_out", "end"]), data=st.data())
    def clock(self, what: str, data: st.DataObject) -> None:
        for id in data.draw(st.sets(st.sampled_from(["", *self.state.sales]), max_size=2)):
            if id:
                self.commit(due_events(self.state.sales[id], what))
                assert due_events(self.state.sales[id], what) == [], "once"
                if what == "end" and id in self.sales:
                    del self.sales[id]
                    self.ended.append(id)

    @rule(text=st.text(max_size=20))
    def announce(self, text: str) -> None:
        self.send(RoomAnnounce(text=text))
        self.announcement = text or None

    @rule()
    def recall(self) -> None:
        self.send(DanmakuRecall(message="m"))

    @invariant()
    def the_snapshot_is_the_model(self) -> None:
        snapshot = self.state.snapshot()
        assert snapshot.status is self.status
        assert snapshot.announcement == self.announcement
        assert [(p.sku, p.title, p.position) for p in snapshot.products] == [
            (sku, self.titles[sku], position) for position, sku in enumerate(self.shelf)
        ]
        assert [p.sku for p in snapshot.products if p.pinned] == ([self.pinned] if self.pinned else [])
        assert {s.sale: s.sku for s in snapshot.sales if s.phase in ACTIVE} == self.sales
        assert self.state.seq == len(self.history)

    @invariant()
    def documents_bring_the_room_back(self) -> None:
        again = RoomState.from_documents("r", epoch="e", seq=self.state.seq, documents=self.state.documents())
        assert again == self.state
        assert list(again.products) == list(self.state.products)

    def teardown(self) -> None:
        """Whoever reads the log from its beginning stands where we stand; every phase came once, in order."""
        other = fresh()
        for seq, event in enumerate(self.history, start=1):
            other.apply(seq, _event.decode(encode_event(event)))
        assert other == self.state
        for seen in self.phases.values():
            life = [
                SalePhase.SCHEDULED,
                SalePhase.OPEN,
                SalePhase.SOLD_OUT,
                SalePhase.ENDED,
                SalePhase.CANCELLED,
            ]
            assert seen == sorted(set(seen), key=life.index)
            assert not {SalePhase.ENDED, SalePhase.CANCELLED} <= set(seen)


TestRoom = Room.TestCase
TestRoom.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(
    products=st.lists(
        st.builds(
            Product,
            sku=st.text(min_size=1, max_size=10),
            title=TEXT,
            price=MONEY,
            image=st.none() | TEXT,
            list_price=st.none() | MONEY,
            per_user_limit=LIMIT,
            available=st.integers(0, 10**9),
        ),
        unique_by=lambda product: product.sku,
        max_size=6,
    ),
    sales=st.lists(
        st.builds(
            Sale,
            sale=st.text(min_size=1, max_size=10),
            sku=TEXT,
            price=MONEY,
            starts_at=st.integers(0, 2**53 - 1),
            ends_at=st.integers(0, 2**53 - 1),
            phase=st.sampled_from(SalePhase),
            available=st.integers(0, 10**9),
        ),
        unique_by=lambda sale: sale.sale,
        max_size=6,
    ),
    hosts=st.lists(TEXT),
    status=st.sampled_from(RoomStatus),
    seq=st.integers(0, 2**53 - 1),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_any_room_survives_its_documents(
    products: list[Product],
    sales: list[Sale],
    hosts: list[str],
    status: RoomStatus,
    seq: int,
    data: st.DataObject,
) -> None:
    state = RoomState(
        id="r",
        epoch="e",
        seq=seq,
        title="t",
        currency="CNY",
        hosts=hosts,
        status=status,
        pinned=data.draw(st.none() | st.sampled_from([p.sku for p in products]) if products else st.none()),
        products={product.sku: product for product in products},
        sales={sale.sale: sale for sale in sales},
    )
    again = RoomState.from_documents("r", epoch="e", seq=seq, documents=state.documents())
    assert [msgspec.structs.replace(p, position=0, pinned=False) for p in again.products.values()] == products
    assert [product.position for product in again.products.values()] == list(range(len(products)))
    assert {product.sku for product in again.products.values() if product.pinned} == (
        {state.pinned} if state.pinned is not None else set()
    )
    assert again.sales == state.sales
    assert (again.hosts, again.status, again.seq, again.pinned) == (hosts, status, seq, state.pinned)
