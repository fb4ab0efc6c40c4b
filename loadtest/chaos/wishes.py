"""What a buyer wants next. Sans-I/O: what is known of the room and of one's orders in, a command out."""

from __future__ import annotations

import random
from collections import OrderedDict, deque

from client_sim.replica import RoomReplica
from schemas.codes import OrderStatus, SalePhase
from schemas.commands import OrderCancel, OrderGet, OrderPay, OrderPlace, OrderRefund
from schemas.models import Order

Wish = OrderPlace | OrderPay | OrderCancel | OrderRefund | OrderGet | None
"""None: have the line cut."""
MOST_OPEN = 12
"""Unpaid orders a buyer keeps; beyond it one is paid or given up."""
KEPT = 64
"""Requests and orders that a buyer remembers, the latest."""
_REFUNDABLE = frozenset({OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED})


class Wishes:
    """One buyer's head."""

    def __init__(self, user: str, source: random.Random) -> None:
        self._user = user
        self._random = source
        self._number = 0
        self._sent: deque[OrderPlace] = deque(maxlen=KEPT)
        self._orders: OrderedDict[str, Order] = OrderedDict()

    def learn(self, order: Order) -> None:
        """An order as it was told; older versions are ignored."""
        known = self._orders.get(order.order)
        if known is None or known.version < order.version:
            self._orders[order.order] = order
        if len(self._orders) > KEPT:
            self._orders.popitem(last=False)

    def refused(self, order: str) -> None:
        """A command about it was refused: it is not what it was thought to be."""
        self._orders.pop(order, None)

    def known(self) -> list[str]:
        """Orders still remembered, the latest last."""
        return list(self._orders)

    def repeats(self, request: OrderPlace) -> bool:
        """Whether it was sent before."""
        return any(request.request_id == sent.request_id for sent in list(self._sent)[:-1])

    def next(self, room: RoomReplica) -> Wish:
        """What to do now."""
        unpaid = self._those(OrderStatus.RESERVED)
        if len(unpaid) > MOST_OPEN:
            return OrderPay(order=self._random.choice(unpaid))
        roll = self._random.random()
        wish: Wish = None
        if roll < 0.22:
            wish = self._about(unpaid, OrderPay)
        elif roll < 0.28:
            wish = self._about(unpaid, OrderCancel)
        elif roll < 0.34:
            wish = self._refund()
        elif roll < 0.40:
            wish = self._look()
        elif roll < 0.46:
            wish = self._again()
        elif roll < 0.462:
            return None
        return wish or self._new(room)

    def _those(self, status: OrderStatus) -> list[str]:
        return [name for name, order in self._orders.items() if order.status is status]

    def _about(self, orders: list[str], kind: type[OrderPay] | type[OrderCancel]) -> Wish:
        return kind(order=self._random.choice(orders)) if orders else None

    def _refund(self) -> Wish:
        """All of what is left, or a part of it."""
        paid = [order for order in self._orders.values() if order.status in _REFUNDABLE]
        if not paid:
            return None
        order = self._random.choice(paid)
        left = order.amount - order.refunded
        if left < 2 or self._random.random() < 0.6:
            return OrderRefund(order=order.order, reason="all of it")
        self._number += 1
        part = self._random.randint(1, left // 2)
        return OrderRefund(order=order.order, reason="a part", amount=part, request_id=f"part-{self._number}")

    def _look(self) -> Wish:
        if not self._orders:
            return None
        order = self._random.choice(list(self._orders.values()))
        if self._random.random() < 0.5:
            return OrderGet(order=order.order)
        return OrderGet(request_id=order.request_id)

    def _again(self) -> Wish:
        """A request once more; sometimes with other contents, which has to be refused or to be the first."""
        if not self._sent:
            return None
        before = self._random.choice(self._sent)
        more = 1 if self._random.random() < 0.2 else 0
        return OrderPlace(
            request_id=before.request_id,
            sku=before.sku,
            sale=before.sale,
            quantity=before.quantity + more,
            pay=before.pay,
        )

    def _new(self, room: RoomReplica) -> OrderPlace:
        self._number += 1
        sales = [sale.sale for sale in room.sales.values() if sale.phase is SalePhase.OPEN]
        sale = self._random.choice(sales) if sales and self._random.random() < 0.6 else None
        sku = self._random.choice(list(room.products) or ["nothing"]) if sale is None else None
        wish = OrderPlace(
            request_id=f"{self._user}-{self._number}",
            sku=sku,
            sale=sale,
            quantity=self._random.choice((1, 1, 1, 1, 2, 3)),
            pay=self._random.random() < 0.4,
        )
        self._sent.append(wish)
        return wish
