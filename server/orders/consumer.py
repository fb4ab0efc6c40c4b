"""From the outbox to the ledger: read, write, commit, and only then acknowledge.

Never the other order: an entry whose consumer died after its commit is delivered again and changes
nothing. Entries that cannot be read or written are parked in the ledger, counted, and do not stand in
the way. While the database is away nothing new is taken: the outbox keeps it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
import structlog
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from uuid_utils import uuid7

from server.orders.entries import Entry, decode_entry
from server.orders.errors import LedgerError, Unwritable
from server.orders.keys import KeyBook
from server.orders.ledger import Ledger
from server.orders.loops import run_forever
from server.orders.metrics import LEDGER_ENTRIES, LEDGER_ERRORS
from server.orders.statements import EntryId, Parked
from server.settings import OrderSettings

log = structlog.get_logger("miaodan.orders")

GROUP = "ledger"
RETAIN_MS = 5_000
"""How long acknowledged entries stay, so that an audit sees what the ledger it read did not have yet."""
_CLAIM_IDLE_MS = 10_000
_CLAIM_EVERY = 5.0
_FORGET_IDLE_MS = 3_600_000
_ERROR_TEXT = 500
"""Characters of an error that are kept with what was parked."""


class Delivery(Struct, frozen=True):
    """One outbox entry as the store delivers it."""

    stream: str
    entry: str
    fields: dict[bytes, bytes]


class LedgerConsumer:
    """One consumer of the group; any number may run.

    `count`: entries taken of each partition at once, fewer for a while after a failure.
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
        self._most = self._take = count
        self._block = block_ms
        self._claim_idle = claim_idle_ms
        self._ready = False
        self._interrupted = False
        self._claimed_at = 0.0
        self.seen: dict[str, EntryId] = {}
        """By stream, the highest entry this process was given."""

    async def run(self) -> None:
        """Consume until cancelled."""
        await run_forever("ledger consumer", self.step, 0, self._failed)

    def _failed(self, error: Exception) -> None:
        self._ready = False  # the store may have come back without the group, the database without tables
        self._interrupted = True
        self._take = max(1, self._take // 2)  # it may have been too much for a slow database
        LEDGER_ERRORS.labels("database" if isinstance(error, LedgerError) else "store").inc()

    async def step(self) -> int:
        """First what a failure left unfinished; from time to time what dead consumers left; then what is
        new. Entries written.

        Raises redis errors, LedgerError; then nothing was acknowledged.
        """
        if not self._ready:
            await self.prepare()
        if self._interrupted:
            unfinished = await self.unfinished()
            await self._settle(unfinished)
            self._interrupted = bool(unfinished)
            return len(unfinished)
        if time.monotonic() - self._claimed_at >= _CLAIM_EVERY:
            claimed = await self.claim()
            await self.trim()
            self._claimed_at = time.monotonic()
            LEDGER_ENTRIES.labels("claimed").inc(len(claimed))
            await self._settle(claimed)
        fresh = await self.read()
        await self._settle(fresh)
        return len(fresh)

    async def drain(self) -> int:
        """Write everything that is there now, also what others left; entries written."""
        if not self._ready:
            await self.prepare()
        written = 0
        for some in (self.unfinished, self._left_or_new):
            while deliveries := await some():
                await self._settle(deliveries)
                written += len(deliveries)
        return written

    async def _left_or_new(self) -> list[Delivery]:
        return [*await self.claim(), *await self.read(block=False)]

    async def prepare(self) -> None:
        """Make the groups and tables that are missing; nothing is taken from the outbox before."""
        for stream in self._streams:
            try:
                await self._client.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
        await self._ledger.start()
        self._ready = True

    async def unfinished(self) -> list[Delivery]:
        """Entries that this consumer took and did not acknowledge."""
        own = dict.fromkeys(self._streams, "0")
        return _deliveries(
            await self._client.xreadgroup(GROUP, self.name, cast("dict[Any, Any]", own), self._take)
        )

    async def read(self, *, block: bool = True) -> list[Delivery]:
        """New entries of all partitions, oldest first within each."""
        wanted = dict.fromkeys(self._streams, ">")
        found = await self._client.xreadgroup(
            GROUP, self.name, cast("dict[Any, Any]", wanted), self._take, self._block if block else None
        )
        return _deliveries(found)

    async def claim(self) -> list[Delivery]:
        """Entries that a consumer took and did not acknowledge in time."""
        taken = []
        for stream in self._streams:
            reply = await self._client.xautoclaim(
                stream, GROUP, self.name, self._claim_idle, "0-0", self._take
            )
            entries = reply[1]
            taken += [Delivery(stream, entry.decode(), fields) for entry, fields in entries if fields]
        return taken

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Into the ledger, committed; what cannot be written is parked there instead. Raises LedgerError."""
        entries, kept = [], []
        parked = []
        for delivery in deliveries:
            try:
                entries.append(decode_entry(delivery.fields))
                kept.append(delivery)
            except ValueError as error:
                parked.append(_park(delivery, error))
        parked += await self._write(entries, kept)
        if parked:
            await self._ledger.write([], parked, _reached(deliveries))
            LEDGER_ENTRIES.labels("parked").inc(len(parked))
        LEDGER_ENTRIES.labels("written").inc(len(deliveries) - len(parked))

    async def _write(self, entries: list[Entry], kept: list[Delivery]) -> list[Parked]:
        """What could not be written, found by halving."""
        if not entries:
            return []
        try:
            await self._ledger.write(entries, reached=_reached(kept))
        except Unwritable as error:
            if len(entries) == 1:
                return [_park(kept[0], error)]
            half = len(entries) // 2
            return [
                *await self._write(entries[:half], kept[:half]),
                *await self._write(entries[half:], kept[half:]),
            ]
        return []

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
            done = [entry_id(bound.decode()) for bound in bounds or [group["last-delivered-id"]]]
            lowest = min([old, *done])
            if lowest > (0, 0):
                await self._client.xtrim(stream, minid=f"{lowest[0]}-{lowest[1]}", approximate=True)
            for consumer in consumers:
                gone = consumer["pending"] == 0 and consumer["idle"] > _FORGET_IDLE_MS
                if gone and consumer["name"].decode() != self.name:
                    await self._client.xgroup_delconsumer(stream, GROUP, consumer["name"])

    async def _settle(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self.seen.update(_reached(deliveries, self.seen))
            await self.write(deliveries)
            await self.acknowledge(deliveries)
            self._take = min(self._most, self._take * 2)


def _deliveries(found: object) -> list[Delivery]:
    """A reply of XREADGROUP."""
    return [
        Delivery(stream.decode(), entry.decode(), fields or {})
        for stream, entries in cast("list[Any]", found or [])
        for entry, fields in entries
    ]


def entry_id(entry: str) -> EntryId:
    at, _, number = entry.partition("-")
    return int(at), int(number)


async def outbox_end(client: Redis, stream: str) -> EntryId | None:
    """The last id the stream ever gave out; None where there is no stream. Raises redis errors."""
    try:
        info = await client.xinfo_stream(stream)
    except ResponseError:
        return None
    return entry_id(info["last-generated-id"].decode())


def _reached(
    deliveries: Sequence[Delivery], before: Mapping[str, EntryId] | None = None
) -> dict[str, EntryId]:
    """By stream, the highest of them, and of those `before`."""
    highest = dict(before or {})
    for delivery in deliveries:
        at = entry_id(delivery.entry)
        highest[delivery.stream] = max(highest.get(delivery.stream, at), at)
    return highest


def _park(delivery: Delivery, error: Exception) -> Parked:
    log.error("outbox entry parked", stream=delivery.stream, entry=delivery.entry, error=str(error))
    fields = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in delivery.fields.items()
    }
    return Parked(delivery.stream, delivery.entry, orjson.dumps(fields).decode(), str(error)[:_ERROR_TEXT])
