"""What every test may use: the loop, a real store on a Unix socket."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from server.valkey import EmbeddedValkey, connect


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def store_url() -> Iterator[str]:
    """A real Valkey, as it is embedded: append-only, fsync before each reply. One per test session."""
    with tempfile.TemporaryDirectory(prefix="miaodan-test-") as directory:
        valkey = EmbeddedValkey(Path(directory), extra=("--enable-debug-command", "local"))
        valkey.start()
        try:
            yield valkey.url
        finally:
            valkey.stop()


@pytest.fixture
async def store(store_url: str, anyio_backend: str) -> AsyncIterator[Redis]:
    """A client on an emptied store."""
    client = connect(store_url, name="test")
    await client.flushall()
    yield client
    await client.aclose()
