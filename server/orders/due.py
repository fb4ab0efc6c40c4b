"""What waits in a zset of each partition until its time (ms, the store's clock) has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from redis.asyncio import Redis

from server.orders.changes import RETURN_AFTER_MS
from server.orders.keys import PartitionKeys

LONGEST_PAUSE_MS = 3_600_000
"""Between two attempts at what the provider refuses."""


async def due(
    client: Redis,
    partitions: Sequence[PartitionKeys],
    zset: Callable[[PartitionKeys], str],
    now: int,
    limit: int,
) -> list[tuple[PartitionKeys, list[bytes]]]:
    """Of each partition what is due at `now`: at most `limit`, earliest first. Raises redis errors."""
    async with client.pipeline(transaction=False) as pipeline:
        for partition in partitions:
            pipeline.zrangebyscore(zset(partition), 0, now, 0, limit)
        found = cast("list[list[bytes]]", await pipeline.execute())
    return list(zip(partitions, found, strict=True))


def pause_after(refused_for: int) -> int:
    """Milliseconds until the next attempt: as long again as it has been refused, within bounds."""
    return min(max(refused_for, RETURN_AFTER_MS), LONGEST_PAUSE_MS)
