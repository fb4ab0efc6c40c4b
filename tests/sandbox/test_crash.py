"""`kill -9` in the middle of payments: nothing answered is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.depth import rounds
from tests.sandbox.running import Json, Sandbox, Shop, sandbox, shop

pytestmark = pytest.mark.anyio

BUYERS = 12
KILLS = rounds(3, 6)
ANSWERS_BETWEEN = 40


@pytest.fixture
async def taker(anyio_backend: str) -> AsyncIterator[Shop]:
    async with shop() as one:
        yield one


class Buyer:
    """Pays and refunds again and again; where there is no answer, asks the same once more."""

    def __init__(self, psp: Sandbox, number: int) -> None:
        self._psp = psp
        self._number = number
        self.answered: list[Json] = []
        """What the sandbox said it had done: the last word on each payment."""

    async def run(self, stop: asyncio.Event) -> None:
        payment = 0
        while not stop.is_set():
            payment += 1
            key = f"b{self._number}-{payment}"
            made = await self._until_answered("/v1/payments", body(key))
            path = f"/v1/payments/{made['payment']}"
            self.answered.append(await self._until_answered(f"{path}/capture", None))
            for refund in range(2):
                asked = {"key": f"{key}-r{refund}", "amount": 30}
                self.answered[-1] = await self._until_answered(f"{path}/refunds", asked)

    async def _until_answered(self, path: str, asked: object) -> Json:
        while True:
            try:
                status, answer = await self._psp.ask("POST", path, asked)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.02)
                continue
            assert status == 200, answer
            return answer


def body(key: str) -> Json:
    return {"key": key, "order": key, "user": "ann", "amount": 100, "currency": "CNY"}


async def test_killed_again_and_again(tmp_path: Path, taker: Shop) -> None:
    async with sandbox(tmp_path / "data", "--webhook-url", taker.url) as psp:
        buyers = [Buyer(psp, number) for number in range(BUYERS)]
        stop = asyncio.Event()
        running = [asyncio.create_task(buyer.run(stop)) for buyer in buyers]
        for _ in range(KILLS):
            reached = sum(len(buyer.answered) for buyer in buyers) + ANSWERS_BETWEEN
            async with asyncio.timeout(60):
                while sum(len(buyer.answered) for buyer in buyers) < reached:
                    await asyncio.sleep(0.005)
            await asyncio.to_thread(psp.kill)
            await asyncio.to_thread(psp.start)
        stop.set()
        await asyncio.gather(*running)

        book = {entry["payment"]: entry for entry in await psp.book()}
        told = [payment for buyer in buyers for payment in buyer.answered]
        assert len(told) >= KILLS * ANSWERS_BETWEEN
        assert len({entry["key"] for entry in book.values()}) == len(book) == len(told)
        for payment in told:
            entry = dict(book[payment["payment"]])
            refunds = entry.pop("refunds")
            assert entry == payment, "what was answered is what stands in the book"
            assert (entry["status"], entry["refunded"]) == ("captured", 60)
            assert [refund["amount"] for refund in refunds] == [30, 30]
        await taker.until(lambda: len(set(taker.events)) == len(book), 60)
        taker.check_signatures(psp.data_dir)


async def test_a_stopped_one_goes_on(tmp_path: Path) -> None:
    async with sandbox(tmp_path / "data") as psp:
        os.kill(psp.pid, signal.SIGSTOP)
        asking = asyncio.create_task(psp.authorise("k"))
        done, _ = await asyncio.wait([asking], timeout=0.3)
        assert not done
        os.kill(psp.pid, signal.SIGCONT)
        assert (await asking)[0] == 200


async def test_one_process_per_book(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with sandbox(data) as psp:
        second = subprocess.run(
            [sys.executable, "-m", "server", "sandbox-psp", "--port", "0", "--data-dir", str(data)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == 1
        assert f"the sandbox's book {data}/sandbox.db cannot be used: database is locked" in second.stderr
        await psp.paid("k")
        assert await asyncio.to_thread(psp.stop) in (0, -signal.SIGTERM)
        psp.start()
        assert len(await psp.book()) == 1
