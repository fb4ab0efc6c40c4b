"""Cycles go where the thresholds are too high for them; imports are left alone."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from server.ops.collector import collect_regularly, importing


class Node:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def never_by_itself() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 1_000, 1_000)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.anyio
async def test_cycles_go_at_the_next_turn() -> None:
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    weakref.finalize(Node(), loop.call_soon_threadsafe, gone.set)
    collecting = asyncio.create_task(collect_regularly(0.01))
    async with asyncio.timeout(30):
        await gone.wait()
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting


def test_while_importing_nothing_is_collected_and_what_came_is_frozen() -> None:
    before = gc.get_freeze_count()
    with importing():
        assert not gc.isenabled()
        kept = Node()
    assert gc.isenabled()
    assert gc.get_freeze_count() > before
    assert kept.itself is kept
