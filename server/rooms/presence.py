"""Who watches a room, over all nodes; its peak; its likes.

Each node reports what it has; a node that falls silent for three periods counts no more.
"""

from __future__ import annotations

import msgspec
from redis.asyncio import Redis

from server.rooms.store import room_key
from server.settings import RoomSettings
from server.valkey import Script, room_channel, store_errors

SILENT_PERIODS = 3
_report = Script.from_package("server.rooms", "lua/presence.lua")


class Totals(msgspec.Struct, frozen=True):
    """A room's counters; also the body of an `N` message."""

    online: int
    peak: int
    likes: int


class Presence:
    def __init__(self, client: Redis, settings: RoomSettings) -> None:
        self._client = client
        self._silence_ms = settings.presence_ms * SILENT_PERIODS

    async def report(self, room: str, node: str, online: int, likes_delta: int = 0) -> Totals:
        """`node` has `online` viewers in `room` (0: it left) and took `likes_delta` likes since.

        To be repeated each `presence_ms`. Publishes `N` when the totals changed. Raises
        StoreUnavailable; the likes may then have been counted or not.
        """
        keys = [room_key(room, "nodes"), room_key(room, "totals")]
        arguments: list[str | int] = [node, online, likes_delta, self._silence_ms, room_channel(room)]
        with store_errors():
            return Totals(*await _report.run(self._client, keys, arguments))
