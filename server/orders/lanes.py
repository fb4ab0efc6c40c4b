"""The natural batcher: what arrived while the last call was in flight goes with the next one.

No timer and no task per order. A lane serves one script of one partition. Its queue is bounded;
beyond a bound `put` refuses (`Fate.FULL`), and `wait_ms` says when it is worth another try. While the
store is known to be down nothing is queued (`Fate.DOWN`); a probe finds it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Generic, TypeVar

import structlog

from server.orders.metrics import BATCH, CALLS, FULL_QUEUES, LOST_CALLS, WAITING
from server.orders.waiting import Pace, Queue
from server.valkey import LOST, nothing_ran

log = structlog.get_logger("miaodan.orders")

Job = TypeVar("Job")

PROBE_SECONDS = (0.02, 0.5)
"""First and longest pause between two looks for a store that went away."""


class Fate(Enum):
    """Why a job has no reply."""

    UNKNOWN = "unknown"
    """It was sent, or may have been."""
    DOWN = "down"
    """It was certainly not carried out: the store is away."""
    FULL = "full"
    """It was not even queued."""


class Unanswered(Exception):
    """A job met `fate` instead of a reply."""

    def __init__(self, fate: Fate) -> None:
        super().__init__(fate)
        self.fate = fate

    def __str__(self) -> str:
        return f"no answer from the store: {self.fate.value}"


class Lane(Generic[Job]):
    """Calls `call(jobs)` with up to `batch` jobs at a time and hands the reply to `deliver(jobs, reply)`.

    A job without a reply goes to `fail(job, fate)`; each job goes to exactly one of the two, once.
    `depth` calls may be in flight, so that the store works while the last replies are told.
    """

    def __init__(
        self,
        script: str,
        *,
        call: Callable[[list[Job]], Awaitable[Any]],
        deliver: Callable[[list[Job], Any], Awaitable[None] | None],
        fail: Callable[[Job, Fate], None],
        probe: Callable[[], Awaitable[object]],
        batch: int,
        queue: Queue[Job],
        timeout_ms: int,
        depth: int = 2,
    ) -> None:
        self.script = script
        self._call = call
        self._deliver = deliver
        self._fail = fail
        self._probe = probe
        self._batch = batch
        self._timeout = timeout_ms / 1000
        self._queue = queue
        self._pace = Pace()
        self._arrived = asyncio.Event()
        self._down = False
        self._stopped = False
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._size = BATCH.labels(script)
        self._seconds = CALLS.labels(script)
        self._waiting = WAITING.labels(script)
        self._tasks = [asyncio.create_task(self._run(), name=f"orders {script}") for _ in range(depth)]

    @property
    def down(self) -> bool:
        """Whether the store is known to be away."""
        return self._down

    def statistics(self) -> dict[str, int]:
        return {"waiting": len(self._queue), "in_flight": self._in_flight, "bound": self._queue.bound}

    def wait_ms(self) -> int:
        """How long what waits now will take, at the pace of the last calls."""
        return self._pace.wait_ms(len(self._queue))

    def put(self, job: Job) -> Fate | None:
        """Queue a job; a fate when it was refused (then neither `deliver` nor `fail` is called)."""
        if self._down or self._stopped:
            return Fate.DOWN
        queue = self._queue
        full = queue.put(job)
        if full is not None:
            FULL_QUEUES.add(full.value)
            return Fate.FULL
        if len(queue) == 1:
            self._arrived.set()
            self._idle.clear()
        return None

    async def stop(self, within: float) -> None:
        """Take no more, finish what is queued for at most `within` seconds, fail the rest."""
        self._stopped = True
        try:
            async with asyncio.timeout(within):
                await self._idle.wait()
        except TimeoutError:
            log.warning("orders left unanswered", script=self.script, waiting=len(self._queue))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail_all(self._queue.take(len(self._queue)), Fate.DOWN)

    async def _run(self) -> None:
        queue = self._queue
        while True:
            while not queue or self._down:
                self._arrived.clear()
                await self._arrived.wait()
            await self._send(queue.take(self._batch))
            self._rest()

    def _rest(self) -> None:
        if not self._queue and not self._in_flight:
            self._idle.set()

    async def _send(self, jobs: list[Job]) -> None:
        self._waiting.set(len(self._queue))
        self._size.observe(len(jobs))
        self._in_flight += 1
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._call(jobs)
            self._seconds.observe(time.perf_counter() - began)
        except asyncio.CancelledError:
            self._fail_all(jobs, Fate.UNKNOWN)
            raise
        except Exception as error:
            self._in_flight -= 1
            await self._lost(jobs, error)
            return
        self._in_flight -= 1
        try:
            told = self._deliver(jobs, reply)
            if told is not None:
                await told
        except Exception:
            log.exception("replies not delivered", script=self.script)
        self._pace.worked(len(jobs), began, time.perf_counter())

    async def _lost(self, jobs: list[Job], error: Exception) -> None:
        refused = nothing_ran(error)
        away = isinstance(error, LOST) or refused
        reason = "timeout" if isinstance(error, TimeoutError) else "lost" if away else "error"
        LOST_CALLS.labels(self.script, "refused" if refused else reason).inc()
        log.warning("order call lost", script=self.script, orders=len(jobs), reason=reason, error=str(error))
        first = away and not self._down
        self._down = self._down or away
        self._fail_all(jobs, Fate.DOWN if refused else Fate.UNKNOWN)
        if first:
            await self._until_back()

    async def _until_back(self) -> None:
        self._fail_all(self._queue.take(len(self._queue)), Fate.DOWN)
        self._rest()
        pause, longest = PROBE_SECONDS
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._probe()
                break
            except Exception:
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)
        self._down = False
        self._arrived.set()
        log.info("store is back", script=self.script)

    def _fail_all(self, jobs: list[Job], fate: Fate) -> None:
        for job in jobs:
            try:
                self._fail(job, fate)
            except Exception:
                log.exception("failure not delivered", script=self.script)
