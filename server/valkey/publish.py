"""Publishing on many channels at once: packed in C, sent as one buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import hiredis
from redis.asyncio import Redis


async def publish_all(client: Redis, messages: Sequence[tuple[str, bytes]]) -> int:
    """Publish each (channel, body); how many subscribers heard them, summed. Raises redis errors.

    A pipeline of redis-py does the same in a quarter of a millisecond of Python.
    """
    commands = [
        hiredis.pack_command(cast("tuple[str]", ("PUBLISH", channel, body))) for channel, body in messages
    ]
    pool = client.connection_pool
    connection = await pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        await connection.send_packed_command(b"".join(commands))
        return sum([int(await connection.read_response()) for _ in messages])
    except BaseException:
        await connection.disconnect(nowait=True)  # answers may still be on their way
        raise
    finally:
        await pool.release(connection)
