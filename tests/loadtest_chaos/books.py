"""A small shop's books in which all is well, for tests to break one thing at a time."""

from __future__ import annotations

from loadtest.chaos.facts import LedgerOrder, Move, Payment, Pool, Step, Store
from loadtest.chaos.records import Said

ROOM, POOL = "room", "sku/tea"


def told(
    version: int = 1,
    status: str = "reserved",
    *,
    at: float = 10,
    sent: float | None = 5,
    order: str = "00-a",
    request: str = "r1",
    user: str = "ann",
    quantity: int = 2,
    amount: int = 200,
    socket: int = 1,
) -> Said:
    return Said(at, user, socket, sent, order, request, ROOM, POOL, quantity, amount, "CNY", status, version)


def kept(
    status: str = "reserved",
    version: int = 1,
    *,
    order: str = "00-a",
    request: str = "r1",
    user: str = "ann",
    quantity: int = 2,
    amount: int = 200,
    payment: str | None = None,
) -> LedgerOrder:
    return LedgerOrder(order, user, request, ROOM, POOL, quantity, amount, "CNY", status, version, payment)


def steps(*statuses: str, at: int = 100) -> list[Step]:
    """One version after the other, ten milliseconds apart."""
    return [Step(number, status, at + 10 * number) for number, status in enumerate(statuses, 1)]


def move(delta: int, at: int = 1, pool: str = POOL, reason: str = "restock") -> Move:
    return Move(ROOM, pool, delta, at, reason)


def pool(available: int, held: int = 0, sold: int = 0, *, state: str = "open", name: str = POOL) -> Pool:
    return Pool(ROOM, name, state, available + held + sold, available, held, sold)


def store(*pools: Pool, holds: int = 0, overdue: int = 0, returns: int = 0, behind: int = 0) -> Store:
    return Store(list(pools), holds, overdue, returns, [], behind)


def payment(
    order: str = "00-a",
    *,
    name: str = "p1",
    amount: int = 200,
    status: str = "captured",
    refunded: int = 0,
    currency: str = "CNY",
    **refunds: int,
) -> Payment:
    return Payment(name, f"{order}-1", order, amount, currency, status, refunded, refunds)
