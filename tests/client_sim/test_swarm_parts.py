"""What a swarm decides and counts, without sockets."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from client_sim.address import Address
from client_sim.agreement import compare, countdown_skew
from client_sim.histogram import Histogram
from client_sim.notices import Fault, Lost, OrderSettled, Violation
from client_sim.session import ClientSession
from client_sim.tally import KEPT_DETAILS, KEPT_REASONS, Tally
from client_sim.wire import decode_json
from schemas.codes import ErrorCode
from schemas.commands import OrderPlace
from schemas.events import RoomState, RoomUpdated
from tests.client_sim.room_model import NOW, batch, chat, snapshot, welcome
from tests.client_sim.test_orders import order


def standing(seq: int = 4, stock: int = 10, title: str = "A") -> ClientSession:
    session = ClientSession()
    session.opened(0.0)
    room = snapshot(products=[{"sku": "a", "title": title, "price": 1, "available": stock}])
    session.received(batch(welcome(room, seq=seq)), 1.0)
    return session


def test_viewers_who_hold_the_same_agree() -> None:
    agreement = compare([standing() for _ in range(5)])
    assert agreement.agreed
    assert agreement.positions == Counter({("e1", 4): 5})
    assert agreement.document()["digests"][0]["viewers"] == 5


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (standing(seq=5), "2 places of the log"),
        (standing(title="B"), "1 different shelves"),
        (standing(stock=9), "2 different stocks"),
    ],
)
def test_one_viewer_who_holds_something_else_is_named(other: ClientSession, said: str) -> None:
    agreement = compare([standing(), standing(), other])
    assert not agreement.agreed
    assert any(said in problem for problem in agreement.problems)


def test_viewers_agree_again_after_the_same_events() -> None:
    one, other = standing(seq=4), standing(seq=5)
    one.received(batch(RoomUpdated(seq=5, announcement="x")), 2.0)
    assert not compare([one, other]).agreed
    other.received(batch(RoomUpdated(seq=6, announcement="x"), RoomState(server_time=NOW)), 2.0)
    one.received(batch(RoomUpdated(seq=6)), 2.0)
    assert compare([one, other]).agreed


def test_skew_is_how_far_apart_two_viewers_see_zero() -> None:
    found = Histogram()
    countdown_skew([1_000.0, 1_000.0, 1_040.0], found, random.Random(1))
    assert found.highest == 40.0
    assert found.lowest == 0.0
    countdown_skew([5.0], alone := Histogram(), random.Random(1))
    assert alone.count == 0


def test_a_batch_is_summed_up_for_all_who_got_it() -> None:
    tally = Tally()
    shared = decode_json(batch(chat("a", at=NOW), chat("b", at=NOW - 20)))
    shared.arrivals.update({NOW + 10: 3, NOW + 30: 1})
    tally.delivered(shared)
    summary = tally.delivery_ms.summary()
    assert summary["count"] == 8
    assert summary["mean"] == pytest.approx((3 * 10 + 3 * 30 + 30 + 50) / 8)
    assert summary["max"] == 50


def outcome(request: str, name: str | None, code: ErrorCode | None = None) -> OrderSettled:
    return OrderSettled(
        request=OrderPlace(request_id=request, sale="s1"),
        code=code,
        message="",
        order=order(name, request) if name else None,
        replayed=False,
        asked_again=False,
        after_ms=5.0,
    )


def test_orders_are_counted_by_outcome_and_units_by_sale() -> None:
    tally = Tally()
    tally.settled("u1", outcome("r1", "o1"))
    tally.settled("u2", outcome("r2", None, ErrorCode.SOLD_OUT))
    assert tally.orders == {"accepted": 1, "sold_out": 1}
    assert tally.units == {"s1": 1}
    assert tally.order_ms.count == 2
    assert not tally.violations


def test_one_order_told_to_two_buyers_is_a_violation() -> None:
    tally = Tally()
    tally.settled("u1", outcome("r1", "o1"))
    tally.settled("u1", outcome("r1", "o1"))
    assert not tally.violations
    tally.settled("u2", outcome("r2", "o1"))
    assert tally.violations == {"order_told_twice": 1}
    assert tally.units == {"s1": 1}


def test_all_violations_are_counted_and_some_are_spelled_out() -> None:
    tally = Tally()
    for index in range(KEPT_DETAILS + 5):
        tally.violated("u1", Violation(Fault.GAP, str(index)))
    assert tally.violations == {"gap": KEPT_DETAILS + 5}
    assert len(tally.details) == KEPT_DETAILS


def test_lost_sockets_are_counted_by_code_or_reason_in_bounds() -> None:
    tally = Tally()
    tally.lost(Lost(4001, "slow", 0.0))
    for index in range(KEPT_REASONS + 10):
        tally.lost(Lost(None, f"reason {index}", 0.0))
    tally.lost(Lost(4001, "slow", 0.0))
    assert tally.closes["4001"] == 2
    assert tally.closes["lost: other"] == 11
    assert len(tally.closes) == KEPT_REASONS + 1


@pytest.mark.parametrize(
    ("url", "live", "http"),
    [
        ("ws://127.0.0.1:8460", "ws://127.0.0.1:8460/ws/live/r1", "http://127.0.0.1:8460"),
        ("https://shop.test/", "wss://shop.test:443/ws/live/r1", "https://shop.test:443"),
        ("http://[::1]:9/shop/", "ws://[::1]:9/shop/ws/live/r1", "http://[::1]:9/shop"),
    ],
)
def test_an_address_says_where_everything_is(url: str, live: str, http: str) -> None:
    address = Address.parse(url)
    assert (address.live("r1"), address.http) == (live, http)
    assert address.control("a b").endswith("/ws/control/a%20b")


@pytest.mark.parametrize("url", ["", "ftp://x", "127.0.0.1:80", "ws://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected ws://"):
        Address.parse(url)
