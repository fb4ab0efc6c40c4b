"""Nobody sells on a store that was not checked against the ledger.

A store process is known by its run id. `{p07}:verified` holds the run id under which the back office
last found the partition complete. A new process knows no scripts, so the scripts themselves are the
gate: they are loaded only where the mark is the process's own. A call that finds its script there
costs nothing more. `freeze` closes the gate again: it takes the marks away and the scripts.
"""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis
from redis.exceptions import WatchError

from server.orders.errors import StoreFrozen
from server.orders.keys import KeyBook
from server.valkey import Script, partition_tag


async def run_id(client: Redis) -> bytes:
    """Names the store's process. Raises redis errors."""
    return str((await client.info("server"))["run_id"]).encode()


def mark_beside(key: str) -> str:
    """The mark of the partition that `key` belongs to."""
    return key[: key.index("}") + 1] + ":verified"


async def demand_verified(client: Redis, key: str) -> None:
    """Raises StoreFrozen where the partition of `key` is not to be trusted yet, redis errors."""
    mark = mark_beside(key)
    async with client.pipeline(transaction=False) as pipeline:
        pipeline.info("server")
        pipeline.get(mark)
        info, found = await pipeline.execute()
    if found is None or found.decode() != info["run_id"]:
        raise StoreFrozen(mark)


async def load_where_verified(client: Redis, script: Script, key: str) -> None:
    """Raises StoreFrozen, redis errors."""
    mark = mark_beside(key)
    async with client.pipeline(transaction=True) as pipeline:
        await pipeline.watch(mark)
        found = cast("bytes | None", await pipeline.get(mark))
        info = cast("dict[str, str]", await pipeline.info("server"))
        if found is None or found.decode() != info["run_id"]:
            raise StoreFrozen(mark)
        pipeline.multi()  # type: ignore[no-untyped-call]
        pipeline.script_load(script.source)
        try:
            await pipeline.execute()
        except WatchError:  # frozen just now
            raise StoreFrozen(mark) from None


async def freeze(client: Redis, book: KeyBook) -> None:
    """Nothing of the order wing runs on this store until its partitions are marked again.

    Scripts belong to the whole process, so all of its partitions stop. Raises redis errors.
    """
    async with client.pipeline(transaction=False) as pipeline:
        for partition in book.partitions:
            pipeline.delete(partition.verified)
        await pipeline.execute()
    await client.script_flush(sync_type="SYNC")


class StoreCheck:
    """Whether the store of this many partitions was checked and orders are taken."""

    def __init__(self, client: Redis, partitions: int) -> None:
        self._client = client
        self._keys = [partition_tag(number) for number in range(partitions)]

    async def __call__(self) -> None:
        """Raises StoreFrozen, redis errors."""
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            for key in self._keys:
                pipeline.get(mark_beside(key))
            info, *marks = await pipeline.execute()
        for key, mark in zip(self._keys, marks, strict=True):
            if mark is None or mark.decode() != info["run_id"]:
                raise StoreFrozen(mark_beside(key))


async def mark_verified(client: Redis, partitions: int) -> None:
    """Take the store's word for it, whatever the ledger says: for benchmarks and tests."""
    current = await run_id(client)
    async with client.pipeline(transaction=False) as pipeline:
        for number in range(partitions):
            pipeline.set(f"{partition_tag(number)}:verified", current)
        await pipeline.execute()
