"""The natural batcher without a store: what waits goes together, each job is answered once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from server.orders.lanes import Fate, Lane
from server.orders.waiting import Line

pytestmark = pytest.mark.anyio


class Calls:
    """A store of the test's own: calls wait until they are let go, with a reply or an error."""

    def __init__(self, queue: int = 10, **options: Any) -> None:
        self.calls: list[tuple[list[int], asyncio.Future[str]]] = []
        self.answers: list[tuple[int, object]] = []
        self.probes = 0
        self.alive = True
        self.lane = Lane[int](
            "test",
            call=self.call,
            deliver=self.deliver,
            fail=lambda job, fate: self.answers.append((job, fate)),
            probe=self.probe,
            queue=Line[int](queue),
            **{"batch": 4, "timeout_ms": 5_000, "depth": 1, **options},
        )

    async def call(self, jobs: list[int]) -> str:
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.calls.append((jobs, waiting))
        return await waiting

    def deliver(self, jobs: list[int], reply: str) -> None:
        self.answers += [(job, reply) for job in jobs]

    async def probe(self) -> None:
        self.probes += 1
        if not self.alive:
            raise RedisConnectionError("still away")

    async def until(self, calls: int) -> None:
        while len(self.calls) < calls:
            await asyncio.sleep(0)

    async def answered(self, count: int) -> dict[int, object]:
        while len(self.answers) < count:
            await asyncio.sleep(0)
        assert max(Counter(job for job, _ in self.answers).values()) == 1, "answered twice"
        return dict(self.answers)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.orders.lanes.PROBE_SECONDS", (0.001, 0.002))


async def test_what_comes_while_a_call_is_in_flight_goes_with_the_next(anyio_backend: str) -> None:
    test = Calls()
    assert test.lane.put(1) is None
    await test.until(1)
    for job in range(2, 9):
        test.lane.put(job)
    for _ in range(5):
        await asyncio.sleep(0)
    assert [jobs for jobs, _ in test.calls] == [[1]]
    assert test.lane.statistics() == {"waiting": 7, "in_flight": 1, "bound": 10}
    for number in range(3):
        await test.until(number + 1)
        test.calls[number][1].set_result(f"reply {number}")
    answers = await test.answered(8)
    assert [jobs for jobs, _ in test.calls] == [[1], [2, 3, 4, 5], [6, 7, 8]]
    assert answers[1] == "reply 0" and answers[5] == "reply 1" and answers[8] == "reply 2"
    await test.lane.stop(1)


async def test_two_calls_in_flight(anyio_backend: str) -> None:
    test = Calls(depth=2, batch=1)
    for job in (1, 2, 3):
        test.lane.put(job)
    await test.until(2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert [jobs for jobs, _ in test.calls] == [[1], [2]]
    test.calls[1][1].set_result("second")
    await test.until(3)
    test.calls[2][1].set_result("third")
    test.calls[0][1].set_result("first")
    assert await test.answered(3) == {1: "first", 2: "second", 3: "third"}
    await test.lane.stop(1)


async def test_a_bound(anyio_backend: str) -> None:
    test = Calls(queue=3)
    assert [test.lane.put(job) for job in range(5)] == [None, None, None, Fate.FULL, Fate.FULL]
    await test.until(1)
    test.calls[0][1].set_result("done")
    assert set(await test.answered(3)) == {0, 1, 2}
    await test.lane.stop(1)


@pytest.mark.usefixtures("pauses")
async def test_a_lost_call_is_unknown_and_what_waits_is_not_sent(anyio_backend: str) -> None:
    test = Calls()
    test.alive = False
    for job in range(6):
        test.lane.put(job)
    await test.until(1)
    test.calls[0][1].set_exception(RedisConnectionError("gone"))
    answers = await test.answered(6)
    assert [answers[job] for job in range(6)] == [Fate.UNKNOWN] * 4 + [Fate.DOWN] * 2
    assert test.lane.down and test.lane.put(6) is Fate.DOWN
    while test.probes < 3:
        await asyncio.sleep(0.001)
    test.alive = True
    while test.lane.down:
        await asyncio.sleep(0.001)
    assert test.lane.put(7) is None
    await test.until(2)
    test.calls[1][1].set_result("back")
    assert (await test.answered(7))[7] == "back"
    await test.lane.stop(1)


@pytest.mark.usefixtures("pauses")
async def test_a_store_that_refused_has_done_nothing(anyio_backend: str) -> None:
    test = Calls()
    test.lane.put(1)
    await test.until(1)
    test.calls[0][1].set_exception(ResponseError("MISCONF Errors writing to the AOF file"))
    assert await test.answered(1) == {1: Fate.DOWN}
    await test.lane.stop(1)


async def test_an_error_of_ours_leaves_the_store_up(anyio_backend: str) -> None:
    test = Calls()
    test.lane.put(1)
    await test.until(1)
    test.calls[0][1].set_exception(ResponseError("ERR user_script:1: attempt to index a nil value"))
    assert await test.answered(1) == {1: Fate.UNKNOWN}
    assert not test.lane.down and test.probes == 0
    await test.lane.stop(1)


async def test_a_call_without_an_end_is_unknown(anyio_backend: str) -> None:
    test = Calls(timeout_ms=20)
    test.lane.put(1)
    assert await test.answered(1) == {1: Fate.UNKNOWN}
    await test.lane.stop(1)


async def test_stopping_finishes_what_is_there(anyio_backend: str) -> None:
    test = Calls()
    for job in range(6):
        test.lane.put(job)
    stopping = asyncio.create_task(test.lane.stop(5))
    for number in range(2):
        await test.until(number + 1)
        test.calls[number][1].set_result("done")
    await stopping
    assert await test.answered(6) == dict.fromkeys(range(6), "done")
    assert test.lane.put(9) is Fate.DOWN


async def test_stopping_in_time_answers_the_rest(anyio_backend: str) -> None:
    test = Calls()
    for job in range(6):
        test.lane.put(job)
    await test.until(1)
    await test.lane.stop(0.01)
    answers = await test.answered(6)
    assert [answers[job] for job in range(6)] == [Fate.UNKNOWN] * 4 + [Fate.DOWN] * 2


async def test_a_receiver_that_fails_takes_nobody_with_it(anyio_backend: str) -> None:
    test = Calls(batch=1)

    def deliver(jobs: list[int], reply: str) -> None:
        if jobs == [1]:
            raise ValueError("a bad callback")
        test.deliver(jobs, reply)

    test.lane._deliver = deliver
    for job in (1, 2):
        test.lane.put(job)
    for number in range(2):
        await test.until(number + 1)
        test.calls[number][1].set_result("done")
    assert await test.answered(1) == {2: "done"}
    await test.lane.stop(1)
