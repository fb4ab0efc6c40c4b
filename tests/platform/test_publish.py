from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from server.valkey import publish_all

pytestmark = pytest.mark.anyio


async def test_every_message_reaches_its_channel_in_order(store: Redis) -> None:
    async with store.pubsub() as listener:
        await listener.subscribe("a", "b")
        assert [(await listener.get_message(timeout=5))["type"] for _ in range(2)] == ["subscribe"] * 2
        sent = [("a", b"1"), ("b", bytes(range(256))), ("a", b"2"), ("nobody", b"x")]
        assert await publish_all(store, sent) == 3
        async with asyncio.timeout(5):
            heard = [await listener.get_message(timeout=5) for _ in range(3)]
        assert [(m["channel"].decode(), m["data"]) for m in heard if m is not None] == sent[:3]


async def test_nothing_to_say_is_fine_and_the_connection_stays_usable(store: Redis) -> None:
    assert await publish_all(store, []) == 0
    assert await store.ping()
