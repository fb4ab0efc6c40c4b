"""A log with hooks at the two critical points, so that a race happens every time and without sleeping."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from redis.asyncio import Redis

from schemas.events import SequencedEvent
from server.rooms.log import RoomLog
from server.rooms.state import RoomState
from server.settings import RoomSettings

Hook = Callable[[], Awaitable[None]]


async def nothing() -> None:
    return None


class HookedLog(RoomLog):
    """`before_append` runs once the room was read and decided on; `after_append` when it is written."""

    def __init__(self, client: Redis) -> None:
        super().__init__(client, RoomSettings())
        self.before_append: Hook = nothing
        self.after_append: Hook = nothing

    async def append(self, state: RoomState, events: Sequence[SequencedEvent]) -> int:
        await self.before_append()
        seq = await super().append(state, events)
        await self.after_append()
        return seq


def once(hook: Hook) -> Hook:
    """Runs `hook` the first time only."""
    waiting = [hook]

    async def run() -> None:
        if waiting:
            await waiting.pop()()

    return run
