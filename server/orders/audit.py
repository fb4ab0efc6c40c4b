"""The proof that nothing was oversold and nothing lost: store and ledger, pool by pool."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from server.orders.acknowledged import acknowledged, wrong_ledger
from server.orders.audit_money import MoneyAudit, unreturned
from server.orders.audit_records import RecordAudit
from server.orders.audit_rules import rules
from server.orders.books import LedgerBooks, LedgerPool, PoolName, StoreBooks, StorePool, read_store
from server.orders.keys import KeyBook
from server.orders.ledger import Ledger
from server.orders.problems import Problem
from server.settings import OrderSettings
from server.valkey import store_errors, store_time

__all__ = ["AuditReport", "PoolAudit", "Problem", "audit", "audit_running"]

_LOOKS, _LOOK_SECONDS = 3, 0.5
"""A fault must be seen this often in a row beside a running server."""
_SHOWN = 100
"""Problems of one kind that are named one by one."""


class PoolAudit(Struct, frozen=True):
    """A pool's units: total == available + held + sold where all is well."""

    pool: str
    total: int
    available: int
    held: int
    sold: int
    ok: bool


class AuditReport(Struct, frozen=True):
    """`ok` when there are no problems. Times are ms on the store's clock."""

    ok: bool
    at: int
    pools: list[PoolAudit]
    problems: list[Problem]
    total: int
    available: int
    held: int
    sold: int
    overdue_holds: int
    """Holds past their deadline that the sweeper has yet to release."""
    owed_returns: int
    """Payments and refunds on their way back."""
    behind: int
    """Changes the ledger did not have yet; they are counted in."""
    parked: int
    """Outbox entries put aside: each needs a person."""

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self))


async def audit(
    client: Redis, ledger: Ledger, settings: OrderSettings, *, swept: bool = False
) -> AuditReport:
    """Compare store and ledger, also while orders come in. Raises StoreUnavailable, LedgerError.

    `swept`: a back office runs, so no hold may be overdue for long.
    """
    book = KeyBook(settings.partitions)
    async with ledger.reading() as connection:
        ledgers = LedgerBooks(connection)
        with store_errors():
            taken = await acknowledged(client, book)
        await ledgers.pin()
        with store_errors():
            now = await store_time(client)
            stores = [await read_store(client, book, partition, now) for partition in book.partitions]
        await ledgers.read()
        behind = await ledgers.catch_up(entry for store in stores for entry in store.entries)
        broken = await ledgers.broken_histories(_SHOWN)
        parked = await ledgers.parked()
        problems = [
            *await wrong_ledger(connection, book, taken),
            *_partitions(book, stores),
            *_pools(stores, ledgers),
            *(_broken(*one) for one in broken),
        ]
        with store_errors():
            records = RecordAudit(client, ledger, settings, now, swept=swept)
            for found in (
                records.problems(connection),
                MoneyAudit(connection, ledgers.coming).problems(),
                unreturned(client, connection, book, ledgers.coming),
                rules(client, connection, book, stores),
            ):
                problems += await _first(found)
    bad = {problem.pool for problem in problems}
    pools = [_pool_audit(name, pool, bad) for store in stores for name, pool in sorted(store.pools.items())]
    return AuditReport(
        ok=not problems,
        at=now,
        pools=pools,
        problems=problems,
        total=sum(pool.total for pool in pools),
        available=sum(pool.available for pool in pools),
        held=sum(pool.held for pool in pools),
        sold=sum(pool.sold for pool in pools),
        overdue_holds=sum(store.overdue for store in stores),
        owed_returns=sum(store.returns for store in stores),
        behind=behind,
        parked=parked + sum(store.unread for store in stores),
    )


async def audit_running(client: Redis, ledger: Ledger, settings: OrderSettings) -> AuditReport:
    """Beside a running server, whose back office keeps the ledger up to date: a fault must stay.

    Raises StoreUnavailable, LedgerError.
    """
    report = await audit(client, ledger, settings, swept=True)
    for _ in range(_LOOKS - 1):
        if report.ok:
            break
        await asyncio.sleep(_LOOK_SECONDS)
        report = await audit(client, ledger, settings, swept=True)
    return report


def _pool_audit(name: PoolName, pool: StorePool, bad: set[str]) -> PoolAudit:
    counts = pool.counts
    label = _label(name)
    return PoolAudit(label, counts.total, counts.available, counts.held, counts.sold, label not in bad)


def _broken(order: str, room: str, pool: str) -> Problem:
    message = f"order {order}: versions are missing in its history"
    return Problem(f"{room}/{pool}", "history", 0, 0, message, order)


async def _first(problems: AsyncIterator[Problem]) -> list[Problem]:
    """All of them counted, the first of each kind named."""
    kept: list[Problem] = []
    counts: Counter[str] = Counter()
    async for problem in problems:
        counts[problem.kind] += 1
        if counts[problem.kind] <= _SHOWN:
            kept.append(problem)
    for kind, count in counts.items():
        if count > _SHOWN:
            message = f"{kind}: {count} in all, of which {_SHOWN} are named"
            kept.append(Problem("", kind, 0, count, message))
    return kept


def _label(name: PoolName) -> str:
    return "/".join(name)


def _partitions(book: KeyBook, stores: list[StoreBooks]) -> Iterator[Problem]:
    for keys, store in zip(book.partitions, stores, strict=True):
        if any(pool.unreadable for pool in store.pools.values()):
            continue  # what is reserved there is not known
        reserved = sum(pool.counts.orders_reserved for pool in store.pools.values())
        if reserved != store.holds:
            message = f"{reserved} orders are reserved, {store.holds} holds have a deadline"
            yield Problem(keys.tag, "holds", reserved, store.holds, message)


def _pools(stores: list[StoreBooks], ledgers: LedgerBooks) -> Iterator[Problem]:
    seen: set[PoolName] = set()
    for store in stores:
        for name, pool in sorted(store.pools.items()):
            seen.add(name)
            if pool.unreadable:
                message = f"it cannot be read: {pool.unreadable}"
                yield Problem(_label(name), "unreadable", 0, pool.unreadable, message)
                continue
            yield from _store_alone(name, pool)
            yield from _beside_ledger(name, pool, ledgers.pools.get(name, LedgerPool()))
    for name in sorted(ledgers.pools.keys() - seen):
        lost = ledgers.pools[name].total
        yield Problem(
            _label(name), "lost", lost, 0, f"the ledger has {lost} units, the store has no such pool"
        )


def _store_alone(name: PoolName, pool: StorePool) -> Iterator[Problem]:
    counts = pool.counts
    accounted = counts.available + counts.held + counts.sold
    if accounted != counts.total:
        message = (
            f"allocated {counts.total}, but {counts.available} available + {counts.held} held"
            f" + {counts.sold} sold = {accounted}"
        )
        yield Problem(_label(name), "sum", counts.total, accounted, message)
    for what in ("available", "held", "sold"):
        if (units := getattr(counts, what)) < 0:
            yield Problem(_label(name), what, 0, units, f"{units} units {what}")


def _beside_ledger(name: PoolName, pool: StorePool, ledger: LedgerPool) -> Iterator[Problem]:
    for what in ("total", "held", "sold", "orders_reserved", "orders_paid", "orders_refunded", "revenue"):
        expected, found = getattr(ledger, what), getattr(pool.counts, what)
        if expected != found:
            message = f"{what}: the ledger has {expected}, the store {found}"
            yield Problem(_label(name), f"ledger_{what}", expected, found, message)
    wrong = [
        user
        for user in sorted(ledger.units.keys() | pool.units.keys())
        if ledger.units.get(user, 0) != pool.units.get(user, 0)
    ]
    for user in wrong[:_SHOWN]:
        expected, found = ledger.units.get(user, 0), pool.units.get(user, 0)
        message = f"units of user {user}: the ledger has {expected}, the store {found}"
        yield Problem(_label(name), "user_units", expected, found, message)
