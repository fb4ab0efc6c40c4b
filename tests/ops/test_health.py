from __future__ import annotations

import asyncio

import pytest

from server.ops.health import Probe

pytestmark = pytest.mark.anyio


async def test_yes_and_no() -> None:
    async def fine() -> None: ...

    async def broken() -> None:
        raise ConnectionError

    async def stuck() -> None:
        await asyncio.Event().wait()

    assert await Probe(fine)()
    assert not await Probe(broken)()
    assert not await Probe(stuck, timeout_ms=10)()


async def test_a_question_given_up_keeps_nobody_waiting_while_it_ends() -> None:
    ended = asyncio.Event()
    asked = 0

    async def slow_to_end() -> None:
        nonlocal asked
        asked += 1
        try:
            await asyncio.Event().wait()
        finally:
            await ended.wait()
            raise ConnectionError

    probe = Probe(slow_to_end, timeout_ms=10, fresh_ms=0)
    assert [await probe() for _ in range(3)] == [False] * 3
    assert asked == 1
    ended.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not await probe()
    assert asked == 2


async def test_those_who_ask_together_share_one_question() -> None:
    asked = 0
    gate = asyncio.Event()

    async def ask() -> None:
        nonlocal asked
        asked += 1
        await gate.wait()

    probe = Probe(ask, fresh_ms=60_000)
    waiting = [asyncio.create_task(probe()) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    gate.set()
    answers = await asyncio.gather(*waiting[1:])
    assert all(answers)
    assert await probe()
    assert asked == 1


async def test_a_stale_answer_is_asked_again() -> None:
    answers = [True, False]

    async def ask() -> None:
        if not answers.pop(0):
            raise ConnectionError

    probe = Probe(ask, fresh_ms=0)
    assert await probe()
    assert not await probe()
