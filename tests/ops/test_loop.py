from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY

from server.ops.loop import count_tasks

pytestmark = pytest.mark.anyio


async def test_unfinished_tasks_are_published() -> None:
    def published() -> float:
        count_tasks()
        return REGISTRY.get_sample_value("miaodan_asyncio_tasks") or 0.0

    before = published()
    waiting = [asyncio.get_running_loop().create_task(asyncio.Event().wait()) for _ in range(3)]
    assert published() == before + 3
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert published() == before
