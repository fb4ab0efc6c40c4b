"""Crowds come and go in cycles: what the gateway holds at rest comes back to where it was."""

from __future__ import annotations

import asyncio
import time

from loadtest.stress.census import SETTLED, Reading, leaks, slope
from loadtest.stress.crowd import Watcher
from loadtest.stress.process import Metrics, descriptors, resident
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures

CYCLE_S = 3.0
LEAST_CYCLES = 2
EVENT_RATE, DANMAKU_RATE = 10.0, 50.0
REST_SECONDS = 15.0
_JOINED = "miaodan_gateway_joined_total"
_CONNECTIONS = "miaodan_gateway_connections"
_TASKS = "miaodan_asyncio_tasks"


async def play(stage: Stage) -> Figures:
    """One cycle to warm up, then one for every three seconds; the host stays."""
    await _cycle(stage)
    await stage.until_metric(lambda now: now.total(_CONNECTIONS) == 1, "the first crowd gone")
    await asyncio.sleep(1.0)  # tasks are published twice a second
    baseline = await _read(stage)
    readings = []
    for _ in range(max(LEAST_CYCLES, round(stage.seconds / CYCLE_S))):
        await _cycle(stage)
        readings.append(await _at_rest(stage, baseline))
    stage.hold(leaks(baseline, readings))
    last = readings[-1]
    return {
        "cycles": len(readings),
        "joins": last.joins - baseline.joins,
        "descriptors": f"{baseline.descriptors} to {last.descriptors}",
        "store_connections": f"{baseline.store} to {last.store}",
        "tasks": f"{baseline.tasks} to {last.tasks}",
        "rss_mb": " ".join(f"{one.rss / 2**20:.1f}" for one in readings),
        "kb_per_1000_joins": round(slope(readings[len(readings) // 2 :]) / 1024),
    }


async def _cycle(stage: Stage) -> None:
    """A crowd comes, talks, listens and goes, in three ways.

    The same people each time: what is remembered of a token is full after the first cycle.
    """
    watchers = await stage.fill(stage.viewers, stays_away=True)
    await asyncio.gather(
        stage.host.events(EVENT_RATE, 1.0), stage.talk(watchers[:5] or watchers, DANMAKU_RATE, 1.0)
    )
    await stage.settle_log(watchers)
    stage.check_log(watchers)
    for number, watcher in enumerate(watchers):
        (Watcher.goodbye, Watcher.vanish, Watcher.reset)[number % 3](watcher)
    await stage.crowd.leave()
    stage.crowd.again()


async def _read(stage: Stage) -> Reading:
    metrics = await stage.metrics()
    room = await stage.room_now()
    await asyncio.sleep(0.1)  # for the two connections that asked
    return _reading(stage, metrics, int(room["online"]))


def _reading(stage: Stage, metrics: Metrics, online: int) -> Reading:
    pid = stage.server.gateway
    store, others = descriptors(pid)
    return Reading(
        joins=int(metrics.total(_JOINED)),
        rss=resident(pid),
        descriptors=others,
        store=store,
        tasks=int(metrics.total(_TASKS)),
        connections=int(metrics.total(_CONNECTIONS)),
        online=online,
    )


async def _at_rest(stage: Stage, baseline: Reading) -> Reading:
    """The reading in which all is back; what there is, when it does not come back in time."""
    deadline = time.monotonic() + REST_SECONDS
    while True:
        reading = await _read(stage)
        back = all(getattr(reading, name) == getattr(baseline, name) for name in SETTLED)
        if back or time.monotonic() > deadline:
            return reading
        await asyncio.sleep(0.2)


SCENARIO = Scenario(
    name="leaks",
    promise="after each crowd descriptors, tasks, connections and members as before, memory in its bound",
    play=play,
    viewers=500,
    seconds=36.0,
)
