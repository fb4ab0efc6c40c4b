"""A shop on the real store, a ledger in a file or in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from server.orders import cashier
from server.orders.ledger import Ledger
from server.orders.metrics import CALLBACK_ERRORS
from tests.orders.market import Market
from tests.orders.shop import SHORT, Shop
from tests.postgres import Postgres


@pytest.fixture
async def shop(store: Redis) -> AsyncIterator[Shop]:
    """Holds last a minute. No answer may be given twice, or to nobody."""
    before = CALLBACK_ERRORS._value.get()
    shop = Shop(store)
    yield shop
    await shop.stop()
    assert CALLBACK_ERRORS._value.get() == before


@pytest.fixture
async def hasty(store: Redis) -> AsyncIterator[Shop]:
    """Holds end when the test says so."""
    shop = Shop(store, SHORT)
    yield shop
    await shop.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.new_database())


@pytest.fixture
async def ledger(database_url: str, anyio_backend: str) -> AsyncIterator[Ledger]:
    ledger = Ledger(database_url)
    await ledger.start()
    yield ledger
    await ledger.stop()


@pytest.fixture
async def books(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    await ledger.start()
    yield ledger
    await ledger.stop()


@pytest.fixture
async def market(
    store: Redis, store_url: str, books: Ledger, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Market]:
    """Everything is in one partition. Whoever tries again finds the store back by then."""
    monkeypatch.setattr(cashier, "_PAUSES", (0.03,) * 6)
    market = Market(store, store_url, books, replace(SHORT, partitions=1))
    yield market
    await market.close()
    for site in market.sites:
        await site.store.aclose()
