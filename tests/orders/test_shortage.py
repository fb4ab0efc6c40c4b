"""What is refused from memory, beside a plain model: never longer than two windows after it was true."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codes import ErrorCode
from server.orders.shortage import CLOCK_MARGIN_MS, SOLD_OUT, Shortages

WINDOW = 500
POOL = "p"


def test_a_refusal_is_repeated_then_one_order_asks_then_all_do() -> None:
    known = Shortages(WINDOW)
    known.sold_out(POOL, 1, asked=0, now=4)
    assert known.refusal(POOL, 2, 5) == SOLD_OUT
    assert known.refusal(POOL, 1, 5) is None, "one unit is there"
    assert known.refusal("other", 2, 5) is None
    assert known.refusal(POOL, 2, 499) == SOLD_OUT
    assert known.refusal(POOL, 2, 500) is None, "the probe"
    assert known.refusal(POOL, 2, 501) == SOLD_OUT
    assert known.refusal(POOL, 2, 999) == SOLD_OUT
    assert known.refusal(POOL, 2, 1_000) is None and known.refusal(POOL, 2, 1_001) is None


def test_the_probes_answer_renews_or_ends_it() -> None:
    known = Shortages(WINDOW)
    known.sold_out(POOL, 0, asked=0, now=1)
    assert known.refusal(POOL, 1, 600) is None
    known.sold_out(POOL, 0, asked=600, now=610)
    assert known.refusal(POOL, 1, 1_050) == SOLD_OUT
    assert known.refusal(POOL, 1, 1_100) is None
    known.news(POOL, 3, now=1_110)
    assert known.refusal(POOL, 1, 1_111) is None and not known


def test_a_stock_message_clears_at_once_and_for_good() -> None:
    known = Shortages(WINDOW)
    known.sold_out(POOL, 0, asked=10, now=12)
    known.news(POOL, 0, now=13)
    assert known.refusal(POOL, 1, 14) == SOLD_OUT
    known.news(POOL, 1, now=15)
    assert known.refusal(POOL, 1, 16) is None
    known.sold_out(POOL, 0, asked=14, now=17)
    assert known.refusal(POOL, 1, 18) is None, "that answer may be older than the message"
    known.sold_out(POOL, 0, asked=18, now=19)
    assert known.refusal(POOL, 1, 20) == SOLD_OUT


def test_of_two_answers_the_one_asked_for_later_stays() -> None:
    known = Shortages(WINDOW)
    known.sold_out(POOL, 0, asked=20, now=30)
    known.sold_out(POOL, 5, asked=10, now=31)
    assert known.refusal(POOL, 1, 32) == SOLD_OUT


def test_a_sale_is_not_open_until_just_before_its_start() -> None:
    known = Shortages(WINDOW)
    known.not_open(POOL, opens_in=300, asked=100, now=140)
    early = known.refusal(POOL, 1, 150)
    assert early is not None and (early.code, early.retry_after_ms) == (ErrorCode.NOT_OPEN, 251)
    last = 100 + 300 - CLOCK_MARGIN_MS
    assert known.refusal(POOL, 1, last - 1) is not None
    assert known.refusal(POOL, 1, last) is None


def test_a_start_far_away_is_asked_for_again() -> None:
    """A sale may be cancelled or replaced meanwhile."""
    known = Shortages(WINDOW)
    known.not_open(POOL, opens_in=60_000, asked=0, now=1)
    assert known.refusal(POOL, 1, 499) is not None
    assert known.refusal(POOL, 1, 500) is None
    assert known.refusal(POOL, 1, 1_000) is None


def test_switched_off() -> None:
    known = Shortages(0)
    known.sold_out(POOL, 0, asked=0, now=0)
    known.not_open(POOL, 1_000, asked=0, now=0)
    assert not known and known.refusal(POOL, 1, 0) is None


def test_its_memory_is_bounded() -> None:
    known = Shortages(WINDOW, pools=3)
    for number in range(3):
        known.sold_out(f"p{number}", 0, asked=number, now=number)
    assert len(known) == 3
    known.news(POOL, 1, now=9)
    for number in range(4):
        known.news(f"q{number}", 0, now=10)
    assert len(known) == 0
    known.sold_out(POOL, 0, asked=8, now=11)
    assert known.refusal(POOL, 1, 12) is None, "news of before may have been forgotten"


# ---- beside a model -------------------------------------------------------------------------


@dataclass
class Call:
    """A call under way: asked, perhaps run by the store, not answered yet."""

    asked: int
    quantity: int
    ran: tuple[int, bool] | None = None
    """Units after it, and whether it was held."""


@dataclass
class World:
    """One pool of the store, one gateway; the network delays and loses as the test says."""

    units: int = 0
    now: int = 0
    known: Shortages = field(default_factory=lambda: Shortages(WINDOW))
    calls: list[Call] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    levels: list[tuple[int, int]] = field(default_factory=lambda: [(-10_000, 0)])
    """(since when, units) of the store."""

    def set(self, units: int) -> None:
        self.units = units
        self.levels.append((self.now, units))
        self.messages.append(units)

    def least_since(self, then: int) -> int:
        """The fewest units the store had at any moment from `then` to now."""
        current = [units for since, units in self.levels if since <= then][-1]
        return min([current, *(units for since, units in self.levels if since >= then)])

    def order(self, quantity: int) -> None:
        refused = self.known.refusal(POOL, quantity, self.now) is not None
        if refused:
            assert self.least_since(self.now - 2 * WINDOW) < quantity, "refused what was there all the time"
        else:
            self.calls.append(Call(self.now, quantity))

    def run(self, which: int) -> None:
        waiting = [call for call in self.calls if call.ran is None]
        if waiting:
            call = waiting[which % len(waiting)]
            held = self.units >= call.quantity
            if held:
                self.set(self.units - call.quantity)
            call.ran = (self.units, held)

    def answer(self, which: int) -> None:
        done = [call for call in self.calls if call.ran is not None]
        if done:
            call = done[which % len(done)]
            self.calls.remove(call)
            assert call.ran is not None
            units, held = call.ran
            if held:
                self.known.news(POOL, units, self.now)
            else:
                self.known.sold_out(POOL, units, call.asked, self.now)

    def hear(self, lost: bool) -> None:
        if self.messages:
            units = self.messages.pop(0)
            if not lost:
                self.known.news(POOL, units, self.now)
                if units > 0 and not self.messages and not self.calls:
                    assert self.known.refusal(POOL, 1, self.now) is None, "what is heard counts at once"


steps = st.one_of(
    st.tuples(st.just("order"), st.integers(1, 3)),
    st.tuples(st.just("run"), st.integers(0, 3)),
    st.tuples(st.just("answer"), st.integers(0, 3)),
    st.tuples(st.just("return"), st.integers(1, 3)),
    st.tuples(st.just("hear"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 100, 499, 500, 1_000])),
)


@settings(max_examples=400)
@given(st.lists(steps, max_size=60))
def test_nobody_is_refused_what_was_there_for_two_windows(history: list[tuple[str, int]]) -> None:
    world = World()
    for what, number in history:
        match what:
            case "order":
                world.order(number)
            case "run":
                world.run(number)
            case "answer":
                world.answer(number)
            case "return":
                world.set(world.units + number)
            case "hear":
                world.hear(lost=bool(number))
            case "wait":
                world.now += number


@settings(max_examples=100)
@given(
    st.integers(0, 400),
    st.integers(1, 3_000),
    st.lists(st.integers(0, 400), min_size=1, max_size=30),
)
def test_nobody_is_refused_after_the_start(travel: int, opens_in: int, orders: list[int]) -> None:
    """`travel`: how long the question took to the store; its clock reads `opens_in` before the start then."""
    known = Shortages(WINDOW)
    known.not_open(POOL, opens_in, asked=0, now=travel + 5)
    now = travel + 5
    for wait in orders:
        now += wait
        refusal = known.refusal(POOL, 1, now)
        if refusal is not None:
            truly_left = travel + opens_in - now
            assert truly_left > 0
            assert refusal.retry_after_ms is not None and 0 < refusal.retry_after_ms <= truly_left + 1


def test_a_lost_message_costs_at_most_two_windows() -> None:
    world = World()
    world.order(1)
    world.run(0)
    world.answer(0)
    world.now = 1
    world.set(1)
    world.messages.clear()  # lost
    sold_at = None
    for now in range(2, 2_000, 7):
        world.now = now
        world.order(1)
        if world.calls:
            sold_at = now
            break
    assert sold_at is not None and sold_at <= WINDOW + 7
    # The probe's answer is lost too: then everybody asks.
    world.calls.clear()
    world.now = 2 * WINDOW
    world.order(1)
    assert world.calls


@pytest.mark.parametrize("units", [0, 1])
def test_a_message_older_than_the_refusal_only_costs_a_question(units: int) -> None:
    known = Shortages(WINDOW)
    known.sold_out(POOL, 0, asked=10, now=12)
    known.news(POOL, units, now=13)
    assert (known.refusal(POOL, 1, 14) is None) is bool(units)
