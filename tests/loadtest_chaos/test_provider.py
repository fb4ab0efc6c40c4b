"""The real sandbox provider: its book read, and its moods."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from client_sim.address import Address
from client_sim.api import Api
from loadtest.chaos import targets as module
from loadtest.chaos.database import FileDatabase
from loadtest.chaos.facts import Payment
from loadtest.chaos.provider import MOOD, read_book, read_payments
from loadtest.chaos.schedule import Fault, Kind
from loadtest.chaos.targets import Targets
from tests.sandbox.running import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    sandbox = Sandbox(data_dir)
    sandbox.start()
    yield sandbox
    sandbox.kill()


@pytest.fixture
def targets(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Targets:
    """The sandbox alone: another test's server may have one as well."""
    monkeypatch.setattr(module, "descendants", lambda pid: {sandbox.pid: ["miaodan", "sandbox-psp"]})
    return Targets(os.getpid(), FileDatabase(tmp_path), sandbox.data_dir)


def address(sandbox: Sandbox) -> Address:
    return Address.parse(sandbox.url)


def ask(sandbox: Sandbox, path: str) -> Any:
    with closing(Api(address(sandbox), sandbox.key)) as api:
        return api.get(path)


def test_the_book(sandbox: Sandbox) -> None:
    with closing(Api(address(sandbox), sandbox.key)) as api:
        asked = {"key": "00-a-1", "order": "00-a", "user": "ann", "amount": 200, "currency": "CNY"}
        id = api.post("/v1/payments", asked)["payment"]
        api.post(f"/v1/payments/{id}/capture", {})
        api.post(f"/v1/payments/{id}/refunds", {"key": "00-a-r1", "amount": 50})
    assert read_book(address(sandbox), sandbox.data_dir) == [
        Payment(id, "00-a-1", "00-a", 200, "CNY", "captured", 50, {"00-a-r1": 50})
    ]
    assert read_payments(address(sandbox), sandbox.data_dir, ["00-b", "00-a"]) == [
        Payment(id, "00-a-1", "00-a", 200, "CNY", "captured", 50)
    ]


@pytest.mark.anyio
async def test_a_mood_comes_and_goes(sandbox: Sandbox, targets: Targets) -> None:
    assert targets.provider == address(sandbox)
    assert Kind.MOOD in targets.known()["psp"]
    calm = await asyncio.to_thread(ask, sandbox, "/v1/behaviour")
    upset = asyncio.create_task(targets.strike(Fault(0, 0.0, "psp", Kind.MOOD, 0.5, 9)))
    async with asyncio.timeout(10):
        while (now := await asyncio.to_thread(ask, sandbox, "/v1/behaviour")) == calm:
            await asyncio.sleep(0.01)
    assert now == {**MOOD, "seed": 9}
    assert await upset == "seed 9"
    assert await asyncio.to_thread(ask, sandbox, "/v1/behaviour") == calm


@pytest.mark.anyio
async def test_calm_ends_a_mood(sandbox: Sandbox, targets: Targets) -> None:
    calm = await asyncio.to_thread(ask, sandbox, "/v1/behaviour")
    upset = asyncio.create_task(targets.strike(Fault(0, 0.0, "psp", Kind.MOOD, 60, 9)))
    async with asyncio.timeout(10):
        while await asyncio.to_thread(ask, sandbox, "/v1/behaviour") == calm:
            await asyncio.sleep(0.01)
    await targets.calm()
    assert await asyncio.to_thread(ask, sandbox, "/v1/behaviour") == calm
    upset.cancel()
    await asyncio.gather(upset, return_exceptions=True)


@pytest.mark.anyio
async def test_without_a_provider_there_is_nobody_to_upset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "APPEAR_S", 0.05)
    childless = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    targets = Targets(childless.pid, FileDatabase(tmp_path), tmp_path)
    childless.communicate()
    assert targets.provider is None
    assert (await targets.strike(Fault(0, 0.0, "psp", Kind.MOOD, 1, 9))).startswith("missed")
