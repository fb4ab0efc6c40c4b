"""What the room tests share: a log on the real store, a listener on a room's channel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from server.rooms.log import RoomLog
from server.settings import RoomSettings
from tests.rooms.listening import Listener


@pytest.fixture
def log(store: Redis) -> RoomLog:
    return RoomLog(store, RoomSettings())


@pytest.fixture
async def listener(store: Redis) -> AsyncIterator[Listener]:
    """Hears room `r`."""
    listener = await Listener.open(store, "r")
    yield listener
    await listener.close()
