"""Everybody is cut at once and comes back, while the host goes on; then the gateway is killed as well."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from statistics import quantiles

from client_sim.clock import now_ms
from loadtest.stress.crowd import Watcher
from loadtest.stress.process import gateways, kill
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures

EVENT_RATE = 20.0
BACK_SECONDS = 60.0


async def play(stage: Stage) -> Figures:
    """`stage.viewers` are cut twice."""
    watchers = await stage.fill(stage.viewers)
    host = asyncio.ensure_future(stage.host.events(EVENT_RATE, 2 * (BACK_SECONDS + stage.seconds)))
    try:
        await asyncio.sleep(stage.seconds / 2)
        back_ms = await _cut(stage, watchers, 2)
        await asyncio.sleep(stage.seconds / 2)
        killed_ms = await _kill(stage, watchers, 3)
        await asyncio.sleep(stage.seconds / 2)
    finally:
        stage.host.enough()
        await host
    await stage.settle_log(watchers)
    await stage.settle_values(watchers)
    stage.check_log(watchers)
    codes = {loss.code for watcher in watchers for loss in watcher.history.losses}
    return {
        "host_events": len(stage.host.truth.events),
        "back_p50_ms": round(_percentile(back_ms, 50)),
        "back_last_ms": round(max(back_ms, default=0.0)),
        "back_after_kill_p50_ms": round(_percentile(killed_ms, 50)),
        "back_after_kill_last_ms": round(max(killed_ms, default=0.0)),
        "codes": " ".join(sorted(str(code or 1006) for code in codes)),
    }


async def _cut(stage: Stage, watchers: Sequence[Watcher], stints: int) -> list[float]:
    began = now_ms()
    for watcher in watchers:
        watcher.reset()
    return await _back(stage, watchers, stints, began)


async def _kill(stage: Stage, watchers: Sequence[Watcher], stints: int) -> list[float]:
    began = now_ms()
    for pid in gateways(stage.supervisor):
        kill(pid, signal.SIGKILL)
    return await _back(stage, watchers, stints, began)


async def _back(stage: Stage, watchers: Sequence[Watcher], stints: int, began: float) -> list[float]:
    """Until all have come back, each with all that it missed; how long each took, in milliseconds."""
    await stage.until(
        lambda: all(one.live and len(one.history.stints) >= stints for one in watchers),
        f"everybody back (socket {stints})",
        BACK_SECONDS,
    )
    back = [one for one in watchers if len(one.history.stints) >= stints]
    anew = [one.name for one in back if not one.history.stints[-1].recovered]
    if anew:
        stage.hold([f"socket {stints}: {len(anew)} resumes led to a snapshot, first {anew[0]}"])
    return [one.history.stints[-1].began - began for one in back]


def _percentile(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        return max(values, default=0.0)
    return quantiles(values, n=100)[percent - 1]


SCENARIO = Scenario(
    name="storm",
    promise="all cut at once come back, nothing missing, nothing twice; again past a kill -9 of a gateway",
    play=play,
    viewers=1_000,
    seconds=4.0,
)
