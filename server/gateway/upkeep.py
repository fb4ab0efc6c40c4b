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
LAST_WORDS_SECONDS = 0.5
LAST_WORK_SECONDS = 5.0


async def sweep(door: Doorway) -> None:
    """Timeouts of every connection, without a timer each; runs for the life of the process."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        flush_all()
        count_tasks()
        now = door.clock()
        for connection in list(door.connections):
            try:
                connection.tick(now)
            except Exception:  # one connection's trouble is not the others'
                log.exception("a connection's timeouts could not be checked")


async def drain(door: Doorway) -> None:
    """Close everybody with 4000, spread over `drain_ms`, so that they do not all return at once."""
    door.draining = True
    leaving = list(door.connections)
    pause = door.settings.server.drain_ms / 1000
    steps = max(1, min(len(leaving), 50))
    for step in range(steps):
        for connection in leaving[step::steps]:
            connection.close(CloseCode.DRAINING)
        await asyncio.sleep(pause / steps if len(leaving) > steps else 0)
    if leaving:
        await asyncio.sleep(LAST_WORDS_SECONDS)  # for the peers' own close frames
    if door.work:
        await asyncio.wait(door.work, timeout=LAST_WORK_SECONDS)
