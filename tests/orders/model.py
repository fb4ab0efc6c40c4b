"""The order wing in plain Python: what the real Lua is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.codes import ErrorCode, OrderStatus
from server.orders.lifecycle import HOLDING, SOLD, Action, OrderLife, sources


@dataclass
class ModelPool:
    price: int
    limit: int | None
    home: str
    open: bool = True
    total: int = 0
    available: int = 0
    is_sale: bool = False


@dataclass
class ModelRefund:
    amount: int
    approved: bool
    request: str | None


@dataclass
class ModelOrder:
    user: str
    pool: str
    quantity: int
    price: int
    life: OrderLife = field(default_factory=OrderLife)
    refund: ModelRefund | None = None
    refunded: int = 0
    asked: dict[str, tuple[int | None, int]] = field(default_factory=dict)
    """By request of a refund: the amount it named, and what that came to."""
    declined: set[str] = field(default_factory=set)

    @property
    def left(self) -> int:
        return self.quantity * self.price - self.refunded


class Model:
    """Every rule, one order at a time, no clock: holds have always run out when a sweep comes."""

    def __init__(self) -> None:
        self.pools: dict[str, ModelPool] = {}
        self.orders: dict[str, ModelOrder] = {}
        self.requests: dict[tuple[str, str], tuple[tuple[str, int, bool], str]] = {}

    def units(self, pool: str, statuses: frozenset[OrderStatus], user: str | None = None) -> int:
        return sum(
            order.quantity
            for order in self.orders.values()
            if order.pool == pool and order.life.status in statuses and user in (None, order.user)
        )

    def count(self, pool: str, statuses: frozenset[OrderStatus]) -> int:
        return sum(o.pool == pool and o.life.status in statuses for o in self.orders.values())

    def revenue(self, pool: str) -> int:
        return sum(o.left for o in self.orders.values() if o.pool == pool and o.life.status in SOLD)

    def known(self, user: str, request: str, contents: tuple[str, int, bool]) -> str | ErrorCode | None:
        """The order this request placed, a mismatch, or None for a new request."""
        found = self.requests.get((user, request))
        if found is None:
            return None
        return found[1] if found[0] == contents else ErrorCode.REQUEST_MISMATCH

    def may_take(self, pool: ModelPool | None, name: str, user: str, quantity: int) -> ErrorCode | None:
        if pool is None:
            return ErrorCode.NOT_FOUND
        if not pool.open:
            return ErrorCode.SALE_ENDED if pool.is_sale else ErrorCode.NOT_FOUND
        if pool.limit is not None and self.units(name, HOLDING | SOLD, user) + quantity > pool.limit:
            return ErrorCode.LIMIT_EXCEEDED
        return ErrorCode.SOLD_OUT if pool.available < quantity else None

    def place(self, order: str, user: str, request: str, contents: tuple[str, int, bool]) -> None:
        pool, quantity, _ = contents
        self.requests[user, request] = (contents, order)
        self.orders[order] = ModelOrder(user, pool, quantity, self.pools[pool].price)
        self.pools[pool].available -= quantity

    def pay_late(self, order: str) -> ErrorCode | None:
        """Of an expired order: a new hold, or why not."""
        found = self.orders[order]
        pool = self.pools[found.pool]
        if not pool.open or pool.available < found.quantity:
            return ErrorCode.SOLD_OUT
        refusal = self.may_take(pool, found.pool, found.user, found.quantity)
        if refusal is None:
            pool.available -= found.quantity
            found.life.apply(Action.PAY_LATE)
        return refusal

    def give_back(self, order: str) -> None:
        found = self.orders[order]
        pool = self.pools[found.pool]
        if pool.is_sale and not pool.open:
            pool.total -= found.quantity
            pool = self.pools[pool.home]
            pool.total += found.quantity
        pool.available += found.quantity

    def ask(self, order: str, amount: int | None, request: str | None, by_host: bool) -> ErrorCode | None:
        """Of a refund: begun, or there already, or why not."""
        found = self.orders[order]
        if request is not None and request in found.asked:
            named, came_to = found.asked[request]
            if (named is None) is not (amount is None):
                return ErrorCode.REQUEST_MISMATCH
            if request in found.declined:
                return ErrorCode.CONFLICT
            return None if amount in (None, came_to) else ErrorCode.REQUEST_MISMATCH
        if found.refund is not None:
            if amount is not None or request is not None or found.refund.amount != found.left:
                return ErrorCode.CONFLICT
            if by_host and not found.refund.approved:
                self.approve(order)
            return None
        if found.life.status is OrderStatus.REFUNDED and amount is None:
            return None
        if found.life.status not in sources(Action.REFUND) or (amount or 0) > found.left:
            return ErrorCode.CONFLICT
        wanted = found.left if amount is None else amount
        found.refund = ModelRefund(wanted, by_host or found.life.status is OrderStatus.PAID, request)
        if request is not None:
            found.asked[request] = (amount, wanted)
        found.life.apply(Action.REFUND)
        return None

    def approve(self, order: str) -> None:
        found = self.orders[order]
        assert found.refund is not None
        found.refund.approved = True
        found.life.apply(Action.APPROVE)

    def decline(self, order: str) -> None:
        found = self.orders[order]
        assert found.refund is not None
        if found.refund.request is not None:
            found.declined.add(found.refund.request)
        found.refund = None
        found.life.apply(Action.DECLINE)

    def carry_out(self, order: str) -> None:
        """What is approved is given back, where there is something."""
        found = self.orders[order]
        if found.refund is None or not found.refund.approved:
            return
        found.refunded += found.refund.amount
        found.refund = None
        if found.left:
            found.life.apply(Action.PARTLY_REFUNDED)
            return
        found.life.apply(Action.REFUNDED)
        if found.life.back is OrderStatus.PAID:
            self.give_back(order)
        else:
            self.pools[found.pool].total -= found.quantity
