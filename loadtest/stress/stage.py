"""Where a scenario plays: a server of its own, a room, a host, a crowd; and the list of what broke."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from client_sim.api import Api
from loadtest.bench.target import Server
from loadtest.stress import checks
from loadtest.stress.crowd import Crowd, Watcher, pace
from loadtest.stress.host import Host
from loadtest.stress.process import Metrics, parent
from loadtest.stress.verdict import Figures
from schemas.codes import Role

SKU = "bench"
STOCK = 1_000
SETTLE_SECONDS = 30.0
POLL_SECONDS = 0.02


class Stage:
    """One scenario's server and people. `seconds`: how long the load lasts."""

    def __init__(self, server: Server, viewers: int, seconds: float, seed: int) -> None:
        self.server = server
        self.viewers = viewers
        self.seconds = seconds
        self.random = random.Random(seed)
        self.breaches: list[str] = []
        self.supervisor = parent(server.gateway)
        self.room = server.open_room(stock=STOCK, sku=SKU)
        self.host = Host(server.address, self.room, server.token("host", Role.HOST), SKU, STOCK)
        self.crowd = Crowd(
            server.address, self.room, lambda user: server.token(user, Role.VIEWER), self.random
        )
        self.likes = 0

    # ---- what broke -------------------------------------------------------------------------

    def hold(self, breaches: Sequence[str]) -> None:
        """Note broken promises."""
        self.breaches.extend(breaches)

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = SETTLE_SECONDS) -> bool:
        """Wait for it; a breach when it does not come."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not condition():
            if loop.time() > deadline:
                self.breaches.append(f"{what}: not within {seconds:g} s")
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    # ---- people -----------------------------------------------------------------------------

    async def fill(self, count: int, prefix: str = "v", **options: Any) -> list[Watcher]:
        """`count` watchers in the room; a breach for those who were not let in."""
        watchers = [self.crowd.make(prefix, **options) for _ in range(count)]
        outside = await self.crowd.join(watchers)
        if outside:
            self.breaches.append(f"{outside} of {count} viewers were not let in")
        return watchers

    async def talk(
        self, speakers: Sequence[Watcher], rate: float, seconds: float, text: str = "danmaku"
    ) -> None:
        """The speakers in turn, `rate` danmaku a second together, and some likes."""
        async for number in pace(rate, seconds):
            speakers[number % len(speakers)].say(f"{text} {number}")
            if number % 10 == 0 and speakers[0].like(1):
                self.likes += 1

    # ---- the server -------------------------------------------------------------------------

    async def metrics(self) -> Metrics:
        return await asyncio.to_thread(Metrics.read, self.server.address)

    async def until_metric(
        self, reached: Callable[[Metrics], bool], what: str, seconds: float = SETTLE_SECONDS
    ) -> bool:
        """Like `until`, on the server's own numbers."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not reached(await self.metrics()):
            if loop.time() > deadline:
                self.breaches.append(f"{what}: not within {seconds:g} s")
                return False
            await asyncio.sleep(0.1)
        return True

    async def room_now(self) -> dict[str, Any]:
        """The room's snapshot over HTTP."""

        def ask() -> dict[str, Any]:
            with closing(Api(self.server.address)) as api:
                snapshot: dict[str, Any] = api.get(f"/api/v1/rooms/{self.room}")
            return snapshot

        return await asyncio.to_thread(ask)

    # ---- the end ----------------------------------------------------------------------------

    async def settle_chat(self, watchers: Sequence[Watcher], speakers: Sequence[Watcher]) -> checks.Spoken:
        """Until every danmaku was answered and everybody was told of all of them."""
        await self.until(
            lambda: all(speaker.said == speaker.history.answered for speaker in speakers),
            "replies to danmaku",
        )
        spoken = checks.Spoken([speaker.history for speaker in speakers])
        await self.until(
            lambda: all(watcher.history.heard >= len(spoken) for watcher in watchers),
            "all danmaku received or told as skipped",
        )
        return spoken

    async def settle_log(self, watchers: Sequence[Watcher]) -> None:
        """One last event, and everybody at it. What came twice came before it."""
        for _ in range(5):
            if await self.host.event() is not None:
                break
        truth = self.host.truth
        self.hold([f"the host was refused {line}" for line in truth.refused])
        self.hold(self.host.violations)
        await self.until(
            lambda: all(watcher.live and watcher.history.last >= truth.last for watcher in watchers),
            "everybody at the room's last event",
        )

    async def settle_values(self, watchers: Sequence[Watcher]) -> None:
        """Numbers are told last of all, and are then the same for everybody."""
        truth = self.host.truth
        truth.likes = self.likes
        await self.until(
            lambda: not any(checks.values(one.name, one.session.replica, truth) for one in watchers),
            "the last values of stock and likes",
            10,
        )
        for watcher in watchers:
            self.hold(checks.values(watcher.name, watcher.session.replica, truth))

    def check_log(self, watchers: Sequence[Watcher], *, arrived: bool = True) -> None:
        """Lane L1 of each, and against each other."""
        for watcher in watchers:
            self.hold(checks.sequenced(watcher.history, self.host.truth, arrived=arrived))
        self.hold(checks.agreed([watcher.history for watcher in watchers]))

    def check_chat(self, watchers: Sequence[Watcher], spoken: checks.Spoken) -> frozenset[str]:
        """Lane L3 of each, and against each other; what was shown."""
        histories = [watcher.history for watcher in watchers]
        seen = checks.shown(histories, spoken)
        for history in histories:
            self.hold(checks.chat(history, spoken, seen))
        self.hold(checks.one_order(histories, spoken))
        return seen

    async def close(self) -> None:
        """Everybody leaves."""
        await self.crowd.leave()
        await self.host.stop()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`settings`: the server's environment; `viewers` and `seconds` where nobody asks otherwise."""

    name: str
    promise: str
    play: Callable[[Stage], Awaitable[Figures]]
    viewers: int
    seconds: float
    settings: Mapping[str, str] = field(default_factory=dict)
