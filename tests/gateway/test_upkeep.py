"""The goodbye of a draining process: evenly over the window, never many at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, cast

import pytest
from msgspec.structs import replace

from schemas.codes import CloseCode
from server.gateway import upkeep
from server.gateway.doorway import Doorway
from server.settings import ServerSettings, Settings

pytestmark = pytest.mark.anyio


class Door:
    """As much of a doorway as `drain` sees."""

    def __init__(self, viewers: int, drain_ms: int) -> None:
        self.settings = replace(Settings(), server=ServerSettings(drain_ms=drain_ms))
        self.draining = False
        self.work: set[Any] = set()
        self.turn = 0
        self.closed: list[tuple[float, int]] = []
        self.connections = {Connection(self): None for _ in range(viewers)}

    async def turns(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)


class Connection:
    def __init__(self, door: Door) -> None:
        self._door = door

    def close(self, code: CloseCode, reason: str = "") -> None:
        assert self._door.draining and code is CloseCode.DRAINING
        self._door.closed.append((asyncio.get_running_loop().time(), self._door.turn))


@pytest.fixture(autouse=True)
def no_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "LAST_WORDS_SECONDS", 0)


async def drained(viewers: int, drain_ms: int) -> tuple[Door, float]:
    door, loop = Door(viewers, drain_ms), asyncio.get_running_loop()
    counting, began = loop.create_task(door.turns()), loop.time()
    await upkeep.drain(cast(Doorway, door))
    counting.cancel()
    assert len(door.closed) == viewers
    return door, began


@pytest.mark.parametrize("viewers", [1, 3, 500, 10_000])
async def test_goodbyes_are_never_early_and_never_many_in_one_turn(viewers: int) -> None:
    drain_ms = 400
    door, began = await drained(viewers, drain_ms)
    for number, (at, _) in enumerate(door.closed):
        apart = min(drain_ms / 1000 / viewers, upkeep.APART_SECONDS)
        assert at - began >= number * apart - upkeep.STEP_SECONDS - 0.001
    together = Counter(turn for _, turn in door.closed)
    assert max(together.values()) <= upkeep.AT_ONCE + 1


async def test_no_window_means_at_once_and_nobody_means_no_wait() -> None:
    door, _ = await drained(200, 0)
    assert len(door.closed) == 200
    await drained(0, 60_000)
