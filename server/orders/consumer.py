"""From the outbox to the ledger: read, write, commit, and only then acknowledge.

Never the other order: an entry whose consumer died after its commit is delivered again and changes
nothing. Entries that cannot be read are parked in the ledger, counted, and do not stand in the way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, cast

import orjson
import structlog
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from uuid_utils import uuid7

from server.orders.keys import KeyBook
from server.orders.ledger import Ledger, Parked
from server.orders.loops import run_forever
from server.orders.metrics import LEDGER_ENTRIES, LEDGER_ERRORS, LEDGER_LAG
from server.orders.records import Entry, decode_entry
from server.settings import OrderSettings

log = structlog.get_logger("miaodan.orders")

GROUP = "ledger"
RETAIN_MS = 5_000
"""How long acknowledged entries stay, so that an audit sees what the ledger it read did not have yet."""
_CLAIM_IDLE_MS = 10_000
_CLAIM_EVERY = 5.0
_FORGET_IDLE_MS = 3_600_000


class Delivery(Struct, frozen=True):
    """One outbox entry as the store delivers it."""

    stream: str
    entry: str
    fields: dict[bytes, bytes]


class LedgerConsumer:
    """One consumer of the group; any number may run.

    `claim_idle_ms`: after this long without an acknowledgement another's entries are taken over.
    """

    def __init__(
        self,
        client: Redis,
        ledger: Ledger,
        settings: OrderSettings,
        *,
        name: str | None = None,
        count: int = 64,
        block_ms: int = 1_000,
        claim_idle_ms: int = _CLAIM_IDLE_MS,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._streams = [partition.outbox for partition in KeyBook(settings.partitions).partitions]
        self.name = name or f"ledger-{os.getpid()}-{uuid7().hex[-8:]}"
        self._count = count
        self._block = block_ms
        self._claim_idle = claim_idle_ms
        self._ready = False
        self._claimed_at = 0.0

    async def run(self) -> None:
        """Consume until cancelled."""
        await run_forever("ledger consumer", self.step, 0, self._failed)

    def _failed(self, error: Exception) -> None:
        self._ready = False  # the store may have come back without the group
        LEDGER_ERRORS.labels("database" if isinstance(error, SQLAlchemyError) else "store").inc()

    async def step(self) -> int:
        """Take over what dead consumers left, from time to time; then what is new. Entries written.

        Raises redis and SQLAlchemy errors; then nothing was acknowledged.
        """
        if not self._ready:
            await self.prepare()
        if time.monotonic() - self._claimed_at >= _CLAIM_EVERY:
            claimed = await self.claim()
            await self.trim()
            self._claimed_at = time.monotonic()
            if claimed:
                LEDGER_ENTRIES.labels("claimed").inc(len(claimed))
                await self._settle(claimed)
        fresh = await self.read()
        if fresh:
            await self._settle(fresh)
        return len(fresh)

    async def drain(self) -> int:
        """Write everything that is there now, also what others left; entries written."""
        if not self._ready:
            await self.prepare()
        written = 0
        while deliveries := [*await self.claim(), *await self.read(block=False)]:
            await self._settle(deliveries)
            written += len(deliveries)
        return written

    async def prepare(self) -> None:
        """Make the groups that are missing."""
        for stream in self._streams:
            try:
                await self._client.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
        self._ready = True

    async def read(self, *, block: bool = True) -> list[Delivery]:
        """New entries of all partitions, oldest first within each."""
        wanted = dict.fromkeys(self._streams, ">")
        found = await self._client.xreadgroup(
            GROUP, self.name, cast("dict[Any, Any]", wanted), self._count, self._block if block else None
        )
        return [
            Delivery(stream.decode(), entry.decode(), fields)
            for stream, entries in cast("list[Any]", found or [])
            for entry, fields in entries
        ]

    async def claim(self) -> list[Delivery]:
        """Entries that a consumer took and did not acknowledge in time."""
        taken = []
        for stream in self._streams:
            reply = await self._client.xautoclaim(
                stream, GROUP, self.name, self._claim_idle, "0-0", self._count
            )
            entries = reply[1]
            taken += [Delivery(stream, entry.decode(), fields) for entry, fields in entries if fields]
        return taken

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Into the ledger, committed; what cannot be written is parked there instead."""
        entries, parked, kept = [], [], []
        for delivery in deliveries:
            try:
                entries.append(decode_entry(delivery.fields))
                kept.append(delivery)
            except ValueError as error:
                parked.append(_park(delivery, error))
        try:
            await self._ledger.write(entries, parked)
        except OperationalError:
            raise  # the database, not the entry
        except (SQLAlchemyError, ValueError, OverflowError) as error:
            log.warning("outbox entries are written one by one", entries=len(entries), error=str(error))
            parked += await self._one_by_one(entries, kept)
            await self._ledger.write([], parked)
        if parked:
            LEDGER_ENTRIES.labels("parked").inc(len(parked))
        LEDGER_ENTRIES.labels("written").inc(len(deliveries) - len(parked))

    async def _one_by_one(self, entries: list[Entry], kept: list[Delivery]) -> list[Parked]:
        parked = []
        for entry, delivery in zip(entries, kept, strict=True):
            try:
                await self._ledger.write([entry])
            except OperationalError:
                raise
            except (SQLAlchemyError, ValueError, OverflowError) as error:
                parked.append(_park(delivery, error))
        return parked

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        by_stream: dict[str, list[str]] = {}
        for delivery in deliveries:
            by_stream.setdefault(delivery.stream, []).append(delivery.entry)
        async with self._client.pipeline(transaction=False) as pipeline:
            for stream, entries in by_stream.items():
                pipeline.xack(stream, GROUP, *entries)
            await pipeline.execute()

    async def trim(self) -> None:
        """Drop what every consumer is done with, and consumers long gone."""
        for stream in self._streams:
            try:
                (group,) = await self._client.xinfo_groups(stream)
                pending = await self._client.xpending(stream, GROUP)
                consumers = await self._client.xinfo_consumers(stream, GROUP)
            except (ResponseError, ValueError) as error:
                raise RedisError(f"{stream} has lost its group: {error}") from error
            bounds = [group["last-delivered-id"], pending["min"]] if pending["pending"] else None
            seconds, micros = await self._client.time()
            old = (int(seconds) * 1000 + int(micros) // 1000 - RETAIN_MS, 0)
            done = [_entry_id(bound) for bound in bounds or [group["last-delivered-id"]]]
            lowest = min([old, *done])
            if lowest > (0, 0):
                await self._client.xtrim(stream, minid=f"{lowest[0]}-{lowest[1]}", approximate=True)
            for consumer in consumers:
                gone = consumer["pending"] == 0 and consumer["idle"] > _FORGET_IDLE_MS
                if gone and consumer["name"].decode() != self.name:
                    await self._client.xgroup_delconsumer(stream, GROUP, consumer["name"])

    async def _settle(self, deliveries: Sequence[Delivery]) -> None:
        await self.write(deliveries)
        await self.acknowledge(deliveries)
        newest = max(_entry_id(delivery.entry.encode())[0] for delivery in deliveries)
        LEDGER_LAG.set(max(time.time() - newest / 1000, 0))


def _entry_id(entry: bytes) -> tuple[int, int]:
    at, _, number = entry.decode().partition("-")
    return int(at), int(number)


def _park(delivery: Delivery, error: Exception) -> Parked:
    log.error("outbox entry parked", stream=delivery.stream, entry=delivery.entry, error=str(error))
    fields = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in delivery.fields.items()
    }
    return Parked(delivery.stream, delivery.entry, orjson.dumps(fields).decode(), str(error))
