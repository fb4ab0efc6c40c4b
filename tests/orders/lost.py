"""Shops on a store of the test's own, to be killed, emptied and put back to an earlier day."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server.orders.audit import AuditReport, audit
from server.orders.consumer import LedgerConsumer
from server.orders.ledger import Ledger
from server.orders.verifier import Verifier
from server.valkey import EmbeddedValkey, connect
from tests.orders.shop import ROOM, SETTINGS, Shop


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    valkey = EmbeddedValkey(tmp_path / "data")
    valkey.start()
    yield valkey
    valkey.stop()


@pytest.fixture
async def bare(valkey: EmbeddedValkey, anyio_backend: str) -> AsyncIterator[Shop]:
    """A shop on a store that nobody checked."""
    client = connect(valkey.url, name="test")
    shop = Shop(client)
    yield shop
    await shop.stop()
    await client.aclose()


async def drain(shop: Shop, ledger: Ledger) -> None:
    await LedgerConsumer(shop.store, ledger, SETTINGS, claim_idle_ms=0).drain()


async def verified(verifier: Verifier) -> None:
    """Step until the store counts."""
    async with asyncio.timeout(20):
        while not await verifier.step():
            await asyncio.sleep(0.02)


async def restart(valkey: EmbeddedValkey, then: Path | None = None, now: Path | None = None) -> None:
    """Kill the store and start it; with its files put aside at `now`, or put back from `then`."""
    await asyncio.to_thread(valkey.kill)
    files = valkey.data_dir / "store"
    if now is not None:
        shutil.copytree(files, now)
    if then is not None:
        shutil.rmtree(files)
        shutil.copytree(then, files)
    await asyncio.to_thread(valkey.start)


async def epoch(shop: Shop, ref: str = "sku/lamp") -> int:
    return int(await shop.store.hget(shop.service.book.room(ROOM).at(ref).pool, "epoch") or 0)


async def proven(shop: Shop, ledger: Ledger) -> AuditReport:
    report = await audit(shop.store, ledger, SETTINGS)
    assert report.ok, report.problems
    return report
