"""Faults on real processes: found by their command lines, killed, stopped and let go again."""

from __future__ import annotations

import asyncio
import contextlib
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


SUPERVISOR = f"""
import subprocess, sys
children = [
    subprocess.Popen([sys.executable, "-c", {SLEEPS!r}, "worker", "--role", "gateway", f"--index={{n}}"])
    for n in range(2)
]
print(*(child.pid for child in children), flush=True)
for child in children:
    child.wait()
"""


@pytest.fixture
def supervisor() -> Iterator[tuple[int, list[psutil.Process]]]:
    """A process with two children that look like gateways."""
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    children = [psutil.Process(int(pid)) for pid in sorted(process.stdout.readline().split(), key=int)]
    yield process.pid, children
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.kill()
    process.communicate()


@pytest.fixture
def gateways(supervisor: tuple[int, list[psutil.Process]]) -> list[psutil.Process]:
    return supervisor[1]


@pytest.fixture
def targets(supervisor: tuple[int, list[psutil.Process]], tmp_path: Path) -> Targets:
    return Targets(supervisor[0], FileDatabase(tmp_path), tmp_path)


def alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


async def gone(process: psutil.Process) -> None:
    async with asyncio.timeout(10):
        while alive(process):
            await asyncio.sleep(0.01)


def test_what_there_is(targets: Targets, gateways: list[psutil.Process]) -> None:
    assert targets.processes("gateway") == [child.pid for child in gateways]
    known = targets.known()
    assert known["gateway"] == (Kind.KILL, Kind.STOP)
    assert known["database"] == (Kind.LOCK,)
    assert "psp" not in known


@pytest.mark.anyio
async def test_the_picked_one_is_killed(targets: Targets, gateways: list[psutil.Process]) -> None:
    assert await targets.strike(fault("gateway", Kind.KILL, pick=3)) == f"process {gateways[1].pid}"
    await gone(gateways[1])
    assert alive(gateways[0])
    assert targets.processes("gateway") == [gateways[0].pid]


@pytest.mark.anyio
async def test_a_stopped_one_goes_on(targets: Targets, gateways: list[psutil.Process]) -> None:
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
async def test_calm_lets_everybody_go(targets: Targets, gateways: list[psutil.Process]) -> None:
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
async def test_a_stopped_one_may_be_killed(targets: Targets, gateways: list[psutil.Process]) -> None:
    striking = asyncio.create_task(targets.strike(fault("gateway", Kind.STOP, lasts=0.3)))
    async with asyncio.timeout(10):
        while psutil.Process(gateways[0].pid).status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)
    await targets.strike(fault("gateway", Kind.KILL))
    await gone(gateways[0])
    assert await striking == f"process {gateways[0].pid}"


@pytest.mark.anyio
async def test_nobody_there(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APPEAR_S", 0.05)
    assert (await targets.strike(fault("psp", Kind.KILL))).startswith("missed: no such process")
