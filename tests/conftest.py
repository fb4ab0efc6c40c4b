"""What every test may use: the loop, a real store on a Unix socket."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from server.orders.verified import mark_verified
from server.settings import OrderSettings
from server.valkey import EmbeddedValkey, connect
from tests.postgres import Postgres, find_programs

STORE = "MIAODAN_TEST_STORE"

# No test here is a timed one: how long an example took says how busy the machine is.
settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pages last: Playwright's synchronous API keeps a loop running, beside which no other can."""
    items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def nothing_blocks_the_loop() -> Iterator[None]:
    """A call of ours that blocks the event loop fails the test."""
    with blockbuster_ctx(scanned_modules=["server.fanout", "server.gateway", "server.rooms.live"]):
        yield


@pytest.fixture(scope="session")
def store_url() -> Iterator[str]:
    """A real store, as it is embedded: append-only, fsync before each reply. One per test session.

    Valkey, or the program named by MIAODAN_TEST_STORE (`redis-server`).
    """
    with tempfile.TemporaryDirectory(prefix="miaodan-test-") as directory:
        debug = ("--enable-debug-command", "local")
        valkey = EmbeddedValkey(Path(directory), extra=debug, program=shutil.which(os.environ.get(STORE, "")))
        valkey.start()
        try:
            yield valkey.url
        finally:
            valkey.stop()


@pytest.fixture
async def store(store_url: str, anyio_backend: str) -> AsyncIterator[Redis]:
    """A client on an emptied store, taken for checked against a ledger."""
    client = connect(store_url, name="test")
    await client.flushall()
    await mark_verified(client, OrderSettings().partitions)
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that runs; a test that breaks it mends it. One per test session."""
    programs = find_programs()
    if programs is None:
        if os.environ.get("MIAODAN_CI"):
            pytest.fail("PostgreSQL is not installed, and CI proves the ledger on it")
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    server = Postgres(programs)
    try:
        server.start()
        yield server
    finally:
        server.close()
