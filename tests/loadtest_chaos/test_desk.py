"""A shop's desk: what buyers were told of is shipped, delivered, approved and declined."""

from __future__ import annotations

import random

import pytest

from loadtest.chaos.desk import KEPT, Desk
from schemas.codes import OrderStatus
from schemas.commands import OrderDeliver, OrderShip, RefundApprove, RefundDecline, ShopCommand
from tests.loadtest_chaos.test_wishes import order


@pytest.mark.parametrize(
    ("status", "tasks"),
    [
        (OrderStatus.PAID, {OrderShip}),
        (OrderStatus.SHIPPED, {OrderDeliver}),
        (OrderStatus.REFUNDING, {RefundApprove, RefundDecline}),
        (OrderStatus.RESERVED, set()),
        (OrderStatus.REFUNDED, set()),
    ],
)
def test_what_each_status_asks_for(status: OrderStatus, tasks: set[type[ShopCommand]]) -> None:
    desk = Desk(random.Random(7))
    for number in range(20):
        desk.learn(order(f"o{number}", status))
    done = [task for _ in range(30) if (task := desk.next()) is not None]
    assert {type(task) for task in done} == tasks
    assert len({task.order for task in done}) == (20 if tasks else 0)


def test_told_twice_is_one_task() -> None:
    desk = Desk(random.Random(7))
    for _ in range(2):
        desk.learn(order("a", OrderStatus.PAID))
    assert [desk.next(), desk.next()] == [OrderShip(order="a"), None]


def test_more_than_it_can_do_is_let_lie() -> None:
    desk = Desk(random.Random(7))
    for number in range(KEPT + 5):
        desk.learn(order(f"o{number}", OrderStatus.PAID))
    done = [task for _ in range(KEPT + 5) if (task := desk.next()) is not None]
    assert len(done) == KEPT
