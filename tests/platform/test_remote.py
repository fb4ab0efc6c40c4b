from __future__ import annotations

import pytest
import structlog
from redis.asyncio import Redis

from server.processes import remote
from server.valkey import StoreTooOld

pytestmark = pytest.mark.anyio


async def test_a_durable_store(store: Redis, store_url: str) -> None:
    with structlog.testing.capture_logs() as logs:
        await remote.greet(store_url)
    assert [line["event"] for line in logs] == ["store"]
    assert logs[0]["version"].split()[0] in ("valkey", "redis")


async def test_a_forgetful_store_is_said(store: Redis, store_url: str) -> None:
    await store.config_set("appendfsync", "everysec")
    try:
        with structlog.testing.capture_logs() as logs:
            await remote.greet(store_url)
    finally:
        await store.config_set("appendfsync", "always")
    assert logs[1]["log_level"] == "warning"
    assert "may lose acknowledged orders" in logs[1]["event"]


async def test_a_store_that_is_not_there_yet() -> None:
    with structlog.testing.capture_logs() as logs:
        await remote.greet("unix:///nowhere/valkey.sock")
    assert [line["event"] for line in logs] == ["the store does not answer yet"]


async def test_an_old_store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.valkey.errors.MIN_VERSION", (99, 0))
    with pytest.raises(StoreTooOld, match="is too old"):
        await remote.greet(store_url)
