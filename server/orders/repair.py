"""Mends the store from the ledger.

First the ledger gets what it has not: the outbox is drained, and records the store has ahead of it,
whose entries were lost, are told again. Then every partition is written anew from the ledger, frozen
meanwhile: counters, holds, units, requests and records become what the orders and movements say. No
stock is made up: a pool has what its movements gave it.

What only people can decide is left: payments without an order, holes in a history, parked entries.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from server.orders.acknowledged import find_wrong_ledger
from server.orders.audit import AuditReport, audit, audit_running
from server.orders.consumer import LedgerConsumer
from server.orders.fence import Fence, fenced
from server.orders.keys import KeyBook
from server.orders.ledger import Ledger
from server.orders.problems import Problem
from server.orders.replay import Replay
from server.orders.verified import freeze, run_id
from server.settings import OrderSettings
from server.valkey import store_errors


class RepairRefused(Exception):
    """`parked` outbox entries wait for a person."""

    def __init__(self, parked: int) -> None:
        super().__init__(parked)
        self.parked = parked

    def __str__(self) -> str:
        return (
            f"{self.parked} outbox entries are parked, so the ledger may lack what they say: see to them"
            " first (miaodan ledger parked list)"
        )


class WrongLedger(Exception):
    """The ledger lacks what this store's outbox was written to it: it is not this store's."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem.pool}: {self.problem.message}"


class RepairReport(Struct, frozen=True):
    """What was done, and how it is now."""

    ok: bool
    told: list[str]
    """Orders the store had ahead of the ledger: written to it again."""
    rebuilt: list[str]
    """Partitions written anew."""
    mended: list[Problem]
    """Found before and not any more."""
    audit: AuditReport

    @property
    def problems(self) -> list[Problem]:
        """What is left."""
        return self.audit.problems

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self))


class Repair:
    """Alone or beside a running server. `swept`: a back office runs beside it."""

    def __init__(self, client: Redis, ledger: Ledger, settings: OrderSettings, *, swept: bool) -> None:
        self._client = client
        self._ledger = ledger
        self._settings = settings
        self._swept = swept
        self._book = KeyBook(settings.partitions)

    async def run(self) -> RepairReport:
        """Raises RepairRefused, WrongLedger, FenceLost, StoreUnavailable, LedgerError, redis errors."""
        with store_errors():
            if wrong := await find_wrong_ledger(self._client, self._ledger, self._book):
                raise WrongLedger(wrong[0])  # before anything is drained into it
            await self._refuse_parked()
            before = await self._audit()
            await self._refuse_parked()
            if before.ok:
                return RepairReport(True, [], [], [], before)
            async with fenced(self._client, self._book.partitions) as fences:
                await freeze(self._client, self._book)
                # Nothing is added now, so this comes to an end also beside a running server.
                await self._drain()
                await self._refuse_parked()
                told = await self._tell_again(fences, before)
                await self._drain()
                await self._rebuild(fences)
        after = await self._audit()
        left = {(problem.pool, problem.kind, problem.order) for problem in after.problems}
        mended = [one for one in before.problems if (one.pool, one.kind, one.order) not in left]
        return RepairReport(after.ok, told, [keys.tag for keys in self._book.partitions], mended, after)

    async def _audit(self) -> AuditReport:
        if self._swept:
            return await audit_running(self._client, self._ledger, self._settings)
        await self._drain()
        return await audit(self._client, self._ledger, self._settings)

    async def _refuse_parked(self) -> None:
        if parked := await self._ledger.count_parked():
            raise RepairRefused(parked)

    async def _drain(self) -> None:
        await LedgerConsumer(self._client, self._ledger, self._settings, claim_idle_ms=0).drain()

    async def _tell_again(self, fences: list[Fence], report: AuditReport) -> list[str]:
        told = []
        for problem in report.problems:
            keys = self._book.of_order(problem.order)
            if problem.kind != "ledger_behind" or keys is None:
                continue
            record = cast("bytes | None", await self._client.get(keys.order(problem.order)))
            if record is not None:
                await fences[keys.number].write(partial(_tell, keys.outbox, record))
                told.append(problem.order)
        return told

    async def _rebuild(self, fences: list[Fence]) -> None:
        current = await run_id(self._client)
        reached = await self._ledger.checkpoints()
        replay = Replay(self._client, self._ledger, self._settings, fences)
        await replay.write()
        for fence in fences:
            await replay.complete(fence, current, reached.get(fence.partition.outbox))


def _tell(outbox: str, record: bytes, pipeline: Pipeline) -> None:
    pipeline.xadd(outbox, {"o": b"[" + record + b"]"})
