"""SIGTERM: everybody is told to come back elsewhere, spread over the window, before any line is cut."""

from __future__ import annotations

import asyncio
import signal

import psutil

from loadtest.stress import checks
from loadtest.stress.crowd import Watcher
from loadtest.stress.process import kill
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures
from schemas.codes import CloseCode

WINDOW_MS = 2_000
LATE_MS = 2_000
EVENT_RATE = 20.0
LATE_COMER_S = 0.3
STOP_SECONDS = 30.0
LEAST_VIEWERS = 120
"""A smaller crowd is sent away at the same pace, and so before the window ends."""


async def play(stage: Stage) -> Figures:
    """`stage.viewers` stay until they are sent away; one more knocks meanwhile."""
    watchers = await stage.fill(max(stage.viewers, LEAST_VIEWERS), stays_away=True)
    host = asyncio.ensure_future(stage.host.events(EVENT_RATE, stage.seconds + STOP_SECONDS))
    try:
        await asyncio.sleep(stage.seconds)
        kill(stage.supervisor, signal.SIGTERM)
        await asyncio.sleep(LATE_COMER_S)
        late = stage.crowd.make("late", stays_away=True)
        late.viewer.start()
        everybody = [*watchers, late]
        await stage.until(lambda: all(one.history.losses for one in everybody), "everybody sent away")
    finally:
        host.cancel()
        await asyncio.gather(host, return_exceptions=True)
    await stage.until(lambda: _ended(stage.supervisor), "the server's end", STOP_SECONDS)
    for watcher in watchers:
        stage.hold(checks.closed_with(watcher.name, watcher.history.losses, CloseCode.DRAINING))
    _check_late_comer(stage, late)
    stage.check_log(watchers, arrived=False)
    times = [one.history.losses[0].at for one in watchers if one.history.losses]
    stage.hold(checks.spread_over(times, WINDOW_MS, LATE_MS))
    return {
        "host_events": len(stage.host.truth.events),
        "sent_away": len(times),
        "window_ms": WINDOW_MS,
        "spread_ms": round(max(times) - min(times)) if times else 0,
    }


def _check_late_comer(stage: Stage, late: Watcher) -> None:
    """Refused, by the door or by the closed port; never let in."""
    if late.history.stints:
        stage.hold(["who knocked while the server was draining was let in"])
    elif late.history.losses and late.history.losses[0].code not in (CloseCode.DRAINING, None):
        stage.hold([f"who knocked while the server was draining got {late.history.losses[0].code}"])


def _ended(pid: int) -> bool:
    """Gone, or waiting to be asked for its exit code."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


SCENARIO = Scenario(
    name="drain",
    promise="on SIGTERM every viewer is closed with 4000, spread over the window, and none is cut before",
    play=play,
    viewers=500,
    seconds=2.0,
    settings={"MIAODAN_SERVER__DRAIN_MS": str(WINDOW_MS)},
)
