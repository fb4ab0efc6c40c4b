"""What is left to do with orders at a shop's desk, as buyers were told of them. Sans-I/O."""

from __future__ import annotations

import random
from collections import deque

from schemas.codes import OrderStatus
from schemas.commands import OrderDeliver, OrderShip, RefundApprove, RefundDecline, ShopCommand
from schemas.models import Order

KEPT = 200
"""Orders of one status that wait at the desk; the oldest are let lie."""


class Desk:
    """One room's. Most orders wait for ever: a shop is slower than its buyers."""

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._waiting: dict[OrderStatus, deque[str]] = {
            status: deque(maxlen=KEPT)
            for status in (OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.REFUNDING)
        }

    def learn(self, order: Order) -> None:
        """A buyer was told of an order; it may be told again, and may be something else by now."""
        waiting = self._waiting.get(order.status)
        if waiting is not None and order.order not in waiting:
            waiting.append(order.order)

    def next(self) -> ShopCommand | None:
        """Something to do; None where nothing waits."""
        busy = [status for status, orders in self._waiting.items() if orders]
        if not busy:
            return None
        status = self._random.choice(busy)
        order = self._waiting[status].pop()
        if status is OrderStatus.PAID:
            return OrderShip(order=order)
        if status is OrderStatus.SHIPPED:
            return OrderDeliver(order=order)
        if self._random.random() < 0.5:
            return RefundApprove(order=order)
        return RefundDecline(order=order, reason="worn")
