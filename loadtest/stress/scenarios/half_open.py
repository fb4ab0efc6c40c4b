"""Peers that are there and say nothing more: found by the sweep, closed with 4002, and counted."""

from __future__ import annotations

import asyncio

from loadtest.stress import checks
from loadtest.stress.abuses import UPGRADED
from loadtest.stress.process import Metrics
from loadtest.stress.raw import RawSocket
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures
from schemas.codes import CloseCode, Role

HEARTBEAT_MS, GRACE_MS = 1_000, 2_500
LATE_S = 2.5
"""How much later than allowed a silent peer may be found: the sweep's period, and a busy machine."""
LOAD_SECONDS = 60.0
"""At most; it ends when all silent peers were found, and not before the time that was asked for."""
EVENT_RATE = 10.0
MUTE = 20
_CLOSED = "miaodan_fanout_closed_total"


async def play(stage: Stage) -> Figures:
    """`stage.viewers` who answer heartbeats, ten who only listen, ten who do not even read."""
    watchers = await stage.fill(stage.viewers)
    before = await stage.metrics()
    mute = [await _mute(stage, f"mute{number}") for number in range(MUTE)]
    listening, deaf = mute[::2], mute[1::2]
    loop = asyncio.get_running_loop()
    began = loop.time()
    silence = (HEARTBEAT_MS + GRACE_MS) / 1000
    host = asyncio.ensure_future(stage.host.events(EVENT_RATE, stage.seconds + LOAD_SECONDS))
    await asyncio.gather(*(link.read(silence + LATE_S) for link in listening))
    await stage.until_metric(lambda now: _closed(now) - _closed(before) >= MUTE, "silent peers closed", 15)
    await asyncio.gather(*(link.read(LATE_S) for link in deaf))
    await asyncio.sleep(max(0.0, began + stage.seconds - loop.time()))
    stage.host.enough()
    await host
    for number, link in enumerate(listening):
        stage.hold(checks.found_silent(f"mute{2 * number}", link.ending, silence, LATE_S))
    for number, link in enumerate(deaf):
        if link.ending.code != CloseCode.NO_HEARTBEAT:
            stage.hold([f"mute{2 * number + 1}: closed with {link.ending.code}, expected 4002"])
    await asyncio.gather(*(link.close() for link in mute))
    await stage.settle_log(watchers)
    stage.check_log(watchers)
    for watcher in watchers:
        stage.hold(checks.stayed(watcher.history))
    closed = _closed(await stage.metrics()) - _closed(before)
    if closed != MUTE:
        stage.hold([f"{closed:g} sockets were counted as silent, {MUTE} were"])
    after = [link.ending.after_s for link in listening]
    return {
        "silent": MUTE,
        "counted_4002": int(closed),
        "allowed_s": silence,
        "found_after_s": f"{min(after):.1f} to {max(after):.1f}",
    }


async def _mute(stage: Stage, name: str) -> RawSocket:
    link = await RawSocket.connect(stage.server.address)
    if await link.shake(link.request(f"/ws/live/{stage.room}")) != UPGRADED:
        raise ConnectionError(f"the handshake was answered with {link.ending.status}")
    await link.hello(stage.server.token(name, Role.VIEWER))
    return link


def _closed(metrics: Metrics) -> float:
    return metrics.value(_CLOSED, code=str(int(CloseCode.NO_HEARTBEAT)))


SCENARIO = Scenario(
    name="half_open",
    promise="a peer that answers no more is closed with 4002 in time and counted; the others stay",
    play=play,
    viewers=100,
    seconds=6.0,
    settings={
        "MIAODAN_GATEWAY__HEARTBEAT_MS": str(HEARTBEAT_MS),
        "MIAODAN_GATEWAY__HEARTBEAT_GRACE_MS": str(GRACE_MS),
    },
)
