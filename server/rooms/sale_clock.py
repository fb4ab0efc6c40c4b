"""Sales that open, sell out and end, put into their rooms' logs: each phase once, in order.

The window itself is decided by the pools' Lua on the store's time; this clock tells the room. It
needs no leader: what is due stays due until it is settled, and the log's compare-and-set lets one
of any number of clocks write each phase. A restart finds what is due and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Generic

import structlog
from redis.exceptions import RedisError

from server.rooms import metrics
from server.rooms.log import RoomLog, SequenceConflict
from server.rooms.pools import D, DuePools, close_sale
from server.rooms.sales import due_events
from server.settings import OrderSettings
from server.valkey import StoreUnavailable, store_errors

PASS = 500
"""Due sales taken in one pass at most."""
ATTEMPTS = 10
RETRY_SECONDS = 1.0
"""How long a sale that failed stays out of the passes, so that it holds up no other."""
BACKOFF_SECONDS = 1.0
_ORDER = {"start": 0, "sold_out": 1, "end": 2}

_logger = structlog.get_logger(__name__)


class SaleClock(Generic[D]):
    def __init__(self, log: RoomLog, pools: DuePools[D], settings: OrderSettings) -> None:
        self._log = log
        self._pools = pools
        self._interval = settings.clock_ms / 1000
        self._waiting: dict[tuple[str, str, str], float] = {}

    async def run(self) -> None:
        """Tick for ever. A lost store, or anything else that fails, is tried again; never returns."""
        wait = self._interval
        while True:
            try:
                await self.tick()
                wait = self._interval
            except (StoreUnavailable, RedisError, OSError) as error:
                metrics.CLOCK_ERRORS.inc()
                wait = min(max(wait, 0.05) * 2, BACKOFF_SECONDS)
                _logger.warning("sale clock lost the store", error=str(error), again_in_s=wait)
            except Exception:
                metrics.CLOCK_ERRORS.inc()
                wait = BACKOFF_SECONDS
                _logger.exception("sale clock failed", again_in_s=wait)
            await asyncio.sleep(wait)

    async def tick(self) -> int:
        """Look once and settle what is due; how many were. Raises StoreUnavailable."""
        with store_errors():
            due = list(await self._pools.due(PASS))
        now = asyncio.get_running_loop().time()
        present = {_key(entry) for entry in due}
        self._waiting = {key: at for key, at in self._waiting.items() if at > now and key in present}
        ready = [entry for entry in due if _key(entry) not in self._waiting]
        ready.sort(key=lambda entry: (entry.room, entry.sale, _ORDER.get(entry.what, 9)))
        rooms = [list(entries) for _, entries in groupby(ready, key=lambda entry: entry.room)]
        results = await asyncio.gather(*(self._room(entries) for entries in rooms), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return sum(result for result in results if isinstance(result, int))

    async def _room(self, entries: Sequence[D]) -> int:
        settled = 0
        for entry in entries:
            try:
                await self._settle(entry)
                settled += 1
            except StoreUnavailable:
                raise
            except Exception:
                metrics.CLOCK_ERRORS.inc()
                self._waiting[_key(entry)] = asyncio.get_running_loop().time() + RETRY_SECONDS
                _logger.exception("a due sale failed", room=entry.room, sale=entry.sale, what=entry.what)
        return settled

    async def _settle(self, entry: D) -> None:
        for _ in range(ATTEMPTS):
            state = await self._log.load(entry.room)
            sale = state.sales.get(entry.sale) if state is not None else None
            if state is None or sale is None:
                if await self._undone(entry):
                    break
                continue
            reason = "time"
            if entry.what == "end":
                reason = await close_sale(self._pools, entry.room, entry.sale, reason)
            events = due_events(sale, entry.what, reason)
            if events:
                try:
                    await self._log.append(state, events)
                except SequenceConflict:
                    continue
                await self._count(entry)
            break
        else:
            raise RuntimeError(f"room {entry.room} is changing too fast")
        with store_errors():
            await self._pools.settle(entry)

    async def _undone(self, entry: D) -> bool:
        """Give back the stock of a sale no log knows, unless its command is only now logging it.

        It was carved out by a command that died before its event; false when the log has it after all.
        """
        async with self._log.lock(entry.room):
            state = await self._log.load(entry.room)
            if state is not None and entry.sale in state.sales:
                return False
            await close_sale(self._pools, entry.room, entry.sale, "cancelled")
            _logger.warning("undid a sale that its room does not know", room=entry.room, sale=entry.sale)
            return True

    async def _count(self, entry: D) -> None:
        now = await self._log.now()
        metrics.CLOCK_EVENTS.labels(entry.what).inc()
        metrics.CLOCK_LAG.labels(entry.what).observe(max(0, now - entry.at) / 1000)


def _key(entry: D) -> tuple[str, str, str]:
    return entry.room, entry.sale, entry.what
