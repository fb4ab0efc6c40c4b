from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.valkey import Publisher

pytestmark = pytest.mark.anyio


async def test_every_message_reaches_its_channel_in_order(store: Redis) -> None:
    async with store.pubsub() as listener:
        await listener.subscribe("a", "b")
        assert [(await listener.get_message(timeout=5))["type"] for _ in range(2)] == ["subscribe"] * 2
        sent = [("a", b"1"), ("b", bytes(range(256))), ("a", b"2"), ("nobody", b"x")]
        publisher = Publisher(store)
        assert await publisher.publish(sent) == 3
        await publisher.stop()
        async with asyncio.timeout(5):
            heard = [await listener.get_message(timeout=5) for _ in range(3)]
        assert [(m["channel"].decode(), m["data"]) for m in heard if m is not None] == sent[:3]


async def test_nothing_to_say_is_fine(store: Redis) -> None:
    publisher = Publisher(store)
    assert await publisher.publish([]) == 0
    await publisher.stop()
    await publisher.stop()


async def test_a_lost_connection_is_said_once_and_then_replaced(store: Redis) -> None:
    publisher = Publisher(store)
    await publisher.publish([("a", b"1")])
    mine = [client["id"] for client in await store.client_list() if client["cmd"] == "publish"]
    assert len(mine) == 1
    await store.client_kill_filter(_id=mine[0])
    with pytest.raises(RedisError):
        await publisher.publish([("a", b"2")])
    assert await publisher.publish([("a", b"3")]) == 0
    await publisher.stop()
