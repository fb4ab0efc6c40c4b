"""Whether what a process stands on answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class Probe:
    """One dependency, asked with a bound and not more often than needed.

    `await probe()` is whether `ask()` returned without an exception within `timeout_ms`. Those who
    ask while a question is under way share its answer, and so do those within `fresh_ms` after it,
    so that health checks never pile up on something that is slow already. A question that was given
    up takes its time to end (a connection is closed, say); until it has, the answer is no, at once.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[object]], *, timeout_ms: int = 1_000, fresh_ms: int = 200
    ) -> None:
        self._ask = ask
        self._timeout = timeout_ms / 1000
        self._fresh = fresh_ms / 1000
        self._running: asyncio.Task[bool] | None = None
        self._given_up: asyncio.Future[object] | None = None
        self._answer = False
        self._until = 0.0

    async def __call__(self) -> bool:
        if time.monotonic() < self._until or (self._given_up is not None and not self._given_up.done()):
            return self._answer
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asyncio.shield(self._running)

    async def _run(self) -> bool:
        question = asyncio.ensure_future(self._ask())
        try:
            done, _ = await asyncio.wait({question}, timeout=self._timeout)
            # Whatever went wrong, the answer is no.
            self._answer = bool(done) and not question.cancelled() and question.exception() is None
        finally:
            if not question.done():
                question.cancel()
                self._given_up = question
                question.add_done_callback(_heard)
            self._until = time.monotonic() + self._fresh
            self._running = None
        return self._answer


def _heard(question: asyncio.Future[object]) -> None:
    """What a question that was given up says in the end is of no interest."""
    if not question.cancelled():
        question.exception()
