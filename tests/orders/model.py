"""The order wing in plain Python: what the real Lua is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.codes import ErrorCode, OrderStatus
from server.orders.lifecycle import HOLDING, SOLD, Action, OrderLife


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
class ModelOrder:
    user: str
    pool: str
    quantity: int
    price: int
    life: OrderLife = field(default_factory=OrderLife)


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
        return sum(
            o.quantity * o.price for o in self.orders.values() if o.pool == pool and o.life.status in SOLD
        )

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
