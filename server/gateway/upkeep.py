"""One sweep a second over all connections, and the goodbye of a draining process."""

from __future__ import annotations

import asyncio

import structlog

from schemas.codes import CloseCode
from server.gateway.doorway import Doorway
from server.ops.loop import count_tasks
from server.ops.tally import flush_all

log = structlog.get_logger("miaodan.gateway")

SWEEP_SECONDS = 0.5
TICKS_AT_ONCE = 512
"""Connections looked at in one turn of the loop."""
APART_SECONDS = 0.02
"""A small crowd's goodbyes are no farther apart than this: fifty a second stampede nobody."""
STEP_SECONDS = 0.005
"""Goodbyes closer together than this are said together."""
AT_ONCE = 50
"""But no more than so many, also when the loop was late."""
LAST_WORDS_SECONDS = 0.5
LAST_WORK_SECONDS = 5.0


async def sweep(door: Doorway) -> None:
    """Timeouts of every connection, without a timer each; runs for the life of the process."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        flush_all()
        count_tasks()
        now = door.clock()
        for number, connection in enumerate(list(door.connections), start=1):
            try:
                connection.tick(now)
            except Exception:  # one connection's trouble is not the others'
                log.exception("a connection's timeouts could not be checked")
            if number % TICKS_AT_ONCE == 0:
                await asyncio.sleep(0)


async def drain(door: Doorway) -> None:
    """Close everybody with 4000, spread over `drain_ms`, so that they do not all return at once."""
    door.draining = True
    leaving = list(door.connections)
    loop = asyncio.get_running_loop()
    apart = min(door.settings.server.drain_ms / 1000 / max(1, len(leaving)), APART_SECONDS)
    began = loop.time()
    for number, connection in enumerate(leaving):
        early = began + number * apart - loop.time()
        if early >= STEP_SECONDS or number % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(max(0.0, early))
        connection.close(CloseCode.DRAINING)
    if leaving:
        await asyncio.sleep(LAST_WORDS_SECONDS)  # for the peers' own close frames
    if door.work:
        await asyncio.wait(door.work, timeout=LAST_WORK_SECONDS)
