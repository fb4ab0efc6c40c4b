"""Script calls with a thousand arguments: packed in C, sent as one buffer.

redis.asyncio packs each argument in Python, which costs more than everything else done for an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from server.orders.errors import StoreFrozen
from server.orders.verified import load_where_verified, mark_beside
from server.valkey import Script, StoreUnavailable

_FROZEN = "FROZEN"
"""How `gate.lua` begins what it says."""


async def call_script(
    client: Redis, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int]
) -> Any:
    """Like `Script.run`: the reply, redis errors raised; only NOSCRIPT (nothing ran) is tried again,
    on a store that was checked against the ledger. All keys are of one partition.

    Raises StoreFrozen, StoreUnavailable where there was no connection to send on.
    """
    mark = mark_beside(keys[0])
    parts = ("EVALSHA", script.digest, len(keys) + 1, *keys, mark, *args)
    command = hiredis.pack_command(cast("tuple[str]", parts))  # its stub names one argument only
    try:
        try:
            return await _exchange(client, command)
        except NoScriptError:
            await load_where_verified(client, script, mark)
            return await _exchange(client, command)
    except ResponseError as error:
        if str(error).startswith(_FROZEN):
            raise StoreFrozen(mark) from None
        raise


async def _exchange(client: Redis, command: bytes) -> Any:
    pool = client.connection_pool
    try:
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"no connection to the store: {error}") from error
    try:
        await connection.send_packed_command(command)
        return await connection.read_response()
    finally:
        await pool.release(connection)
