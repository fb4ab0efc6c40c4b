"""How the back office's runners run: for ever, through lost stores and locked databases."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger("miaodan.orders")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0


async def run_forever(
    name: str, step: Callable[[], Awaitable[object]], period: float, failed: Callable[[Exception], None]
) -> None:
    """Call `step` every `period` seconds until cancelled; after a failure wait longer and longer."""
    pause = _FIRST_PAUSE
    while True:
        try:
            await step()
        except Exception as error:
            failed(error)
            log.warning("will try again", runner=name, seconds=round(pause, 2), error=str(error))
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, _LONGEST_PAUSE)
        else:
            pause = _FIRST_PAUSE
            await asyncio.sleep(period)
