"""Nothing unpaid is held for ever, and no money stays where it is owed."""

from __future__ import annotations

import asyncio
from typing import cast

import structlog
from redis.asyncio import Redis

from schemas.codes import OrderStatus
from server.orders.aftersales import under_way
from server.orders.changes import RETURN_AFTER_MS, Changes, Code, Owed, expire_order, release_change
from server.orders.due import due, pause_after
from server.orders.keys import KeyBook, PartitionKeys
from server.orders.lifecycle import HOLDING
from server.orders.loops import run_forever
from server.orders.metrics import RELEASED, SWEEPS
from server.orders.provider import PaymentRefused
from server.orders.records import decode_stored
from server.orders.service import OrderService
from server.settings import OrderSettings
from server.valkey import store_time

log = structlog.get_logger("miaodan.orders")

_RETURNS = 64
"""Owed payments taken up per partition and pass."""


class HoldSweeper:
    """Releases holds whose deadline and grace have passed.

    Any number may run: the release compares and sets.
    """

    def __init__(self, client: Redis, settings: OrderSettings) -> None:
        self._client = client
        self._settings = settings
        self._book = KeyBook(settings.partitions)
        self._expire = expire_order(settings.payment_grace_ms)

    async def run(self) -> None:
        """Sweep every `sweep_ms` until cancelled."""
        period = self._settings.sweep_ms / 1000
        await run_forever("hold sweeper", self.sweep, period, lambda _: SWEEPS.labels("holds").inc())

    async def sweep(self) -> int:
        """Release every hold that is due now; how many. Raises redis errors."""
        released = 0
        now = await store_time(self._client)
        waiting, batch = self._book.partitions, self._settings.batch
        while waiting:
            full = []
            for partition, members in await due(self._client, waiting, lambda keys: keys.holds, now, batch):
                if members:
                    released += await self._release(partition, members)
                if len(members) == batch:
                    full.append(partition)
            waiting = full
        return released

    async def _release(self, partition: PartitionKeys, members: list[bytes]) -> int:
        keys = [partition.order(member.decode()) for member in members]
        records = cast("list[bytes | None]", await self._client.mget(keys))
        stored = {
            member: decode_stored(record) for member, record in zip(members, records, strict=True) if record
        }
        stale = [member for member in members if member not in stored or stored[member].status not in HOLDING]
        # Holds and orders change in one call: what still stands here was left by somebody else's hand.
        if stale and (removed := await self._client.zrem(partition.holds, *stale)):
            log.error("holds without a held order", partition=partition.tag, count=removed)
        changes = [
            release_change(record, "the hold ran out")
            for record in stored.values()
            if record.status in HOLDING
        ]
        if not changes:
            return 0
        lane = Changes(self._client, self._book, partition, self._settings.request_ttl_ms)
        changed = await lane.run(self._expire, changes)
        released = sum(change.code is Code.DONE for change in changed)
        RELEASED.labels("expired").inc(released)
        return released


class ReturnSweeper:
    """Gives money back where whoever began it did not come to an end."""

    def __init__(self, service: OrderService, client: Redis, settings: OrderSettings) -> None:
        self._service = service
        self._client = client
        self._settings = settings

    async def run(self) -> None:
        """Look every `sweep_ms` until cancelled."""
        period = self._settings.sweep_ms / 1000
        await run_forever("return sweeper", self.sweep, period, lambda _: SWEEPS.labels("returns").inc())

    async def sweep(self) -> int:
        """Take up every return that is due now; how many were finished. Raises redis errors."""
        now = await store_time(self._client)
        partitions = self._service.book.partitions
        found = await due(self._client, partitions, lambda keys: keys.returns, now, _RETURNS)
        waiting = [(partition, member) for partition, members in found for member in members]
        return sum(await asyncio.gather(*(self._finish(*one, now) for one in waiting)))

    async def _finish(self, partition: PartitionKeys, member: bytes, now: int) -> bool:
        try:
            owed = Owed.decode(member)
        except ValueError:
            # Not ours, and nobody's money: what is owed is in the ledger as well, where the audit finds it.
            log.error("not a payment among the returns", partition=partition.tag, member=repr(member))  # noqa: TRY400
            await self._client.zrem(partition.returns, member)
            return False
        try:
            record = await self._service.stored(owed.order)
            refund = under_way(record) if record is not None and record.payment == owed.payment else None
            if refund is not None:  # begun by an earlier version, which kept refunds here
                await self._client.zadd(partition.refunds, {refund.id: refund.due}, nx=True)
                await self._client.zrem(partition.returns, member)
            elif record is not None and record.payment == owed.payment and record.status in _KEEPS:
                await self._client.zrem(partition.returns, member)
            else:
                await self._service.cashier.returns.give_back(owed)
        except Exception as error:
            SWEEPS.labels("returns").inc()
            log.warning("money not given back yet", owed=owed.member, error=str(error))
            refused = isinstance(error, PaymentRefused)
            pause = pause_after(await self._service.cashier.returns.age(owed)) if refused else RETURN_AFTER_MS
            # XX: whoever gave it back meanwhile has struck it off.
            await self._client.zadd(partition.returns, {member: now + pause}, xx=True)
            return False
        return True


_KEEPS = frozenset({OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.REFUNDED})
"""Statuses in which an order's own payment is not to be given back (any more)."""
