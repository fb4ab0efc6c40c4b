"""Work that takes its time (payments, refunds), bounded in how much runs and how much waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine

from server.orders.metrics import PAYING

Errand = Callable[[], Coroutine[None, None, None]]


class Errands:
    """Runs at most `running` at once; `waiting` more wait their turn; `start` refuses beyond that."""

    def __init__(self, running: int, waiting: int) -> None:
        self._bound = running
        self._queue_bound = waiting
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: deque[Errand] = deque()
        self._stopped = False

    def statistics(self) -> dict[str, int]:
        return {"running": len(self._running), "waiting": len(self._waiting), "bound": self._queue_bound}

    def start(self, errand: Errand) -> bool:
        """Whether it was taken. An errand sees to its own errors."""
        if self._stopped:
            return False
        if len(self._running) < self._bound:
            self._run(errand)
            return True
        if len(self._waiting) >= self._queue_bound:
            return False
        self._waiting.append(errand)
        return True

    async def stop(self, within: float) -> None:
        """Take no more, let what was taken finish for `within` seconds, cancel the rest.

        Errands that never began are run into their cancellation, so that each can still answer.
        """
        self._stopped = True
        deadline = asyncio.get_running_loop().time() + within
        while self._running and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        while self._running or self._waiting:
            while self._waiting:
                self._run(self._waiting.popleft())
            await asyncio.sleep(0)
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running)

    def _run(self, errand: Errand) -> None:
        task = asyncio.create_task(errand(), name="orders errand")
        self._running.add(task)
        task.add_done_callback(self._finished)
        PAYING.set(len(self._running) + len(self._waiting))

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._waiting and len(self._running) < self._bound:
            self._run(self._waiting.popleft())
        else:
            PAYING.set(len(self._running) + len(self._waiting))
