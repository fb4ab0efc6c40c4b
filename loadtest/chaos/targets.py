"""Carries faults out: finds the server's processes by their command lines, kills and stops them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import psutil
from msgspec import Struct

from client_sim.api import ApiError
from loadtest.bench.machine import descendants
from loadtest.chaos import provider
from loadtest.chaos.database import Database
from loadtest.chaos.schedule import Fault, Kind

DATABASE = "database"
PROCESSES = (Kind.KILL, Kind.STOP)
APPEAR_S = 10.0
"""How long a fault waits for a process that is just being started again."""
POLL_S = 0.02
BEHAVE_S = 30.0
PROVIDER = "psp"


def _role(role: str) -> Callable[[str], bool]:
    return lambda line: f"--role {role}" in line or f"--role={role}" in line


RULES: dict[str, Callable[[str], bool]] = {
    "gateway": _role("gateway"),
    "backoffice": _role("backoffice"),
    "store": lambda line: "valkey-server" in line or "redis-server" in line,
    PROVIDER: lambda line: "sandbox-psp" in line,
}
"""By what a process of each kind is known among the supervisor's descendants."""


class Strike(Struct):
    """One fault as it was carried out. `at`: seconds since the faults began; `done`: what happened."""

    fault: Fault
    at: float
    done: str


class Targets:
    """The processes of one server and its database."""

    def __init__(self, supervisor: int, database: Database, data_dir: Path) -> None:
        self._supervisor = supervisor
        self._database = database
        self._data_dir = data_dir
        self._stopped: dict[int, psutil.Process] = {}
        self._moody = asyncio.Lock()
        pids = self.processes(PROVIDER)
        self.provider = provider.listens_at(pids[0]) if pids else None
        """Where the server's own payment provider listens, across its deaths; None without one."""

    def known(self) -> dict[str, tuple[Kind, ...]]:
        """What there is to strike, and how."""
        found: dict[str, tuple[Kind, ...]] = {name: PROCESSES for name in RULES if self.processes(name)}
        if self.provider is not None:
            found[PROVIDER] = (*PROCESSES, Kind.MOOD)
        return {**found, DATABASE: tuple(self._database.faults)}

    def processes(self, name: str) -> list[int]:
        """Ids of the living processes of one kind, in order."""
        rule = RULES[name]
        return sorted(pid for pid, words in descendants(self._supervisor).items() if rule(" ".join(words)))

    async def strike(self, fault: Fault) -> str:
        """Carry one fault out, to its end; what was done, in words."""
        if fault.target == DATABASE:
            return await self._database.strike(fault)
        if fault.kind is Kind.MOOD:
            return await self._upset(fault)
        process = await self._victim(fault)
        if process is None:
            return f"missed: no such process within {APPEAR_S:g} s"
        try:
            if fault.kind is Kind.KILL:
                process.kill()
            else:
                await self._stop(process, fault.lasts)
        except psutil.NoSuchProcess:
            return f"missed: process {process.pid} was gone"
        return f"process {process.pid}"

    async def _victim(self, fault: Fault) -> psutil.Process | None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + APPEAR_S
        while True:
            pids = self.processes(fault.target)
            if pids:
                with suppress(psutil.NoSuchProcess):
                    return psutil.Process(pids[fault.pick % len(pids)])
            if loop.time() > deadline:
                return None
            await asyncio.sleep(POLL_S)

    async def _stop(self, process: psutil.Process, seconds: float) -> None:
        process.send_signal(signal.SIGSTOP)
        self._stopped[process.pid] = process
        try:
            await asyncio.sleep(seconds)
        finally:
            self._stopped.pop(process.pid, None)
            with suppress(psutil.NoSuchProcess):  # killed meanwhile
                process.send_signal(signal.SIGCONT)

    async def _upset(self, fault: Fault) -> str:
        if self.provider is None:
            return "missed: there is no provider to upset"
        async with self._moody:
            try:
                await asyncio.to_thread(provider.be_moody, self.provider, self._data_dir, fault.pick)
                await asyncio.sleep(fault.lasts)
            finally:
                await self._behave()
        return f"seed {fault.pick}"

    async def _behave(self) -> None:
        """Told again where it was just dying. Raises ApiError, OSError when it does not come back."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BEHAVE_S
        while self.provider is not None:
            try:
                await asyncio.to_thread(provider.behave, self.provider, self._data_dir)
            except (OSError, HTTPException, ApiError):
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(POLL_S)
            else:
                return

    async def calm(self) -> None:
        """Nothing stands still or is moody any more, and the database runs."""
        for process in list(self._stopped.values()):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        self._stopped.clear()
        await self._database.mend()
        if self._moody.locked():
            await self._behave()
