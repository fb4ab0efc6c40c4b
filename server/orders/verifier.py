"""Finds a store that is not the one it was, freezes it, replays the ledger, thaws it.

A store process the back office has not seen yet is compared with the ledger before anything is sold
on it: what its outboxes gave out last with the highest entries in the ledger. One that has as much or
more is marked. One that is older or empty is rebuilt. All partitions are looked at, and mended, before
any is marked: scripts are loaded for the whole process.

While the ledger cannot be read, a store that has everything this back office has itself seen is
trusted, and of what the one before it saw there is a note in the data directory. A back office that
knows nothing waits for the ledger.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.orders.consumer import LedgerConsumer, outbox_end
from server.orders.errors import LedgerError
from server.orders.fence import Fence, FenceLost, fenced
from server.orders.keys import KeyBook, PartitionKeys
from server.orders.ledger import Ledger
from server.orders.loops import run_forever
from server.orders.metrics import FROZEN, REPLAYED, SWEEPS
from server.orders.replay import Replay, chunks
from server.orders.scripts import ADOPT
from server.orders.statements import EntryId
from server.orders.verified import freeze
from server.orders.watermark import Watermark
from server.settings import OrderSettings
from server.valkey import LOST, nothing_ran

log = structlog.get_logger("miaodan.orders")

_EVERY = 0.2
_NOTE_EVERY = 1.0
_POOLS = 500
"""Pools looked at in one call."""

Ends = dict[str, EntryId]
"""By outbox stream: the last id it gave out."""


class Verifier:
    """`seen`: by stream, the highest entries this process was ever given (kept by its consumer).
    `watermark`: where that outlives the process."""

    def __init__(
        self,
        client: Redis,
        ledger: Ledger,
        settings: OrderSettings,
        *,
        seen: Mapping[str, EntryId] | None = None,
        watermark: Watermark | None = None,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._settings = settings
        self._book = KeyBook(settings.partitions)
        self._seen = seen if seen is not None else {}
        self._watermark = watermark
        self._noted_at = float("-inf")
        self._ends: Ends | None = None
        """As they were when this process last found the store verified; None: it knows nothing."""
        self._told = ""
        self.passed = asyncio.Event()
        """Set once the store was found verified for the first time."""

    async def run(self) -> None:
        """Look until cancelled."""
        await run_forever("store verifier", self.step, _EVERY, lambda _: SWEEPS.labels("verifier").inc())

    async def step(self) -> bool:
        """Look once, and mend what is to be mended; whether the store is verified now.

        Raises redis errors that are no absence of the store, LedgerError.
        """
        try:
            return await self._step()
        except FenceLost as error:
            self._tell("another process checks the store", reason=str(error))
        except (*LOST, RedisError) as error:
            if not isinstance(error, LOST) and not nothing_ran(error):
                raise
            self._tell("the store is away", reason=str(error))
        return False

    async def _step(self) -> bool:
        run_id, marks = await self._look()
        unmarked = [
            partition for partition, mark in zip(self._book.partitions, marks, strict=True) if mark != run_id
        ]
        FROZEN.set(len(unmarked))
        if not unmarked:
            self.passed.set()
            await self._note()
            return True
        async with fenced(self._client, self._book.partitions) as fences:
            if not await self._check(fences, run_id):
                return False
        FROZEN.set(0)
        self.passed.set()
        return True

    async def _look(self) -> tuple[bytes, list[bytes | None]]:
        """The store's run id, and the marks of all partitions."""
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            for partition in self._book.partitions:
                pipeline.get(partition.verified)
            info, *marks = await pipeline.execute()
        return cast("str", info["run_id"]).encode(), marks

    async def _check(self, fences: list[Fence], run_id: bytes) -> bool:
        """Whether all partitions count now."""
        _, marks = await self._look()
        lost: list[PartitionKeys] = []
        # The ledger first: what comes while we look is in the store before it is in the ledger.
        reached, error = await self._checkpoints()
        ends = await self._outbox_ends()
        if error is None:
            for partition, mark in zip(self._book.partitions, marks, strict=True):
                if await self._is_lost(partition, mark, ends, reached):
                    lost.append(partition)
        elif await self._has_all_seen(ends):
            log.warning("the ledger cannot be read: the store has all this process saw", reason=str(error))
        else:
            self._tell("frozen until the ledger can be read", reason=str(error))
            return False
        replay = Replay(
            self._client,
            self._ledger,
            self._settings,
            [fence for fence in fences if fence.partition in lost],
        )
        if lost:
            await self._replay(replay, lost)
        for fence, mark in zip(fences, marks, strict=True):
            if fence.partition not in lost and mark is None:
                await self._adopt(fence.partition)
        for fence in fences:
            await replay.complete(fence, run_id, reached.get(fence.partition.outbox))
        self._ends = await self._outbox_ends()
        self._told = ""
        log.info("the store is verified", run_id=run_id.decode(), replayed=[keys.tag for keys in lost])
        return True

    async def _replay(self, replay: Replay, lost: list[PartitionKeys]) -> None:
        tags = [partition.tag for partition in lost]
        log.error("the store is older than the ledger: it is frozen and the ledger replayed", partitions=tags)
        await freeze(self._client, self._book)
        # What the store still has goes to the ledger first; nothing is added to it now.
        await LedgerConsumer(self._client, self._ledger, self._settings, claim_idle_ms=0).drain()
        await replay.write()
        REPLAYED.labels("partitions").inc(len(lost))
        done = replay.done
        log.warning("the ledger is replayed", pools=len(done.pools), orders=done.orders, holds=done.holds)

    async def _is_lost(
        self, partition: PartitionKeys, mark: bytes | None, ends: Ends, reached: Mapping[str, EntryId]
    ) -> bool:
        """Whether the ledger has what this partition has not.

        One that was emptied under a running process may have new entries: it has no mark and no rooms.
        """
        expected = reached.get(partition.outbox)
        if expected is None:
            return False
        if ends.get(partition.outbox, (0, 0)) < expected:
            return True
        return mark is None and not await self._client.exists(partition.rooms)

    async def _checkpoints(self) -> tuple[dict[str, EntryId], LedgerError | None]:
        """How far the ledger was written, or why that cannot be read."""
        try:
            return await self._ledger.checkpoints(), None
        except LedgerError:
            pass
        try:
            await self._ledger.start()  # it may have come back without its tables, or never had any
            return await self._ledger.checkpoints(), None
        except LedgerError as error:
            return {}, error

    async def _outbox_ends(self) -> Ends:
        ends = {}
        for partition in self._book.partitions:
            end = await outbox_end(self._client, partition.outbox)
            if end is not None:
                ends[partition.outbox] = end
        return ends

    async def _has_all_seen(self, ends: Ends) -> bool:
        known = self._ends
        if known is None and self._watermark is not None:
            known = await asyncio.to_thread(self._watermark.read)
        if known is None:
            return False
        both = [*known.items(), *self._seen.items()]
        return all(ends.get(stream, (0, 0)) >= end for stream, end in both)

    async def _note(self) -> None:
        """Once a second at most."""
        if self._watermark is None or time.monotonic() < self._noted_at + _NOTE_EVERY:
            return
        self._noted_at = time.monotonic()
        ends, known = await self._outbox_ends(), self._ends or {}
        # Never backwards: the store may have been another one since it was found verified.
        self._ends = known | {stream: max(end, known.get(stream, end)) for stream, end in ends.items()}
        await asyncio.to_thread(self._watermark.note, self._ends)

    async def _adopt(self, partition: PartitionKeys) -> None:
        """Pools from before their rules were kept in the ledger get their row."""
        for room in cast("set[bytes]", await self._client.smembers(partition.rooms)):
            keys = self._book.room(room.decode())
            refs = sorted(cast("set[bytes]", await self._client.smembers(keys.pools)))
            for some in chunks(refs, _POOLS):
                async with self._client.pipeline(transaction=False) as pipeline:
                    for ref in some:
                        pipeline.hget(keys.at(ref.decode()).pool, "version")
                    versions = await pipeline.execute()
                for ref, version in zip(some, versions, strict=True):
                    if version is None:
                        arguments: list[Any] = [partition.outbox, keys.at(ref.decode()).pool, keys.room, ref]
                        await self._client.eval(ADOPT.source, 2, *arguments)

    def _tell(self, what: str, *, reason: str) -> None:
        """Once for each thing that stands in the way."""
        if self._told != what:
            self._told = what
            log.warning(what, reason=reason)
