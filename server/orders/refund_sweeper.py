"""Refunds whose time has come: those that wait for a host who says nothing, and those left half done."""

from __future__ import annotations

import asyncio

import structlog
from redis.asyncio import Redis

from server.orders.aftersales import under_way
from server.orders.changes import RETURN_AFTER_MS
from server.orders.due import due, pause_after
from server.orders.keys import ORDER_ID_LENGTH, PartitionKeys
from server.orders.loops import run_forever
from server.orders.metrics import SWEEPS
from server.orders.provider import PaymentRefused
from server.orders.service import OrderService
from server.settings import OrderSettings
from server.valkey import store_time

log = structlog.get_logger("miaodan.orders")

TAKEN = 64
"""Refunds taken up per partition and pass."""


class RefundSweeper:
    """Any number may run: every step compares and sets, and the provider knows a refund by its id."""

    def __init__(self, service: OrderService, client: Redis, settings: OrderSettings) -> None:
        self._service = service
        self._client = client
        self._settings = settings

    async def run(self) -> None:
        """Look every `sweep_ms` until cancelled."""
        period = self._settings.sweep_ms / 1000
        await run_forever("refund sweeper", self.sweep, period, lambda _: SWEEPS.labels("refunds").inc())

    async def sweep(self) -> int:
        """Take up every refund that is due now; how many came to their end. Raises redis errors."""
        now = await store_time(self._client)
        partitions = self._service.book.partitions
        found = await due(self._client, partitions, lambda keys: keys.refunds, now, TAKEN)
        waiting = [(partition, member) for partition, members in found for member in members]
        return sum(await asyncio.gather(*(self._take_up(*one, now) for one in waiting)))

    async def _take_up(self, partition: PartitionKeys, member: bytes, now: int) -> bool:
        refund_id = member.decode("utf-8", "replace")
        record = None
        try:
            record = await self._service.stored(refund_id[:ORDER_ID_LENGTH])
            refund = under_way(record) if record is not None else None
            if record is None or refund is None or refund.id != refund_id:
                # A refund and its order change in one call: what still stands here was put by another hand.
                if await self._client.zrem(partition.refunds, refund_id):
                    log.error("a refund of no order", refund=refund_id)
                return False
            after = under_way(await self._service.refunds.resume(record))
        except Exception as error:
            SWEEPS.labels("refunds").inc()
            log.warning("refund not finished yet", refund=refund_id, error=str(error))
            refused_for = now - record.updated_at if record is not None else 0
            pause = pause_after(refused_for) if isinstance(error, PaymentRefused) else RETURN_AFTER_MS
            # XX: whoever finished it meanwhile has struck it off.
            await self._client.zadd(partition.refunds, {refund_id: now + pause}, xx=True)
            return False
        return after is None or after.id != refund_id
