"""Who may be refused without asking: never somebody who may have an order, beside a plain model."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from server.orders.newcomers import Newcomers, Visit

GRACE = 1_000


def welcome(newcomers: Newcomers, now: float = 0, requests: int = 0) -> Visit:
    visit = newcomers.visit("r", "ann", now)
    visit.found(requests)
    return visit


def test_somebody_without_a_request_is_new_after_the_grace() -> None:
    visit = Newcomers(GRACE).visit("r", "ann", 0)
    assert not visit.is_new(GRACE), "their requests were not read"
    visit.found(0)
    assert not visit.is_new(GRACE - 1) and visit.is_new(GRACE)


def test_with_a_request_on_record_nobody_is_new() -> None:
    assert not welcome(Newcomers(GRACE), requests=1).is_new(GRACE)


def test_an_order_under_way_and_its_end() -> None:
    visit = welcome(Newcomers(GRACE))
    visit.flew()
    visit.flew()
    assert not visit.is_new(GRACE)
    visit.landed(recorded=False)
    assert not visit.is_new(GRACE), "another one is under way"
    visit.landed(recorded=False)
    assert visit.is_new(GRACE), "refused: nothing is on record"
    visit.flew()
    visit.landed(recorded=True)
    assert not visit.is_new(GRACE)


def test_who_buys_at_another_gateway_is_named_by_the_stock_message() -> None:
    newcomers = Newcomers(GRACE)
    visit = welcome(newcomers)
    newcomers.bought("other", ["ann"])
    newcomers.bought("r", ["bob"])
    assert visit.is_new(GRACE)
    newcomers.bought("r", ["bob", "ann"])
    assert not visit.is_new(GRACE)


def test_a_purchase_between_the_read_and_its_answer_counts() -> None:
    newcomers = Newcomers(GRACE)
    visit = newcomers.visit("r", "ann", 0)
    newcomers.bought("r", ["ann"])
    visit.found(0)
    assert not visit.is_new(GRACE)


def test_lost_messages_leave_nobody_new() -> None:
    newcomers = Newcomers(GRACE)
    here, there = welcome(newcomers), newcomers.visit("other", "ann", 0)
    there.found(0)
    newcomers.doubt("r")
    assert not here.is_new(GRACE) and there.is_new(GRACE)


def test_a_second_socket_comes_with_a_grace_of_its_own() -> None:
    newcomers = Newcomers(GRACE)
    first = welcome(newcomers)
    assert first.is_new(GRACE)
    second = welcome(newcomers, now=1_500)
    assert second is first
    assert not first.is_new(2_499) and first.is_new(2_500)


def test_with_the_last_socket_the_visit_is_gone() -> None:
    newcomers = Newcomers(GRACE)
    one = welcome(newcomers)
    two = welcome(newcomers)
    del one
    gc.collect()
    assert len(newcomers) == 1
    del two
    gc.collect()
    assert len(newcomers) == 0


# ---- beside a model -------------------------------------------------------------------------


@dataclass
class Flight:
    """An order under way: at this gateway, or at the other one, which loses it after `GRACE`."""

    here: bool
    since: int
    visit: Visit | None = None
    ran: bool = False
    held: bool = False


@dataclass
class Desk:
    """One buyer, two gateways; what the store has on record is the truth."""

    now: int = 0
    recorded: bool = False
    newcomers: Newcomers = field(default_factory=lambda: Newcomers(GRACE))
    visit: Visit | None = None
    flights: list[Flight] = field(default_factory=list)
    news: list[str] = field(default_factory=list)

    def check(self) -> None:
        if self.visit is None or not self.visit.is_new(self.now):
            return
        assert not self.recorded or self.news, "has an order, and every message about it was heard"
        assert not any(flight.here for flight in self.flights)

    def join(self) -> None:
        self.visit = self.newcomers.visit("r", "ann", self.now)
        self.visit.found(int(self.recorded))

    def order(self, here: bool) -> None:
        if here and self.visit is None:
            return
        if here and self.visit is not None:
            self.visit.flew()
        self.flights.append(Flight(here, self.now, self.visit if here else None))

    def run(self, held: bool) -> None:
        for flight in self.flights:
            if not flight.ran:
                flight.ran, flight.held = True, held
                if held:
                    self.recorded = True
                    self.news.append("ann")
                return

    def answer(self, lost: bool) -> None:
        for flight in [one for one in self.flights if one.ran]:
            self.flights.remove(flight)
            if flight.visit is not None:
                flight.visit.landed(recorded=lost or flight.held)
            return

    def hear(self) -> None:
        self.newcomers.bought("r", self.news)
        self.news.clear()

    def lose(self) -> None:
        """The bus fails: what was under way on it is gone, and this is known."""
        self.news.clear()
        self.newcomers.doubt("r")

    def wait(self, by: int) -> None:
        """Nothing stays under way elsewhere longer than the grace: it has run, or never will."""
        self.now += by
        self.flights = [one for one in self.flights if one.here or one.ran or self.now - one.since < GRACE]


steps = st.one_of(
    st.tuples(st.just("join"), st.just(0)),
    st.tuples(st.just("leave"), st.just(0)),
    st.tuples(st.just("order"), st.integers(0, 1)),
    st.tuples(st.just("run"), st.integers(0, 1)),
    st.tuples(st.just("answer"), st.integers(0, 1)),
    st.tuples(st.just("hear"), st.just(0)),
    st.tuples(st.just("lose"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 400, 999, 1_000])),
)


@settings(max_examples=400)
@given(st.lists(steps, max_size=50))
def test_nobody_with_an_order_is_new(history: list[tuple[str, int]]) -> None:
    desk = Desk()
    for what, number in history:
        match what:
            case "join":
                desk.join()
            case "leave":
                desk.visit = None
            case "order":
                desk.order(here=bool(number))
            case "run":
                desk.run(held=bool(number))
            case "answer":
                desk.answer(lost=bool(number))
            case "hear":
                desk.hear()
            case "lose":
                desk.lose()
            case "wait":
                desk.wait(number)
        desk.check()
