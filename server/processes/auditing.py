"""`miaodan audit`: the proof of the books, beside a running server or with a store started for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from redis.asyncio import Redis

from server.orders.acknowledged import find_wrong_ledger
from server.orders.audit import AuditReport, audit_running
from server.orders.audit import audit as audit_books
from server.orders.consumer import LedgerConsumer
from server.orders.database import ledger_url
from server.orders.keys import KeyBook
from server.orders.ledger import Ledger
from server.orders.repair import Repair, RepairReport
from server.processes.lock import DataDirInUse, DataDirLock
from server.settings import OrderSettings, Settings
from server.valkey import EmbeddedValkey, StoreUnavailable, answers, connect, embedded_url, store_errors

_PATIENCE = 15.0
"""Seconds a running server gets to bring its store back."""


_Report = TypeVar("_Report")
Work = Callable[[Redis, Ledger, OrderSettings], Awaitable[_Report]]


class NothingToAudit(Exception):
    """No store was ever kept in `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"data directory {self.path} holds no store; where the server uses one, give --redis-url"


class NoLedger(Exception):
    """No ledger is kept in `place`, a file or a database's URL without its password."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place

    def __str__(self) -> str:
        return (
            f"there is no ledger in {self.place}; the server's may be another database: give the"
            " --database-url that it has"
        )


def audit(settings: Settings) -> AuditReport:
    """Raises NothingToAudit, NoLedger, DataDirInUse, StoreUnavailable, LedgerError, BadDatabaseUrl,
    redis errors.
    """
    return _on_store(settings, _alone, audit_running)


def repair(settings: Settings) -> RepairReport:
    """Audit, mend the store from the ledger, audit again.

    Raises RepairRefused, WrongLedger, FenceLost (another rebuilds the store now), and what `audit` does.
    """
    return _on_store(settings, partial(_repair, swept=False), partial(_repair, swept=True))


def _on_store(settings: Settings, alone: Work[_Report], beside: Work[_Report]) -> _Report:
    """Raises NothingToAudit, DataDirInUse, StoreUnavailable, LedgerError, BadDatabaseUrl, redis errors."""
    if settings.server.redis_url:
        return asyncio.run(_connected(settings, settings.server.redis_url, beside))
    data_dir = Path(settings.server.data_dir)
    if not (data_dir / "store").is_dir():
        raise NothingToAudit(data_dir)
    with _own_store(data_dir) as url:
        if url is not None:
            return asyncio.run(_connected(settings, url, alone))
    return asyncio.run(_connected(settings, embedded_url(data_dir), beside))


@contextmanager
def _own_store(data_dir: Path) -> Iterator[str | None]:
    """The URL of a store started for the while, or None where a running server's answers."""
    lock = DataDirLock(data_dir)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            lock.acquire()
            break
        except DataDirInUse as error:
            if answers(embedded_url(data_dir)):
                yield None
                return
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"{error}, whose store does not answer") from error
        time.sleep(0.1)
    valkey = EmbeddedValkey(data_dir)
    try:
        valkey.start()
        yield valkey.url
    finally:
        valkey.stop()
        lock.release()


async def _connected(settings: Settings, url: str, work: Work[_Report]) -> _Report:
    ledger = Ledger(ledger_url(settings.server))
    client = connect(url, name="miaodan-audit")
    try:
        if not await ledger.is_made():
            raise NoLedger(ledger.database.place)
        await ledger.start()  # another version of the server may have made it
        return await work(client, ledger, settings.orders)
    finally:
        await ledger.stop()
        await client.aclose()


async def _alone(client: Redis, ledger: Ledger, settings: OrderSettings) -> AuditReport:
    """Nobody else writes: the ledger first gets what is still in the outbox, where it is this store's."""
    with store_errors():
        wrong = await find_wrong_ledger(client, ledger, KeyBook(settings.partitions))
    if not wrong:
        await LedgerConsumer(client, ledger, settings, claim_idle_ms=0).drain()
    return await audit_books(client, ledger, settings)


async def _repair(client: Redis, ledger: Ledger, settings: OrderSettings, *, swept: bool) -> RepairReport:
    return await Repair(client, ledger, settings, swept=swept).run()
