"""Readers that are slow or stop, among healthy ones: they are degraded or closed, nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from loadtest.stress import checks
from loadtest.stress.crowd import Watcher
from loadtest.stress.process import Metrics
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures
from schemas.codes import CloseCode

PAUSED = STOPPED = 5
RECEIVE_BUFFER = 32 * 1024
"""Smaller ones make the kernel deliver in drips when they read on."""
PAUSE_SECONDS = 0.5
"""Ticks go by for all who pause, while they are slow."""
SLOW_TIMEOUT_MS = 3_000
RATE = 600.0
TEXT = 150
"""Characters of three bytes each: some 250 KB of chat a second for each viewer."""
LOAD_SECONDS = 120.0
"""At most; it ends when everybody is back, and not before the time that was asked for."""
EVENT_RATE = 20.0
_CLOSED = "miaodan_fanout_closed_total"
_SLOW = "miaodan_fanout_slow_viewers"


async def play(stage: Stage) -> Figures:
    """`stage.viewers` healthy ones, five who pause for a moment, five who stop."""
    healthy = await stage.fill(stage.viewers)
    slow = {"receive_buffer": RECEIVE_BUFFER, "deflate": False}
    pausing = await stage.fill(PAUSED, "paused", **slow)
    stopping = await stage.fill(STOPPED, "stopped", **slow)
    everybody = [*healthy, *pausing, *stopping]
    speakers = healthy[: max(1, len(healthy) // 10)]
    before = await stage.metrics()
    text = "".join(chr(stage.random.randrange(0x4E00, 0x9FA5)) for _ in range(TEXT))
    loop = asyncio.get_running_loop()
    began = loop.time()
    host = asyncio.ensure_future(stage.host.events(EVENT_RATE, LOAD_SECONDS))
    talk = asyncio.ensure_future(stage.talk(speakers, RATE, LOAD_SECONDS, text))
    try:
        _read([*pausing, *stopping], False)
        await stage.until_metric(
            lambda now: now.total(_SLOW) >= PAUSED + STOPPED, "stopped readers seen as slow"
        )
        await asyncio.sleep(PAUSE_SECONDS)
        _read(pausing, True)
        await stage.until_metric(
            lambda now: _closed(now) - _closed(before) >= STOPPED, "stopped readers closed"
        )
        _read(stopping, True)
        await stage.until(
            lambda: all(one.live and one.history.losses for one in stopping), "stopped readers back"
        )
        await asyncio.sleep(max(0.0, began + stage.seconds - loop.time()))
    finally:
        stage.host.enough()
        talk.cancel()
        await asyncio.gather(host, talk, return_exceptions=True)
    spoken = await stage.settle_chat([*healthy, *pausing], speakers)
    await stage.settle_log(everybody)
    await stage.settle_values(everybody)
    stage.check_log(everybody)
    stage.check_chat([*healthy, *pausing], spoken)
    for watcher in healthy:
        stage.hold(checks.stayed(watcher.history))
    _check_slow(stage, pausing, stopping, spoken)
    closed = _closed(await stage.metrics()) - _closed(before)
    if closed != STOPPED:
        stage.hold([f"{closed:g} sockets were closed as slow, {STOPPED} had stopped"])
    return {
        "danmaku": len(spoken),
        "host_events": len(stage.host.truth.events),
        "closed_4001": int(closed),
        "skipped_for_paused": max(one.history.skipped for one in pausing),
        "skipped_for_healthy": max(one.history.skipped for one in healthy),
    }


def _read(watchers: Sequence[Watcher], reading: bool) -> None:
    for watcher in watchers:
        link = watcher.viewer.link
        if link is not None:
            if reading:
                link.resume_reading()
            else:
                link.pause_reading()


def _closed(metrics: Metrics) -> float:
    return metrics.value(_CLOSED, code=str(int(CloseCode.SLOW)))


def _check_slow(
    stage: Stage, pausing: Sequence[Watcher], stopping: Sequence[Watcher], spoken: checks.Spoken
) -> None:
    for watcher in pausing:
        if not watcher.history.losses and not watcher.history.skipped:
            stage.hold([f"{watcher.name}: paused, and nothing was skipped for it"])
        stage.hold(checks.stayed(watcher.history))
    for watcher in stopping:
        stage.hold(checks.closed_with(watcher.name, watcher.history.losses, CloseCode.SLOW))
        stage.hold(checks.chat_once(watcher.history, spoken))
        if len(watcher.history.stints) > 1 and not watcher.history.stints[1].recovered:
            stage.hold([f"{watcher.name}: came back to a snapshot, the missed events were asked for"])


SCENARIO = Scenario(
    name="slow",
    promise="healthy viewers untouched; a pause costs counted chat, a stop is closed with 4001 and resumes",
    play=play,
    viewers=100,
    seconds=8.0,
    settings={
        "MIAODAN_FANOUT__SLOW_TIMEOUT_MS": str(SLOW_TIMEOUT_MS),
        "MIAODAN_FANOUT__CHAT_BUDGET": "1000",
    },
)
