"""One soak: a server of its own, Locust, a fault now and then, a reading every few seconds, the audit."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from loadtest.bench.machine import Placement, facts
from loadtest.bench.target import COMMON, Server
from loadtest.chaos.audited import audited
from loadtest.chaos.database import FileDatabase
from loadtest.chaos.report import strike_line
from loadtest.chaos.schedule import Fault
from loadtest.chaos.targets import DATABASE, Strike, Targets
from loadtest.soak.faults import planned
from loadtest.soak.load import Load
from loadtest.soak.report import Report, progress
from loadtest.soak.sampler import Sampler
from loadtest.soak.samples import Sample
from loadtest.stress.checks import tracebacks
from loadtest.stress.process import parent

Say = Callable[[str], None]
SAY_EVERY_S = 30.0
OVERTIME_S = 150.0
"""Beyond its seconds, for Locust to start, settle, wait for the ledger and judge."""
QUIET_S = 60.0
POLL_S = 0.2


class Options(Struct, frozen=True, kw_only=True):
    """`viewers` in the swarm; `users` are Locust's, buyers and talkers. `every`: seconds between readings."""

    seed: int
    seconds: float
    faults: int
    viewers: int
    users: int
    sale_every: float
    every: float
    order_rate: float

    @property
    def replay(self) -> str:
        return (
            f"make soak SEED={self.seed} SECONDS={self.seconds:g} FAULTS={self.faults} VIEWERS={self.viewers}"
        )

    def load(self, server: Server) -> list[str]:
        """What Locust is told beyond its scenario."""
        given = {
            "--host": server.address.http,
            "--token-key": str(server.data_dir / "token.key"),
            "-u": str(self.users),
            "-r": str(max(1, min(50, self.users // 4))),
            "-t": f"{self.seconds:g}s",
            "--swarm-viewers": str(self.viewers),
            "--order-rate": f"{self.order_rate:g}",
            "--sale-every": f"{self.sale_every:g}",
            "--audit-wait": "60",
        }
        return [word for pair in given.items() for word in pair]


def usual_settings() -> dict[str, str]:
    """A server as it comes: the benchmarks' own settings are set back to what `miaodan serve` has."""
    told = subprocess.run(
        [sys.executable, "-m", "server", "config", "env"], capture_output=True, text=True, check=True
    )
    usual = dict(re.findall(r"^(MIAODAN_\w+)=(.*)$", told.stdout, re.MULTILINE))
    kept = {"MIAODAN_SERVER__LOG_LEVEL": "warning"}
    return {name: usual[name] for name in COMMON if name in usual} | kept


def run(options: Options, folder: Path, verdict: Path, say: Say) -> Report:
    """What was recorded, not judged yet. `folder` holds the server's data and the logs, `verdict` is where
    Locust's report goes.

    Raises ServerFailed, OSError when there is nothing to run on.
    """
    settings = usual_settings()
    cpus = set(os.sched_getaffinity(0))
    with Server(Placement(cpus, cpus), settings, folder) as server:
        report = asyncio.run(Course(options, server, settings, verdict, say).play())
    log = "".join(file.read_text(errors="replace") for file in server.data_dir.glob("*.log"))
    report.tracebacks = tracebacks(log)
    return report


class Course:
    """One run from its beginning to its report."""

    def __init__(
        self, options: Options, server: Server, settings: Mapping[str, str], verdict: Path, say: Say
    ) -> None:
        self._options = options
        self._server = server
        self._settings = settings
        self._say = say
        self._supervisor = parent(server.gateway)
        self._targets = Targets(self._supervisor, FileDatabase(server.data_dir), server.data_dir)
        self._sampler = Sampler(server.address, self._supervisor, server.store_socket)
        self._load = Load(options.load(server), verdict, server.data_dir / "locust.txt")
        self._samples: list[Sample] = []
        self._strikes: list[Strike] = []
        self._begin = time.monotonic()

    async def play(self) -> Report:
        options, started = self._options, datetime.now(UTC)
        known = self._targets.known()
        plan = planned(
            options.seed, options.seconds, options.faults, [name for name in known if name != DATABASE]
        )
        for fault in plan:
            lasts = f" {fault.lasts:.1f} s" if fault.kind.value == "stop" else ""
            self._say(f"planned: {fault.at:7.1f} s {fault.kind.value} {fault.target}{lasts}")
        with self._load:
            self._begin = time.monotonic()
            chores = [asyncio.create_task(self._sample()), asyncio.create_task(self._tell())]
            chores += [asyncio.create_task(self._strike(fault)) for fault in plan]
            try:
                code = await self._until_over()
            finally:
                for chore in chores:
                    chore.cancel()
                ended = await asyncio.gather(*chores, return_exceptions=True)
                await self._targets.calm()
            for error in ended:
                if isinstance(error, Exception):
                    raise error
            verdict = self._load.verdict()
        self._say("the load is over: waiting for the ledger, then the audit ...")
        await self._until_quiet()
        audit = await asyncio.to_thread(self._audit)
        self._sampler.close()
        return self._report(code, verdict, audit, started)

    # ---- while it runs ----------------------------------------------------------------------

    async def _until_over(self) -> int:
        """Locust's exit code; -1 when it did not end in time."""
        while self._load.ended is None:
            if self._now() > self._options.seconds + OVERTIME_S:
                return -1
            await asyncio.sleep(POLL_S)
        return self._load.ended

    async def _sample(self) -> None:
        turn = 0
        while True:
            self._samples.append(await asyncio.to_thread(self._sampler.read, self._begin))
            # A slow reading shifts none of the others.
            turn = max(turn + 1, int(self._now() / self._options.every) + 1)
            await asyncio.sleep(max(0.0, turn * self._options.every - self._now()))

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(SAY_EVERY_S)
            if self._samples:
                self._say(progress(self._samples[-1], len(self._strikes)))

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(max(0.0, fault.at - self._now()))
        at = round(self._now(), 3)
        try:
            done = await self._targets.strike(fault)
        except Exception as error:
            done = f"missed: {type(error).__name__}: {error}"
        self._strikes.append(Strike(fault, at, done))
        self._say(strike_line(self._strikes[-1]))

    def _now(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self._begin

    # ---- afterwards -------------------------------------------------------------------------

    async def _until_quiet(self) -> None:
        """Until the ledger has all, or as long as it may take; the audit says what is wrong for good."""
        deadline = time.monotonic() + QUIET_S
        while time.monotonic() < deadline:
            if await asyncio.to_thread(self._sampler.lag) == 0.0:
                return
            await asyncio.sleep(POLL_S)

    def _audit(self) -> dict[str, Any]:
        """What `miaodan audit` says of the running server, its exit code as `exit`."""
        code, said, printed = audited(self._server.data_dir, self._settings)
        return {"exit": code, **(said if said is not None else {"said": printed[-500:]})}

    def _report(
        self, code: int, verdict: dict[str, Any] | None, audit: dict[str, Any], started: datetime
    ) -> Report:
        options = self._options
        return Report(
            machine=facts(),
            seed=options.seed,
            seconds=options.seconds,
            viewers=options.viewers,
            users=options.users,
            replay=options.replay,
            started_at=f"{started:%Y-%m-%d %H:%M} UTC",
            took_s=round(self._now(), 1),
            planned=options.faults,
            samples=self._samples,
            strikes=sorted(self._strikes, key=lambda strike: strike.at),
            load=verdict or {},
            load_exit=code,
            load_said="" if verdict else self._load.last_words(),
            audit=audit,
        )
