"""Faults on real processes: found by their command lines, killed, stopped and let go again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from loadtest.chaos import targets as module
from loadtest.chaos.database import FileDatabase
from loadtest.chaos.schedule import Fault, Kind
from loadtest.chaos.targets import Targets

SLEEPS = "import time; time.sleep(60)"


def fault(target: str, kind: Kind, lasts: float = 0.0, pick: int = 0) -> Fault:
    return Fault(0, 0.0, target, kind, lasts, pick)


@pytest.fixture
def gateways() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes that look like gateways, children of this one."""
    children = [
        subprocess.Popen([sys.executable, "-c", SLEEPS, "worker", "--role", "gateway", f"--index={n}"])
        for n in range(2)
    ]
    yield sorted(children, key=lambda child: child.pid)
    for child in children:
        child.kill()
        child.wait()


@pytest.fixture
def targets(tmp_path: Path) -> Targets:
    return Targets(os.getpid(), FileDatabase(tmp_path), tmp_path)


def test_what_there_is(targets: Targets, gateways: list[subprocess.Popen[bytes]]) -> None:
    assert targets.processes("gateway") == [child.pid for child in gateways]
    known = targets.known()
    assert known["gateway"] == (Kind.KILL, Kind.STOP)
    assert known["database"] == (Kind.LOCK,)
    assert "psp" not in known


@pytest.mark.anyio
async def test_the_picked_one_is_killed(targets: Targets, gateways: list[subprocess.Popen[bytes]]) -> None:
    assert await targets.strike(fault("gateway", Kind.KILL, pick=3)) == f"process {gateways[1].pid}"
    assert gateways[1].wait(10) == -signal.SIGKILL
    assert gateways[0].poll() is None
    assert targets.processes("gateway") == [gateways[0].pid]


@pytest.mark.anyio
async def test_a_stopped_one_goes_on(targets: Targets, gateways: list[subprocess.Popen[bytes]]) -> None:
    process = psutil.Process(gateways[0].pid)
    striking = asyncio.create_task(targets.strike(fault("gateway", Kind.STOP, lasts=0.5)))
    async with asyncio.timeout(10):
        while process.status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)
    assert not striking.done()
    assert await striking == f"process {process.pid}"
    async with asyncio.timeout(10):
        while process.status() == psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_calm_lets_everybody_go(targets: Targets, gateways: list[subprocess.Popen[bytes]]) -> None:
    process = psutil.Process(gateways[0].pid)
    striking = asyncio.create_task(targets.strike(fault("gateway", Kind.STOP, lasts=60)))
    async with asyncio.timeout(10):
        while process.status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)
    await targets.calm()
    async with asyncio.timeout(10):
        while process.status() == psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)
    striking.cancel()
    await asyncio.gather(striking, return_exceptions=True)


@pytest.mark.anyio
async def test_a_stopped_one_may_be_killed(targets: Targets, gateways: list[subprocess.Popen[bytes]]) -> None:
    striking = asyncio.create_task(targets.strike(fault("gateway", Kind.STOP, lasts=0.3)))
    async with asyncio.timeout(10):
        while psutil.Process(gateways[0].pid).status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)
    await targets.strike(fault("gateway", Kind.KILL))
    gateways[0].wait(10)
    assert await striking == f"process {gateways[0].pid}"


@pytest.mark.anyio
async def test_nobody_there(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APPEAR_S", 0.05)
    assert (await targets.strike(fault("psp", Kind.KILL))).startswith("missed: no such process")
