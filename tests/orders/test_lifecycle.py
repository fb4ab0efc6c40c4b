"""The life of an order: what may follow what."""

from __future__ import annotations

import pytest

from schemas.codes import OrderStatus
from server.orders.lifecycle import (
    HOLDING,
    SOLD,
    UNFINISHED,
    Action,
    NotAllowed,
    OrderLife,
    check,
    sources,
    target,
)

ALLOWED = {
    ("reserved", "pay", "paid"),
    ("reserved", "cancel", "cancelled"),
    ("reserved", "expire", "expired"),
    ("expired", "pay_late", "paid"),
    ("paid", "ship", "shipped"),
    ("shipped", "deliver", "delivered"),
    ("paid", "refund", "refunding"),
    ("shipped", "refund", "refunding"),
    ("delivered", "refund", "refunding"),
    ("refunding", "approve", "refunding"),
    ("refunding", "refunded", "refunded"),
    ("refunding", "decline", "shipped"),
    ("refunding", "partly_refunded", "shipped"),
}
LEADS_BACK = (Action.DECLINE, Action.PARTLY_REFUNDED)


@pytest.mark.parametrize("status", OrderStatus)
@pytest.mark.parametrize("action", Action)
def test_every_step(status: OrderStatus, action: Action) -> None:
    life = OrderLife(status, 7)
    life.back = OrderStatus.SHIPPED
    expected = [to for came, what, to in ALLOWED if (came, what) == (status.value, action.value)]
    if expected:
        assert life.apply(action).value == expected[0]
        assert (life.status.value, life.version) == (expected[0], 8)
        assert check(action, status, life.back) is life.status and status in sources(action)
        if action not in LEADS_BACK:
            assert target(action) is life.status
    else:
        with pytest.raises(NotAllowed, match=f"cannot {action.value} an order that is {status.value}"):
            life.apply(action)
        assert (life.status, life.version) == (status, 7)


def test_a_whole_life() -> None:
    life = OrderLife()
    for action in (
        Action.EXPIRE,
        Action.PAY_LATE,
        Action.SHIP,
        Action.DELIVER,
        Action.REFUND,
        Action.REFUNDED,
    ):
        life.apply(action)
    assert (life.status, life.version) == (OrderStatus.REFUNDED, 7)


@pytest.mark.parametrize("before", [OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED])
@pytest.mark.parametrize("action", LEADS_BACK)
def test_a_part_given_back_or_a_refund_declined(before: OrderStatus, action: Action) -> None:
    life = OrderLife(before)
    for step in (Action.REFUND, Action.APPROVE, action):
        life.apply(step)
    assert (life.status, life.version) == (before, 4)
    with pytest.raises(ValueError, match="leads back"):
        target(action)
    with pytest.raises(ValueError, match="nobody said where"):
        check(action, OrderStatus.REFUNDING)


def test_units_are_held_or_sold_or_free() -> None:
    assert not HOLDING & SOLD
    final = {status for status in OrderStatus if not any(status in sources(action) for action in Action)}
    assert final == {OrderStatus.CANCELLED, OrderStatus.REFUNDED}
    assert not final & (HOLDING | SOLD | UNFINISHED)
