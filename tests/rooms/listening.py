"""A plain subscriber of one room's channel, independent of the bus that the server uses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from server.valkey import room_channel


class Listener:
    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    @classmethod
    async def open(cls, client: Redis, room: str) -> Listener:
        pubsub = client.pubsub()
        await pubsub.subscribe(room_channel(room))
        confirmation = await pubsub.get_message(timeout=5.0)
        assert confirmation is not None
        assert confirmation["type"] == "subscribe"
        return cls(pubsub)

    async def close(self) -> None:
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def next(self) -> tuple[str, Any]:
        """The next message: its kind, and its body out of JSON."""
        message = await self._pubsub.get_message(timeout=5.0)
        assert message is not None, "nothing was published"
        data = message["data"]
        return data[:1].decode(), json.loads(data[1:])

    async def until(self, kind: str) -> Any:
        """The body of the next message of that kind."""
        async with asyncio.timeout(5):
            while True:
                got, body = await self.next()
                if got == kind:
                    return body

    async def silent(self) -> bool:
        """Whether nothing was published so far: what was, is here before the answer to a PING."""
        await self._pubsub.ping()
        message = await self._pubsub.get_message(timeout=5.0)
        assert message is not None
        return bool(message["type"] == "pong")
