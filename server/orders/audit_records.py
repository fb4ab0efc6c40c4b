"""Record by record: every order of the ledger beside the store's, and every hold beside its order.

The ledger is one moment, the store is read after it, each batch at one moment of its partition. So the
store may be ahead, by what is on its way: that is looked for again in the outbox and the ledger as they
are at the end. It may never be behind, whatever is going on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.orders.aftersales import under_way
from server.orders.entries import decode_entry
from server.orders.keys import ORDER_ID_LENGTH, KeyBook, PartitionKeys
from server.orders.ledger import Ledger
from server.orders.lifecycle import HOLDING
from server.orders.problems import Problem
from server.orders.readback import BATCH, read_orders
from server.orders.records import StoredOrder, decode_stored
from server.orders.tables import orders
from server.orders.traces import hold_until, record_life, request_contents
from server.settings import OrderSettings

_MARGIN_MS = 5_000
"""How near to its end the store need not have a record or a request any more."""
_SUSPECTS = 5_000
"""Orders that are ahead of the ledger are looked for this many at a time."""


class Ahead(Struct, frozen=True):
    """An order that the store has and the ledger has not, or not at this version."""

    order: str
    version: int
    pool: str


class RecordAudit:
    """`swept`: a back office releases holds, so none may be overdue for long."""

    def __init__(
        self, client: Redis, ledger: Ledger, settings: OrderSettings, now: int, *, swept: bool
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._settings = settings
        self._book = KeyBook(settings.partitions)
        self._now = now
        self._late = now - max(20 * settings.sweep_ms, 10_000) if swept else None
        self._ahead: list[Ahead] = []

    async def problems(self, connection: AsyncConnection) -> AsyncIterator[Problem]:
        """Raises LedgerError, redis errors."""
        async for batch in read_orders(connection, range(self._settings.partitions)):
            by_partition: dict[int, list[tuple[StoredOrder, int]]] = {}
            for record, last in batch:
                keys = self._book.room(record.room).partition
                by_partition.setdefault(keys.number, []).append((record, last))
            for number, some in by_partition.items():
                for problem in await self._compare(self._book.partitions[number], some):
                    yield problem
            if len(self._ahead) >= _SUSPECTS:
                for problem in await self._missing():
                    yield problem
        for partition in self._book.partitions:
            async for problem in self._holds(partition):
                yield problem
            async for problem in self._unknown(partition, connection):
                yield problem
        for problem in await self._missing():
            yield problem

    # ---- orders the ledger has --------------------------------------------------------------

    async def _compare(self, keys: PartitionKeys, batch: list[tuple[StoredOrder, int]]) -> list[Problem]:
        names = [record.order for record, _ in batch]
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.mget([keys.order(name) for name in names])
            pipeline.zmscore(keys.holds, cast("Any", names))
            pipeline.zmscore(keys.refunds, cast("Any", [_refund_of(record) for record, _ in batch]))
            for record, _ in batch:
                pipeline.hget(self._book.room(record.room).user(record.user), record.request_id)
            found, scores, dues, *requests = await pipeline.execute()
        problems = [
            _problem(record, "refund_missing", 1, 0, "it is refunding, and nobody will take that up")
            for (record, _), data, due in zip(batch, found, dues, strict=True)
            if due is None and _refund_of(record) and data is not None and _same(record, data)
        ]
        for (record, last), data, score, request in zip(batch, found, scores, requests, strict=True):
            problems += self._record(record, data, score)
            if last + self._settings.request_ttl_ms > self._now + _MARGIN_MS:
                problems += _request(record, request)
        return problems

    def _record(self, record: StoredOrder, data: bytes | None, score: float | None) -> list[Problem]:
        life = record_life(record, self._settings)
        if data is None:
            if life is not None and record.updated_at + life <= self._now + _MARGIN_MS:
                return []
            message = f"the store has no record of it, the ledger says {record.status.value}"
            return [_problem(record, "record_missing", record.version, 0, message)]
        try:
            stored = decode_stored(data)
        except msgspec.MsgspecError as error:
            return [_problem(record, "record_unreadable", record.version, 0, f"its record: {error}")]
        problems = []
        if stored.version < record.version:
            message = (
                f"the store has version {stored.version} ({stored.status.value}),"
                f" the ledger {record.version} ({record.status.value})"
            )
            problems.append(_problem(record, "record_behind", record.version, stored.version, message))
        elif stored.version > record.version:
            self._ahead.append(Ahead(stored.order, stored.version, f"{record.room}/{record.pool}"))
        else:
            problems += _differences(record, stored)
        return [*problems, *self._hold(stored, score)]

    def _hold(self, stored: StoredOrder, score: float | None) -> list[Problem]:
        if stored.status not in HOLDING:
            return []  # a hold that is too many is found among the holds
        until = hold_until(stored, self._settings)
        if score is None:
            return [_problem(stored, "hold_missing", until, 0, "reserved, and no hold would run out")]
        if int(score) != until:
            message = f"its hold ends at {int(score)}, not at {until}"
            return [_problem(stored, "hold_deadline", until, int(score), message)]
        return []

    # ---- what the ledger does not name ------------------------------------------------------

    async def _holds(self, keys: PartitionKeys) -> AsyncIterator[Problem]:
        cursor = 0
        while True:
            cursor, members = await self._client.zscan(keys.holds, cursor, count=BATCH)
            names = [cast("bytes", member).decode("utf-8", "replace") for member, _ in members]
            if names:
                async with self._client.pipeline(transaction=True) as pipeline:
                    pipeline.mget([keys.order(name) for name in names])
                    pipeline.zmscore(keys.holds, cast("Any", names))
                    found, scores = await pipeline.execute()
                for name, data, score in zip(names, found, scores, strict=True):
                    if score is not None:
                        for problem in self._held(keys, name, data, int(score)):
                            yield problem
            if cursor == 0:
                return

    def _held(self, keys: PartitionKeys, name: str, data: bytes | None, score: int) -> list[Problem]:
        try:
            stored = decode_stored(data) if data is not None else None
        except msgspec.MsgspecError:
            return []  # named already
        if stored is None or stored.status not in HOLDING:
            pool = keys.tag if stored is None else f"{stored.room}/{stored.pool}"
            status = "is not there" if stored is None else f"is {stored.status.value}"
            message = f"order {name}: a hold, and the order {status}"
            return [Problem(pool, "hold_orphan", 0, score, message, name)]
        if self._late is not None and score < self._late:
            message = f"its hold ran out {self._now - score} ms ago and nobody released it"
            return [_problem(stored, "hold_overdue", self._now, score, message)]
        return []

    async def _unknown(self, keys: PartitionKeys, connection: AsyncConnection) -> AsyncIterator[Problem]:
        """Orders of the store that the ledger does not have: they may be on their way."""
        cursor = 0
        while True:
            cursor, found = await self._client.scan(cursor, match=f"{keys.order_prefix}*", count=2 * BATCH)
            names = [cast("bytes", key).decode()[len(keys.order_prefix) :] for key in found]
            there = set()
            for at in range(0, len(names), BATCH):
                query = select(orders.c.order_id).where(orders.c.order_id.in_(names[at : at + BATCH]))
                there |= {row[0] for row in await connection.execute(query)}
            for problem in await self._strangers(keys, [name for name in names if name not in there]):
                yield problem
            if cursor == 0:
                return

    async def _strangers(self, keys: PartitionKeys, names: list[str]) -> list[Problem]:
        problems = []
        found = await self._client.mget([keys.order(name) for name in names]) if names else []
        for name, data in zip(names, cast("list[bytes | None]", found), strict=True):
            try:
                stored = decode_stored(data) if data is not None else None
            except msgspec.MsgspecError as error:
                message = f"order {name}: its record: {error}"
                problems.append(Problem(keys.tag, "record_unreadable", 0, 0, message, name))
                continue
            if stored is not None:
                self._ahead.append(Ahead(name, stored.version, f"{stored.room}/{stored.pool}"))
        return problems

    async def _missing(self) -> list[Problem]:
        """Of those ahead of the ledger: what is neither in the outbox nor in the ledger by now."""
        ahead, self._ahead = self._ahead, []
        if not ahead:
            return []
        coming: dict[str, int] = {}
        for partition in self._book.partitions:
            for _, fields in cast("list[Any]", await self._client.xrange(partition.outbox)):
                try:
                    for record in decode_entry(fields).orders:
                        coming[record.order] = max(coming.get(record.order, 0), record.version)
                except ValueError:
                    continue  # counted as parked
        written: dict[str, int] = {}
        async with self._ledger.reading() as connection:
            for at in range(0, len(ahead), BATCH):
                names = [one.order for one in ahead[at : at + BATCH]]
                query = select(orders.c.order_id, orders.c.version).where(orders.c.order_id.in_(names))
                written.update((order, version) for order, version in await connection.execute(query))
        return [
            Problem(
                one.pool,
                "ledger_behind",
                one.version,
                written.get(one.order, 0),
                f"order {one.order}: the store has version {one.version},"
                f" the ledger {written.get(one.order, 0) or 'nothing'}, and nothing of it is on its way",
                one.order,
            )
            for one in ahead
            if max(coming.get(one.order, 0), written.get(one.order, 0)) < one.version
        ]


def _problem(record: StoredOrder, kind: str, expected: int | str, found: int | str, message: str) -> Problem:
    pool = f"{record.room}/{record.pool}"
    return Problem(pool, kind, expected, found, f"order {record.order}: {message}", record.order)


def _refund_of(record: StoredOrder) -> str:
    """The id of the refund it is in, or nothing."""
    refund = under_way(record)
    return refund.id if refund is not None else ""


def _same(record: StoredOrder, data: bytes) -> bool:
    """Whether the store has this very version."""
    try:
        return decode_stored(data).version == record.version
    except msgspec.MsgspecError:
        return False  # named already


def _request(record: StoredOrder, request: bytes | None) -> list[Problem]:
    expected = f"{record.order} {request_contents(record)}"
    found = request.decode("utf-8", "replace") if request is not None else ""
    # The ledger did not always keep `pay`. A request that was forgotten may have placed a later order.
    later = found[:3] == record.order[:3] and found[:ORDER_ID_LENGTH] > record.order
    if found[:-1] == expected[:-1] or later:
        return []
    message = f"its request {record.request_id!r} is remembered as {found!r}, not as {expected!r}"
    return [_problem(record, "request", expected, found, message)]


def _differences(record: StoredOrder, stored: StoredOrder) -> list[Problem]:
    problems = []
    for name in record.__struct_fields__:
        expected, found = getattr(record, name), getattr(stored, name)
        if isinstance(found, str) and "\0" in found:  # which PostgreSQL does not hold
            found = found.replace("\0", "\N{REPLACEMENT CHARACTER}")
        if expected == found or (name == "pay" and not expected):  # it was not kept once
            continue
        message = f"{name}: the ledger has {_plain(expected)}, the store {_plain(found)}"
        problems.append(_problem(record, f"record_{name}", _plain(expected), _plain(found), message))
    return problems


def _plain(value: object) -> int | str:
    return value if isinstance(value, int) else msgspec.json.encode(value).decode()
