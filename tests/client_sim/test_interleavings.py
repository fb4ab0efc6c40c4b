"""Whatever the network does, a viewer ends with the room a viewer with a perfect line has."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from client_sim.notices import Fault, Violation
from client_sim.replica import RoomReplica
from client_sim.session import ClientSession, Phase
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
)
from tests.client_sim.room_model import RoomModel, product, sale

SKUS = ("a", "b", "c", "d")


class Line(RuleBasedStateMachine):
    """One viewer on a line that loses, repeats and cuts; the store sometimes loses its log."""

    def __init__(self) -> None:
        super().__init__()
        self.room = RoomModel(keep=6)
        self.session = ClientSession(random_source=random.Random(0))
        self.now = 0.0
        self.sales = 0
        self.repeated = 0
        self.swapped = 0
        self.delivered: list[bytes] = []
        self.violations: list[Violation] = []

    @initialize()
    def come(self) -> None:
        self.connect()

    # ---- the room ---------------------------------------------------------------------------

    @rule(status=st.sampled_from(RoomStatus), text=st.sampled_from([None, "", "hi", "yo"]))
    def update_room(self, status: RoomStatus, text: str | None) -> None:
        self.room.append(RoomUpdated(status=status, announcement=text))

    @rule(sku=st.sampled_from(SKUS), price=st.integers(1, 9))
    def mount_or_change(self, sku: str, price: int) -> None:
        if sku in self.room.products:
            left = self.room.products[sku].available
            self.room.append(ProductUpdated(product=product(sku, price=price, available=left)))
        else:
            place = len(self.room.products)
            self.room.append(ProductMounted(product=product(sku, price=price, position=place)))

    @rule(data=st.data())
    def pin_sort_or_unmount(self, data: st.DataObject) -> None:
        if not self.room.products:
            return
        sku = data.draw(st.sampled_from(sorted(self.room.products)))
        what = data.draw(st.sampled_from(["pin", "unpin", "sort", "unmount", "recall"]))
        match what:
            case "pin":
                self.room.append(ProductPinned(sku=sku))
            case "unpin":
                self.room.append(ProductPinned(sku=None))
            case "sort":
                order = data.draw(st.permutations(sorted(self.room.products)))
                self.room.append(ProductSorted(skus=list(order)))
            case "unmount":
                self.room.append(ProductUnmounted(sku=sku))
            case _:
                self.room.append(DanmakuRecalled(message="m1"))

    @precondition(lambda self: self.room.products)
    @rule(data=st.data())
    def sell(self, data: st.DataObject) -> None:
        sku = data.draw(st.sampled_from(sorted(self.room.products)))
        self.room.sell(sku, data.draw(st.integers(0, 9)))

    @precondition(lambda self: self.room.products)
    @rule(data=st.data())
    def schedule(self, data: st.DataObject) -> None:
        self.sales += 1
        sku = data.draw(st.sampled_from(sorted(self.room.products)))
        self.room.append(SaleScheduled(sale=sale(f"s{self.sales}", sku)))

    @rule(data=st.data())
    def move_a_sale_on(self, data: st.DataObject) -> None:
        for name, known in self.room.sales.items():
            if known.phase is SalePhase.SCHEDULED:
                self.room.append(SaleStarted(sale=name))
            elif known.phase is SalePhase.OPEN and data.draw(st.booleans()):
                self.room.append(SaleSoldOut(sale=name))
            elif known.phase in (SalePhase.OPEN, SalePhase.SOLD_OUT):
                self.room.append(SaleEnded(sale=name, reason="time"))
            else:
                continue
            return

    # ---- the line ---------------------------------------------------------------------------

    @rule()
    def deliver(self) -> None:
        if self.room.in_flight and self.session.phase is Phase.LIVE:
            message = self.room.in_flight.popleft()
            self.hear(message)
            self.keep(message)

    @rule()
    def deliver_twice(self) -> None:
        """A broken server: the same message again."""
        if self.room.in_flight and self.session.phase is Phase.LIVE:
            message = self.room.in_flight.popleft()
            self.repeated += b'"seq":' in message
            self.hear(message)
            self.keep(message)
            if self.session.phase is Phase.LIVE:
                self.hear(message)

    @precondition(lambda self: self.delivered and self.session.phase is Phase.LIVE)
    @rule(data=st.data())
    def deliver_an_old_one_again(self, data: st.DataObject) -> None:
        self.repeated += 1
        self.hear(data.draw(st.sampled_from(self.delivered)))

    @rule()
    def deliver_in_the_wrong_order(self) -> None:
        """Another broken server: two messages change places. The viewer gives this socket up."""
        flight = self.room.in_flight
        sequenced = [index for index, message in enumerate(flight) if b'"seq":' in message]
        if len(sequenced) >= 2 and self.session.phase is Phase.LIVE:
            one, other = sequenced[0], sequenced[1]
            flight[one], flight[other] = flight[other], flight[one]
            self.swapped += 1

    @rule()
    def cut(self) -> None:
        if self.session.phase is not Phase.WAITING:
            self.room.drop()
            self.session.lost(None, "cut", self.now)

    @rule()
    def cut_and_come_back(self) -> None:
        self.cut()
        self.connect()

    @rule()
    def lose_the_log(self) -> None:
        self.cut()
        self.room.new_epoch()
        self.delivered.clear()

    # ---- what must hold ---------------------------------------------------------------------

    @invariant()
    def the_viewer_is_never_ahead(self) -> None:
        if self.session.epoch == self.room.epoch:
            assert self.session.seq <= self.room.seq

    def teardown(self) -> None:
        if self.session.phase is not Phase.LIVE:
            self.connect()
        while self.room.in_flight:
            self.hear(self.room.in_flight.popleft())
        perfect = RoomReplica()
        perfect.load(self.room.snapshot())
        assert (self.session.epoch, self.session.seq) == (self.room.epoch, self.room.seq)
        assert self.session.replica.digest() == perfect.digest()
        assert self.session.replica.stock() == perfect.stock()
        faults = {violation.fault for violation in self.violations}
        if not self.repeated and not self.swapped:
            assert faults == set()
        if self.repeated and not self.swapped:
            assert faults == {Fault.DUPLICATE}
        assert not faults & {Fault.PARTIAL_RECOVERY, Fault.WENT_BACK, Fault.BEFORE_WELCOME, Fault.MALFORMED}

    # ---- inside -----------------------------------------------------------------------------

    def connect(self) -> None:
        if self.session.phase is not Phase.WAITING:
            return
        self.now = max(self.now, self.session.retry_at)
        self.session.opened(self.now)
        (hello,) = self.session.take()
        self.hear(self.room.hello(hello))

    def keep(self, message: bytes) -> None:
        """Remember a sequenced message that was applied."""
        if b'"seq":' in message and not self.swapped:
            self.delivered.append(message)

    def hear(self, message: bytes) -> None:
        self.now += 1
        notices = self.session.received(message, self.now)
        self.violations += [notice for notice in notices if isinstance(notice, Violation)]
        self.session.take()
        if self.session.wants_close is not None:
            self.room.drop()
            self.session.lost(1000, "gap", self.now)
            self.connect()


TestLine = Line.TestCase
TestLine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
