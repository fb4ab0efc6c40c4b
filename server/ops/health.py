"""Whether what a process stands on answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class Probe:
    """One dependency, asked with a bound and not more often than needed.

    `await probe()` is whether `ask()` returned without an exception within `timeout_ms`. Those who
    ask while a question is under way share its answer, and so do those within `fresh_ms` after it,
    so that health checks never pile up on something that is slow already.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[object]], *, timeout_ms: int = 1_000, fresh_ms: int = 200
    ) -> None:
        self._ask = ask
        self._timeout = timeout_ms / 1000
        self._fresh = fresh_ms / 1000
        self._running: asyncio.Task[bool] | None = None
        self._answer = False
        self._until = 0.0

    async def __call__(self) -> bool:
        if time.monotonic() < self._until:
            return self._answer
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asyncio.shield(self._running)

    async def _run(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout):
                await self._ask()
            self._answer = True
        except Exception:  # whatever went wrong, the answer is no
            self._answer = False
        finally:
            self._until = time.monotonic() + self._fresh
            self._running = None
        return self._answer
