"""Where a room lives in the store: its keys, its lock, and what a lost store looks like from here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from redis.asyncio import Redis
from redis.exceptions import LockError, RedisError

from schemas.codes import ErrorCode
from server.rooms.rules import Refused
from server.valkey import store_errors

LIVE_ROOMS = "miaodan:rooms:live"
"""Sorted set, all scores 0: rooms that went live and have not ended. May name others; never misses one."""

LOCK_SECONDS = 30.0
"""After this a crashed holder's lock is free again; the log's own compare-and-set stands regardless."""
LOCK_WAIT_SECONDS = 5.0

_logger = structlog.get_logger(__name__)


def room_key(room: str, part: str) -> str:
    """The room's key `part`; all of a room's keys share one slot."""
    return f"{{room:{room}}}:{part}"


@asynccontextmanager
async def room_lock(client: Redis, room: str) -> AsyncIterator[None]:
    """One command at a time between a room's stock and its log.

    Raises Refused `unavailable` when another holds it too long, StoreUnavailable.
    """
    lock = client.lock(
        room_key(room, "lock"), timeout=LOCK_SECONDS, blocking_timeout=LOCK_WAIT_SECONDS, sleep=0.02
    )
    with store_errors():
        held = await lock.acquire()
    if not held:
        raise Refused(ErrorCode.UNAVAILABLE, "another command of this room is still under way")
    try:
        yield
    finally:
        try:
            await lock.release()
        except (LockError, RedisError, OSError) as error:
            # What was done under it stands; the lock goes by its own deadline.
            _logger.warning("room lock not released", room=room, error=str(error))
