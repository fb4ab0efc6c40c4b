"""A buyer's head: every kind of command comes up, and only where it makes sense."""

from __future__ import annotations

import random

from client_sim.replica import RoomReplica
from loadtest.chaos.wishes import KEPT, MOST_OPEN, Wish, Wishes
from schemas.codes import OrderStatus, SalePhase
from schemas.commands import OrderCancel, OrderGet, OrderPay, OrderPlace, OrderRefund
from schemas.models import Order, Product, Sale


def room() -> RoomReplica:
    replica = RoomReplica()
    replica.products = {"tea": Product(sku="tea", title="tea", price=100, available=5)}
    for name, phase in (("open", SalePhase.OPEN), ("later", SalePhase.SCHEDULED), ("gone", SalePhase.ENDED)):
        replica.sales[name] = Sale(sale=name, sku="tea", price=50, starts_at=0, ends_at=9, phase=phase)
    return replica


def order(name: str, status: OrderStatus, version: int = 1) -> Order:
    return Order(
        order=name,
        request_id=f"r-{name}",
        sku="tea",
        sale=None,
        quantity=1,
        amount=100,
        currency="CNY",
        status=status,
        version=version,
        reserved_at=0,
        expires_at=9,
    )


def many(wishes: Wishes, count: int = 2_000) -> list[Wish]:
    replica = room()
    return [wishes.next(replica) for _ in range(count)]


def test_the_same_dice_wish_the_same() -> None:
    first, second = (many(Wishes("ann", random.Random(7))) for _ in range(2))
    assert first == second


def test_everything_comes_up() -> None:
    wishes = Wishes("ann", random.Random(7))
    wishes.learn(order("a", OrderStatus.RESERVED))
    wishes.learn(order("b", OrderStatus.PAID, 2))
    wanted = many(wishes)
    assert {type(wish) for wish in wanted} == {
        OrderPlace,
        OrderPay,
        OrderCancel,
        OrderRefund,
        OrderGet,
        type(None),
    }
    placed = [wish for wish in wanted if isinstance(wish, OrderPlace)]
    assert {wish.sale for wish in placed} == {"open", None}
    assert {wish.sku for wish in placed} == {"tea", None}
    assert {wish.pay for wish in placed} == {True, False}
    assert all(wish.order == "a" for wish in wanted if isinstance(wish, OrderPay | OrderCancel))
    refunds = [wish for wish in wanted if isinstance(wish, OrderRefund)]
    assert all(wish.order == "b" for wish in refunds)
    parts = [wish for wish in refunds if wish.amount is not None]
    assert 0 < len(parts) < len(refunds)
    assert len({wish.request_id for wish in parts}) == len(parts)
    assert all(1 <= (wish.amount or 0) <= 50 for wish in parts)
    again = [wish for wish in placed if wishes.repeats(wish)]
    assert len({wish.request_id for wish in again}) < len(again) < len(placed)


def test_without_orders_nothing_is_paid_or_given_back() -> None:
    assert {type(wish) for wish in many(Wishes("ann", random.Random(7)))} <= {OrderPlace, type(None)}


def test_an_older_telling_changes_nothing() -> None:
    wishes = Wishes("ann", random.Random(7))
    wishes.learn(order("a", OrderStatus.PAID, 2))
    wishes.learn(order("a", OrderStatus.RESERVED, 1))
    assert not any(isinstance(wish, OrderPay) for wish in many(wishes, 500))


def test_what_was_refused_is_left_alone() -> None:
    wishes = Wishes("ann", random.Random(7))
    wishes.learn(order("a", OrderStatus.RESERVED))
    wishes.refused("a")
    assert wishes.known() == []


def test_too_many_unpaid_orders_are_paid_first() -> None:
    wishes = Wishes("ann", random.Random(7))
    for number in range(MOST_OPEN + 1):
        wishes.learn(order(f"o{number}", OrderStatus.RESERVED))
    assert all(isinstance(wish, OrderPay) for wish in many(wishes, 50))


def test_the_latest_are_remembered() -> None:
    wishes = Wishes("ann", random.Random(7))
    for number in range(KEPT + 10):
        wishes.learn(order(f"o{number}", OrderStatus.PAID))
    assert wishes.known() == [f"o{number}" for number in range(10, KEPT + 10)]
