"""Malformed frames and handshakes, silence and floods: each ends its own socket and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from loadtest.stress import checks
from loadtest.stress.abuses import ABUSES, KNOCKS, UPGRADED, Abuse, Knock, frame_bytes, judge, judge_knock
from loadtest.stress.raw import Ending, RawSocket
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures
from schemas.codes import CloseCode, Role

PATIENCE_S = 20.0
"""How long a line that has failed may stay open."""
HEAD_S = 15.0
"""How long a request may take for its headers; shorter runs leave that case out."""
HELLO_TIMEOUT_MS = 1_000
PINGS = 40_000
RECEIVE_BUFFER = 4 * 1024
COPIES = 3
EVENT_RATE, DANMAKU_RATE = 10.0, 20.0
_CONNECTIONS = "miaodan_gateway_connections"


async def play(stage: Stage) -> Figures:
    """Each abuse three times, beside `stage.viewers` who do nothing wrong."""
    watchers = await stage.fill(stage.viewers)
    speakers = watchers[: max(1, len(watchers) // 10)]
    before = (await stage.metrics()).total(_CONNECTIONS)
    cases = [case for turn in range(COPIES) for case in _cases(stage, turn)]
    if stage.seconds >= HEAD_S:
        cases.append(_half_handshake(stage))
    found, *_ = await asyncio.gather(
        asyncio.gather(*(_tried(case) for case in cases)),
        stage.host.events(EVENT_RATE, stage.seconds),
        stage.talk(speakers, DANMAKU_RATE, stage.seconds),
    )
    for breaches in found:
        stage.hold(breaches)
    await stage.until_metric(lambda now: now.total(_CONNECTIONS) == before, "no abuser's socket left")
    spoken = await stage.settle_chat(watchers, speakers)
    await stage.settle_log(watchers)
    stage.check_log(watchers)
    stage.check_chat(watchers, spoken)
    for watcher in watchers:
        stage.hold(checks.stayed(watcher.history))
    return {"abuses": len(found), "host_events": len(stage.host.truth.events), "danmaku": len(spoken)}


def _cases(stage: Stage, turn: int) -> list[Awaitable[list[str]]]:
    return [
        *(_abuse(stage, abuse, f"bad{turn}-{number}") for number, abuse in enumerate(ABUSES)),
        *(_knock(stage, knock) for knock in KNOCKS),
        _silent(stage),
        _ping_flood(stage, f"pings{turn}"),
    ]


async def _tried(case: Awaitable[list[str]]) -> list[str]:
    """A line cut before its turn is a finding, not a crash."""
    try:
        return await case
    except OSError as error:
        return [f"an abuse could not be tried: {error}"]


def _path(stage: Stage) -> str:
    return f"/ws/live/{stage.room}"


async def _live(stage: Stage, name: str, receive_buffer: int = 0) -> RawSocket:
    """A viewer like any other, so far."""
    link = await RawSocket.connect(stage.server.address, receive_buffer)
    if await link.shake(link.request(_path(stage))) != UPGRADED:
        raise ConnectionError(f"the handshake was answered with {link.ending.status}")
    await link.hello(stage.server.token(name, Role.VIEWER))
    return link


async def _ended(link: RawSocket, seconds: float = PATIENCE_S) -> Ending:
    ending = await link.read(seconds)
    await link.close()
    return ending


async def _abuse(stage: Stage, abuse: Abuse, name: str) -> list[str]:
    link = await _live(stage, name)
    link.send(abuse.data)
    return judge(abuse, await _ended(link))


async def _knock(stage: Stage, knock: Knock) -> list[str]:
    link = await RawSocket.connect(stage.server.address)
    await link.shake(knock.request(link, _path(stage)))
    return judge_knock(knock, await _ended(link))


async def _silent(stage: Stage) -> list[str]:
    """Upgraded, and then no hello."""
    link = await RawSocket.connect(stage.server.address)
    await link.shake(link.request(_path(stage)))
    ending = await _ended(link, HELLO_TIMEOUT_MS / 1000 + PATIENCE_S)
    return judge(Abuse("no hello", b"", (CloseCode.NO_HELLO,)), ending)


async def _half_handshake(stage: Stage) -> list[str]:
    """A request that never ends its headers."""
    link = await RawSocket.connect(stage.server.address)
    link.send(link.request(_path(stage))[:-2])
    ending = await _ended(link, HEAD_S + PATIENCE_S)
    return [] if ending.ended else ["half a handshake: the line is still open"]


async def _ping_flood(stage: Stage, name: str) -> list[str]:
    """Asks for pongs and does not read them: let go as a slow reader or as a flood, or cut."""
    link = await _live(stage, name, RECEIVE_BUFFER)
    ping = frame_bytes(0x89, b"p" * 125) * 100
    for _ in range(PINGS // 100):
        link.send(ping)
        if not await link.drain(PATIENCE_S):
            break
    ending = await _ended(link)
    if ending.ended and ending.code in (None, CloseCode.SLOW, CloseCode.PROTOCOL_ERROR):
        return []
    return [
        f"ping flood: {'ended' if ending.ended else 'still open'} with {ending.code}, expected 4001 or 4503"
    ]


SCENARIO = Scenario(
    name="abuse",
    promise="malformed frames and handshakes end their own socket with the right code; nobody else notices",
    play=play,
    viewers=50,
    seconds=16.0,
    settings={
        "MIAODAN_GATEWAY__HELLO_TIMEOUT_MS": str(HELLO_TIMEOUT_MS),
        "MIAODAN_FANOUT__CHAT_BUDGET": "1000",
    },
)
