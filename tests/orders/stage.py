"""Several at once, one step at a time: each actor stops at every point until the test lets it go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_actor: ContextVar[str] = ContextVar("actor")


class Stage:
    """`play` brings an actor on, `step` lets it go to its next point, `kill` ends it where it stands."""

    def __init__(self) -> None:
        self._at: dict[str, asyncio.Future[None]] = {}
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._moved = asyncio.Event()

    @property
    def playing(self) -> list[str]:
        return [name for name, task in self._tasks.items() if not task.done()]

    async def point(self) -> None:
        """Wait here; who is no actor passes."""
        name = _actor.get("")
        if name not in self._tasks:
            return
        self._at[name] = asyncio.get_running_loop().create_future()
        self._moved.set()
        try:
            await self._at[name]
        finally:
            del self._at[name]

    def around(self, call: Callable[_P, Awaitable[_R]]) -> Callable[_P, Awaitable[_R]]:
        """`call` with a point before it and one after it."""

        async def staged(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            await self.point()
            result = await call(*args, **kwargs)
            await self.point()
            return result

        return staged

    async def play(self, name: str, call: Callable[[], Awaitable[object]]) -> None:
        async def act() -> object:
            _actor.set(name)
            return await call()

        self._tasks[name] = asyncio.create_task(act(), name=name)
        await self._settle(name)

    async def step(self, name: str) -> None:
        at = self._at.get(name)
        if at is not None:
            at.set_result(None)
            await asyncio.sleep(0)
        await self._settle(name)

    async def kill(self, name: str) -> None:
        task = self._tasks[name]
        task.cancel()
        await asyncio.wait([task])

    def result(self, name: str) -> object | None:
        """What an actor returned; None where it was killed. Raises what it raised."""
        task = self._tasks[name]
        return None if task.cancelled() else task.result()

    async def _settle(self, name: str) -> None:
        """Until it stands at a point or has come to its end."""
        task = self._tasks[name]
        while not task.done() and (name not in self._at or self._at[name].done()):
            self._moved.clear()
            moved = asyncio.ensure_future(self._moved.wait())
            await asyncio.wait([task, moved], return_when=asyncio.FIRST_COMPLETED)
            moved.cancel()
