"""What the room tests share: a log and orders on the real store, a listener on a channel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from server.orders.service import OrderService
from server.rooms.log import RoomLog
from server.settings import OrderSettings, RoomSettings
from tests.orders.instant import InstantProvider
from tests.rooms.listening import Listener


@pytest.fixture
def log(store: Redis) -> RoomLog:
    return RoomLog(store, RoomSettings())


@pytest.fixture
async def orders(store: Redis) -> AsyncIterator[OrderService]:
    orders = OrderService(store, OrderSettings(), InstantProvider(0))
    await orders.start()
    yield orders
    await orders.stop()


@pytest.fixture
async def listener(store: Redis) -> AsyncIterator[Listener]:
    """Hears room `r`."""
    listener = await Listener.open(store, "r")
    yield listener
    await listener.close()
