"""How far the ledger is behind, told whether or not anything is written."""

from __future__ import annotations

from typing import Any, cast

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from server.orders.consumer import GROUP
from server.orders.keys import KeyBook
from server.orders.ledger import Ledger
from server.orders.loops import run_forever
from server.orders.metrics import LEDGER_BACKLOG, LEDGER_LAG, LEDGER_PARKED, SWEEPS
from server.settings import OrderSettings

_EVERY = 1.0
BEHIND_SECONDS = 30.0
"""From here on a node is degraded. More than it takes to notice a dead consumer and take its entries over."""


class Backlog(Struct, frozen=True):
    """Outbox entries the ledger does not have yet, and the age of the oldest in seconds (0: none)."""

    entries: int
    seconds: float


async def backlog(client: Redis, streams: list[str]) -> Backlog:
    """Raises redis errors."""
    found = [await _behind(client, stream) for stream in streams]
    seconds, micros = await client.time()
    now = int(seconds) * 1000 + int(micros) // 1000
    oldest = min((at for _, ats in found for at in ats), default=now)
    return Backlog(sum(count for count, _ in found), max(now - oldest, 0) / 1000)


async def _behind(client: Redis, stream: str) -> tuple[int, list[int]]:
    """One stream's entries that are taken and not acknowledged, or not taken: how many, first times in ms."""
    try:
        groups = await client.xinfo_groups(stream)
    except ResponseError:  # no such stream: nothing was ever sold here
        return 0, []
    group = next((one for one in groups if one["name"] == GROUP.encode()), None)
    if group is None:  # everything is still to be written
        pending, heads, last = 0, [], b"0"
    else:
        taken = await client.xpending(stream, GROUP)
        pending, last = taken["pending"], group["last-delivered-id"]
        heads = [taken["min"]] if pending else []
    first = cast("list[Any]", await client.xrange(stream, min=f"({last.decode()}", count=1))
    heads += [entry for entry, _ in first]
    behind = await client.xlen(stream) if group is None else group["lag"]
    count = pending + (len(first) if behind is None else behind)  # None: the store cannot tell
    return count, [int(head.partition(b"-")[0]) for head in heads]


class LedgerBehind(Exception):
    """`seconds`: the age of the oldest entry it does not have."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the ledger is {self.seconds:.0f} s behind"


class LedgerCheck:
    """Whether the ledger can be read and is kept up to date, whoever does that."""

    def __init__(self, client: Redis, ledger: Ledger, settings: OrderSettings) -> None:
        self._client = client
        self._ledger = ledger
        self._streams = [partition.outbox for partition in KeyBook(settings.partitions).partitions]

    async def __call__(self) -> None:
        """Raises LedgerError, LedgerBehind."""
        await self._ledger.ping()
        try:
            found = await backlog(self._client, self._streams)
        except (RedisError, OSError):
            return  # the store's trouble, which is told elsewhere
        if found.seconds > BEHIND_SECONDS:
            raise LedgerBehind(found.seconds)


class BacklogWatch:
    """Keeps the gauges of one back office true."""

    def __init__(self, client: Redis, ledger: Ledger, settings: OrderSettings) -> None:
        self._client = client
        self._ledger = ledger
        self._streams = [partition.outbox for partition in KeyBook(settings.partitions).partitions]

    async def run(self) -> None:
        """Until cancelled."""
        await run_forever("ledger watch", self.step, _EVERY, lambda error: SWEEPS.labels("backlog").inc())

    async def step(self) -> None:
        """Raises redis errors, LedgerError."""
        found = await backlog(self._client, self._streams)
        LEDGER_LAG.set(found.seconds)
        LEDGER_BACKLOG.set(found.entries)
        LEDGER_PARKED.set(await self._ledger.count_parked())
