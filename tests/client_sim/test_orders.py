from __future__ import annotations

from typing import Any

import msgspec
import pytest

from client_sim.notices import Notice, OrderChanged, OrderSettled
from client_sim.orders import (
    ASK_AGAIN_MS,
    KEPT_ORDERS,
    MAX_PENDING,
    MAX_TRIES,
    REPLY_TIMEOUT_MS,
    TooManyPending,
)
from schemas.codes import ErrorCode
from schemas.commands import OrderPlace
from schemas.events import Error, OrderAccepted, OrderUpdated
from schemas.models import Order
from tests.client_sim.driving import Bench
from tests.client_sim.room_model import NOW


def order(name: str = "o1", request: str = "r1", **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "order": name,
        "request_id": request,
        "sku": "a",
        "sale": "s1",
        "quantity": 1,
        "amount": 50,
        "currency": "CNY",
        "status": "reserved",
        "version": 1,
        "reserved_at": NOW,
        "expires_at": NOW + 60_000,
    }
    return msgspec.convert(fields | changes, Order)


def settled(notices: list[Notice]) -> list[OrderSettled]:
    return [notice for notice in notices if isinstance(notice, OrderSettled)]


def buying() -> tuple[Bench, dict[str, Any]]:
    """A live session with one order placed; the command it sent."""
    bench = Bench()
    bench.join()
    bench.session.place(OrderPlace(request_id="r1", sale="s1"), bench.now)
    (placed,) = bench.sent_of("order.place")
    return bench, placed


def test_an_accepted_order_settles_once() -> None:
    bench, placed = buying()
    bench.now += 9
    (outcome,) = settled(bench.hear(OrderAccepted(id=placed["id"], order=order())))
    assert (outcome.code, outcome.order, outcome.replayed, outcome.asked_again) == (
        None,
        order(),
        False,
        False,
    )
    assert outcome.after_ms == 9
    assert bench.session.book.pending == {}
    assert bench.session.book.orders == {"o1": order()}


@pytest.mark.parametrize("code", [ErrorCode.SOLD_OUT, ErrorCode.LIMIT_EXCEEDED, ErrorCode.RATE_LIMITED])
def test_a_refused_order_settles_with_the_code(code: ErrorCode) -> None:
    bench, placed = buying()
    (outcome,) = settled(bench.hear(Error(id=placed["id"], code=code, message="no", retry_after_ms=70)))
    assert (outcome.code, outcome.order, outcome.retry_after_ms) == (code, None, 70)
    assert bench.session.book.pending == {}


def test_a_lost_reply_is_asked_for_after_coming_back_and_not_placed_again() -> None:
    bench, _ = buying()
    assert settled(bench.lose()) == []
    bench.join()
    sent = bench.sent()
    assert [command for command in sent if command["type"] == "order.place"] == []
    (asked,) = [command for command in sent if command["type"] == "order.get"]
    assert asked["request_id"] == "r1"
    (outcome,) = settled(bench.hear(OrderAccepted(id=asked["id"], order=order(), replayed=True)))
    assert (outcome.code, outcome.asked_again, outcome.replayed) == (None, True, True)


def test_an_order_the_server_never_got_is_placed_again_under_the_same_id() -> None:
    bench, _ = buying()
    bench.lose()
    bench.join()
    (asked,) = bench.sent_of("order.get")
    bench.hear(Error(id=asked["id"], code=ErrorCode.NOT_FOUND, message="never heard of it"))
    (placed,) = bench.sent_of("order.place")
    assert placed["request_id"] == "r1"
    (outcome,) = settled(bench.hear(Error(id=placed["id"], code=ErrorCode.SOLD_OUT, message="gone")))
    assert (outcome.code, outcome.asked_again) == (ErrorCode.SOLD_OUT, True)


def test_the_welcome_itself_may_answer() -> None:
    bench, _ = buying()
    bench.lose()
    (outcome,) = settled(bench.join(orders=[msgspec.to_builtins(order())]))
    assert outcome.order == order()
    assert bench.sent_of("order.get") == []


def test_an_unknown_outcome_is_asked_about_later_until_it_is_known() -> None:
    bench, placed = buying()
    bench.hear(Error(id=placed["id"], code=ErrorCode.UNKNOWN_OUTCOME, message="?", retry_after_ms=500))
    assert bench.session.deadline() <= bench.now + 500
    bench.tick(499)
    assert bench.sent_of("order.get") == []
    bench.tick(1)
    (asked,) = bench.sent_of("order.get")
    bench.hear(Error(id=asked["id"], code=ErrorCode.UNAVAILABLE, message="store is down"))
    bench.tick(ASK_AGAIN_MS * 3)
    (again,) = bench.sent_of("order.get")
    (outcome,) = settled(bench.hear(OrderAccepted(id=again["id"], order=order())))
    assert (outcome.code, outcome.asked_again) == (None, True)


def test_a_reply_that_does_not_come_is_asked_for() -> None:
    bench, _ = buying()
    bench.tick(REPLY_TIMEOUT_MS - 1)
    assert bench.sent_of("order.get") == []
    bench.tick(1)
    assert [command["request_id"] for command in bench.sent_of("order.get")] == ["r1"]


def test_asking_ends_some_time() -> None:
    bench, placed = buying()
    outcomes = settled(bench.hear(Error(id=placed["id"], code=ErrorCode.UNKNOWN_OUTCOME, message="?")))
    asked = 0
    while not outcomes:
        bench.tick(6_000)
        (command,) = bench.sent_of("order.get")
        asked += 1
        assert asked <= MAX_TRIES
        outcomes = settled(bench.hear(Error(id=command["id"], code=ErrorCode.UNKNOWN_OUTCOME, message="?")))
    assert outcomes[0].code is ErrorCode.UNKNOWN_OUTCOME
    assert asked == MAX_TRIES


def test_an_order_placed_while_away_is_placed_on_coming_back() -> None:
    bench = Bench()
    bench.session.place(OrderPlace(request_id="r1", sale="s1"), bench.now)
    assert bench.sent() == []
    bench.join()
    assert [command["request_id"] for command in bench.sent_of("order.place")] == ["r1"]


def test_a_failed_payment_leaves_the_hold_in_the_answer() -> None:
    bench, placed = buying()
    bench.hear(OrderUpdated(order=order()))
    refusal = Error(id=placed["id"], code=ErrorCode.PAYMENT_FAILED, message="declined", order="o1")
    (outcome,) = settled(bench.hear(refusal))
    assert (outcome.code, outcome.order) == (ErrorCode.PAYMENT_FAILED, order())


def test_updates_move_an_order_on_and_old_ones_do_not_move_it_back() -> None:
    bench, placed = buying()
    bench.hear(OrderAccepted(id=placed["id"], order=order()))
    paid = order(status="paid", version=2)
    assert bench.hear(OrderUpdated(order=paid)) == [OrderChanged(paid)]
    assert bench.hear(OrderUpdated(order=order())) == []
    assert bench.session.book.orders["o1"] == paid


def test_an_unfinished_order_the_welcome_does_not_list_is_asked_about() -> None:
    bench, placed = buying()
    bench.hear(OrderAccepted(id=placed["id"], order=order()))
    bench.lose()
    bench.join(orders=[])
    (asked,) = bench.sent_of("order.get")
    assert asked["order"] == "o1"
    expired = order(status="expired", version=2)
    notices = bench.hear(OrderAccepted(id=asked["id"], order=expired))
    assert OrderChanged(expired) in notices
    assert bench.session.book.orders["o1"].version == 2


def test_a_finished_order_is_not_asked_about() -> None:
    bench, placed = buying()
    bench.hear(OrderAccepted(id=placed["id"], order=order(status="expired")))
    bench.lose()
    bench.join(orders=[])
    assert bench.sent_of("order.get") == []


def test_one_request_waits_once_and_not_too_many_wait() -> None:
    bench, _ = buying()
    with pytest.raises(ValueError, match="r1"):
        bench.session.place(OrderPlace(request_id="r1", sale="s1"), bench.now)
    for index in range(MAX_PENDING - 1):
        bench.session.place(OrderPlace(request_id=f"x{index}", sale="s1"), bench.now)
    with pytest.raises(TooManyPending):
        bench.session.place(OrderPlace(request_id="one more", sale="s1"), bench.now)


def test_what_is_remembered_is_bounded_and_unfinished_orders_stay_longest() -> None:
    bench, _ = buying()
    bench.hear(OrderUpdated(order=order("kept", "rk")))
    for index in range(KEPT_ORDERS + 10):
        bench.hear(OrderUpdated(order=order(f"f{index}", f"q{index}", status="expired")))
    known = bench.session.book.orders
    assert len(known) == KEPT_ORDERS
    assert "kept" in known
    assert "f0" not in known
