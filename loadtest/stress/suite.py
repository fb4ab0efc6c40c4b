"""Plays scenarios, each on a server of its own, and collects their verdicts."""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import uvloop

from client_sim.api import ApiError
from client_sim.swarm import allow_files
from loadtest.bench.machine import Placement
from loadtest.bench.target import Server
from loadtest.stress import checks
from loadtest.stress.host import NoAnswer
from loadtest.stress.scenarios import abuse, churn, drain, exact, flood, half_open, leaks, slow, storm
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures, Verdict

SCENARIOS: dict[str, Scenario] = {
    module.SCENARIO.name: module.SCENARIO
    for module in (exact, flood, slow, abuse, half_open, churn, storm, drain, leaks)
}
COMMON = {
    "MIAODAN_LIMITS__LIKES_PER_SECOND": "0",
    "MIAODAN_ROOMS__PRESENCE_MS": "250",
    "MIAODAN_FANOUT__STATE_MS": "100",
}
"""On top of the benchmark's own: no limit a crowd from one process would hit, numbers told soon."""
SPARE_DESCRIPTORS = 500
GUARD_SECONDS = 240.0
"""A scenario that takes longer than this beyond its load is given up."""


def play(
    scenario: Scenario,
    folder: Path,
    seed: int,
    *,
    viewers: int | None = None,
    seconds: float | None = None,
    settings: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """One scenario; raises ServerFailed, OSError when there is no server to play on.

    `settings`: environment of the server on top of the scenario's own.
    """
    crowd = viewers or scenario.viewers
    allow_files(2 * crowd + SPARE_DESCRIPTORS)
    started = time.monotonic()
    cpus = set(os.sched_getaffinity(0))
    # Its own number for each scenario: playing one alone is the same as playing it among all.
    own_seed = seed ^ zlib.crc32(scenario.name.encode())
    length = seconds or scenario.seconds
    say(f"{scenario.name}: {crowd} viewers, {length:g} s ...")
    with Server(Placement(cpus, cpus), {**COMMON, **scenario.settings, **(settings or {})}, folder) as server:
        figures, breaches = uvloop.run(_play(scenario, server, crowd, length, own_seed))
    log = "".join(file.read_text(errors="replace") for file in server.data_dir.glob("*.log"))
    breaches += checks.tracebacks(log)
    return Verdict(
        name=scenario.name,
        promise=scenario.promise,
        viewers=crowd,
        figures=figures,
        breaches=breaches,
        took_s=round(time.monotonic() - started, 2),
    )


async def _play(
    scenario: Scenario, server: Server, viewers: int, seconds: float, seed: int
) -> tuple[Figures, list[str]]:
    """A room that answers no more, and a scenario without an end, are broken promises too."""
    stage = Stage(server, viewers, seconds, seed)
    figures: Figures = {}
    try:
        async with asyncio.timeout(GUARD_SECONDS + seconds):
            await stage.host.start()
            figures = await scenario.play(stage)
    except (NoAnswer, OSError, ApiError, TimeoutError) as error:
        stage.hold([f"could not be played to its end: {str(error) or 'it took too long'}"])
    finally:
        await stage.close()
    return figures, stage.breaches
