"""The store's clock as this process knows it: its own clock plus a measured offset."""

from __future__ import annotations

import asyncio
import time

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.valkey import StoreUnavailable, store_time

log = structlog.get_logger("miaodan.gateway")

PERIOD_SECONDS = 10.0


class StoreClock:
    """Call it for milliseconds since the Unix epoch. Never goes back by more than a correction."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self.offset_ms = 0.0

    def __call__(self) -> int:
        return int(time.time() * 1000 + self.offset_ms)

    async def measure(self) -> None:
        """One round trip; the store's reading is taken to be from its middle (Cristian, 1989)."""
        sent = time.time() * 1000
        there = await store_time(self._client)
        back = time.time() * 1000
        self.offset_ms = there - (sent + back) / 2

    async def run(self) -> None:
        """Measure again and again; an unreachable store leaves the last offset."""
        while True:
            try:
                await self.measure()
            except (RedisError, OSError, StoreUnavailable) as error:
                log.warning("the store's clock could not be read", error=str(error))
            await asyncio.sleep(PERIOD_SECONDS)
