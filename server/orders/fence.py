"""Who may rebuild a partition: one at a time, and whoever lost the right writes nothing any more.

`{p07}:rebuild` holds the token of the one who may. Each write is a transaction that watches it, so a
process that was stopped in the middle and wakes up after another took over changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError, WatchError

from server.orders.keys import PartitionKeys, new_operation_id

HELD_MS = 5_000
"""How long a right lasts that nobody renews: what a killed process leaves to wait for."""
_RENEW_SECONDS = 1.0
_ATTEMPTS = 20

Write = Callable[["Pipeline"], object]


class FenceLost(Exception):
    """Another took over the partition of `tag`."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag

    def __str__(self) -> str:
        return f"another process rebuilds {self.tag} now"


class Fence:
    """The right to rebuild one partition, as long as it lasts."""

    def __init__(self, client: Redis, partition: PartitionKeys, token: str) -> None:
        self._client = client
        self.partition = partition
        self._token = token

    async def write(self, commands: Write) -> list[Any]:
        """Queue what `commands` says and run it in one transaction; its replies.

        Raises FenceLost where nothing was done, redis errors.
        """
        for _ in range(_ATTEMPTS):
            try:
                return await self._attempt(commands)
            except WatchError:
                continue  # renewed meanwhile, or taken over: the next look tells
        raise FenceLost(self.partition.tag)

    async def release(self) -> None:
        """Raises FenceLost, redis errors."""
        await self.write(lambda pipeline: pipeline.delete(self.partition.rebuild))

    async def _attempt(self, commands: Write) -> list[Any]:
        key = self.partition.rebuild
        async with self._client.pipeline(transaction=True) as pipeline:
            await pipeline.watch(key)
            if cast("bytes | None", await pipeline.get(key)) != self._token.encode():
                raise FenceLost(self.partition.tag)
            pipeline.multi()  # type: ignore[no-untyped-call]
            pipeline.pexpire(key, HELD_MS)
            commands(pipeline)
            return (await pipeline.execute())[1:]


@asynccontextmanager
async def fenced(client: Redis, partitions: Sequence[PartitionKeys]) -> AsyncIterator[list[Fence]]:
    """The right to rebuild all of these, renewed until the end. Raises FenceLost, redis errors."""
    token = new_operation_id()
    fences = [Fence(client, partition, token) for partition in partitions]
    taken: list[Fence] = []
    try:
        for fence in fences:
            if not await client.set(fence.partition.rebuild, token, nx=True, px=HELD_MS):
                raise FenceLost(fence.partition.tag)
            taken.append(fence)
        renewing = asyncio.create_task(_renew(client, taken))
        try:
            yield fences
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
    finally:
        for fence in taken:
            with contextlib.suppress(FenceLost, RedisError, OSError):
                await fence.release()


async def _renew(client: Redis, fences: list[Fence]) -> None:
    while True:
        await asyncio.sleep(_RENEW_SECONDS)
        for fence in fences:
            with contextlib.suppress(RedisError, OSError):
                await fence.write(lambda pipeline: None)
