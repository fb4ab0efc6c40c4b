"""Connections."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from server.valkey.errors import demand_version

MAX_CONNECTIONS = 32
"""Of one client; commands beyond wait for a free one, at most as long as for a reply."""


class _KeepsCancellation(AbstractConnection):
    """A connection that does not lose the cancellation of the task that sends.

    redis-py sends through `asyncio.wait_for`, which on Python 3.11 drops a cancellation that meets
    the end of the send (cpython issue 86296): the task would live on as if nobody had stopped it.
    """

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        try:
            await super().send_packed_command(command, check_health)
        finally:
            if task is not None and task.cancelling() > before:
                await self.disconnect(nowait=True)  # its reply is not waited for
                raise asyncio.CancelledError


def connect(url: str, *, name: str, timeout_ms: int = 5_000) -> Redis:
    """A client with a pool of its own; opens nothing yet. Values are bytes.

    `url`: `redis://`, `rediss://` or `unix://`. `name` shows in CLIENT LIST. No command is ever
    sent twice by itself: a lost reply is the caller's to judge. `timeout_ms` bounds connecting and
    each reply (also a blocking read's, so BLOCK must stay below it); 0 waits for ever.
    """
    seconds = timeout_ms / 1000 if timeout_ms > 0 else None
    # Those who come when all connections are busy wait their turn; they are not turned away.
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=seconds,
        client_name=name,
        protocol=2,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
    )
    plain = pool.connection_class
    pool.connection_class = type(f"Sound{plain.__name__}", (_KeepsCancellation, plain), {})
    return Redis.from_pool(pool)


async def store_time(client: Redis) -> int:
    """The store's clock, milliseconds since the Unix epoch."""
    seconds, micros = await client.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def check_version(client: Redis) -> str:
    """The server's name and version, e.g. `valkey 9.1.2`. Raises StoreTooOld, redis errors."""
    info = await client.info("server")
    name = "valkey" if "valkey_version" in info else "redis"
    version = str(info.get(f"{name}_version", "0"))
    demand_version(name, version)
    return f"{name} {version}"
