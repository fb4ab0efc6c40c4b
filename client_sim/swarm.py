"""Thousands of viewers of one room in one process, and what they saw."""

from __future__ import annotations

import asyncio
import random
import resource
import ssl
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

from client_sim.address import Address
from client_sim.agreement import Agreement, compare, countdown_skew
from client_sim.buyers import Buyer
from client_sim.clock import now_ms
from client_sim.notices import Joined, Lost, Moved, Notice, OrderSettled, Reply, Talk, Violation
from client_sim.phrases import PHRASES, name_of
from client_sim.session import ClientSession, Phase
from client_sim.tally import Tally
from client_sim.tokens import DemoTokens, TokenSource
from client_sim.viewer import Viewer
from client_sim.wire import Encoding, SharedDecoder, decoder
from schemas.codes import Role
from schemas.commands import DanmakuSend, Like
from schemas.events import SaleStarted

SLOW_PAUSE_S = (2.0, 12.0)
SLOW_BUFFER = 8 * 1024
KEPT_ZEROS = 500
"""Countdowns remembered of each sale, taken at random."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a swarm is to do. Rates are per second for the swarm as a whole."""

    room: str
    viewers: int
    buyers: int = 0
    orders_per_buyer: int = 1
    sale: str | None = None
    pay: bool = False
    think_ms: float = 0.0
    danmaku_rate: float = 0.0
    like_rate: float = 0.0
    seconds: float = 30.0
    """0: until told to stop."""
    ramp: float = 0.0
    """Seconds over which viewers arrive; 0 lets them come 500 a second."""
    settle: float = 20.0
    """Seconds at most to wait at the end for viewers to come back and agree."""
    slow_readers: int = 0
    churn_rate: float = 0.0
    """Viewers a second who go: every other one loses its network, the others leave and somebody new comes."""
    skew_ms: float = 2_000.0
    """Each user's own clock is wrong by up to this much."""
    encoding: Encoding = Encoding.JSON
    prefix: str = ""
    """Users are called PREFIX-0, PREFIX-1, …; empty: a new prefix for each run."""


class Swarm:
    """Builds its viewers, lets them live, and compares what they hold in the end."""

    def __init__(self, plan: Plan, address: Address, tokens: TokenSource, seed: int | None = None) -> None:
        self.plan = plan
        self.tally = Tally()
        self.viewers: list[Viewer] = []
        self.buyers: list[Buyer] = []
        self.agreement: Agreement | None = None
        self.phase = "joining"
        self.live_at_end = 0
        self._address = address
        self._tokens = tokens
        self._random = random.Random(seed)
        self._prefix = plan.prefix or f"sim{uuid.uuid4().hex[:6]}"
        self._names: dict[Viewer, str] = {}
        self._buyer_of: dict[Viewer, Buyer] = {}
        self._decoder = SharedDecoder(decoder(plan.encoding), self.tally.delivered)
        self._tls = ssl.create_default_context() if address.secure else None
        self._started_at: dict[Viewer, float] = {}
        self._lost_at: dict[Viewer, float] = {}
        self._zeros_of: set[str] = set()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End early; `run` still settles and compares."""
        self._stop.set()

    def drop(self, share: float) -> None:
        """That share of the viewers loses its socket at once, as when a network or a gateway fails."""
        live = [viewer for viewer in self.viewers if viewer.live]
        for viewer in self._random.sample(live, round(len(live) * min(max(share, 0.0), 1.0))):
            viewer.drop()

    async def run(self) -> None:
        """Join, live, settle, compare, leave."""
        allow_files(self.plan.viewers + 256)
        chores = [
            asyncio.create_task(chore)
            for chore in (self._talk(), self._like(), self._dawdle(), self._churn(), self._summarise())
        ]
        try:
            await self._join()
            self.phase = "running"
            remaining = self.plan.seconds - self.tally.elapsed() if self.plan.seconds else None
            await self._pause(None if remaining is None else max(remaining, 0.0))
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
        self.phase = "settling"
        await self._settle()
        self.phase = "done"
        await asyncio.gather(*(viewer.stop() for viewer in self.viewers))

    def live_count(self) -> int:
        """Viewers in the room; once all have left, how many were there in the end."""
        if self.phase == "done":
            return self.live_at_end
        return sum(viewer.live for viewer in self.viewers)

    def joined_count(self) -> int:
        """Viewers who were welcomed at least once."""
        return sum(viewer.session.welcome is not None for viewer in self.viewers)

    # ---- joining ----------------------------------------------------------------------------

    async def _join(self) -> None:
        pace = self.plan.ramp / self.plan.viewers if self.plan.ramp else 1 / 500
        loop = asyncio.get_running_loop()
        begin = loop.time()
        tokens = await self._take_tokens()
        for index, token in enumerate(tokens):
            await self._pause(begin + index * pace - loop.time())
            if self._stop.is_set():
                return
            self._add(index, token)

    async def _take_tokens(self) -> list[str]:
        """All tokens beforehand, so that asking for them does not slow the joins."""
        users = [f"{self._prefix}-{index}" for index in range(self.plan.viewers)]

        def take() -> list[str]:
            return [
                self._tokens.token(user, Role.VIEWER, self.plan.room, name_of(index))
                for index, user in enumerate(users)
            ]

        return await asyncio.to_thread(take) if isinstance(self._tokens, DemoTokens) else take()

    def _add(self, index: int, token: str) -> None:
        viewer = self._viewer(index, token)
        self.viewers.append(viewer)
        if index < self.plan.buyers:
            self._buyer_of[viewer] = self._buyer(viewer)
        viewer.start()

    def _viewer(self, index: int, token: str) -> Viewer:
        session = ClientSession(
            encoding=self.plan.encoding,
            token=token,
            random_source=random.Random(self._random.random()),
            decode=self._decoder,
        )
        slow = index >= self.plan.viewers - self.plan.slow_readers
        viewer = Viewer(
            session,
            self._address,
            self._address.live(self.plan.room),
            self._told,
            skew_ms=self._random.uniform(-self.plan.skew_ms, self.plan.skew_ms),
            tls=self._tls,
            receive_buffer=SLOW_BUFFER if slow else None,
        )
        self._names[viewer] = f"{self._prefix}-{index}"
        self._started_at[viewer] = now_ms()
        return viewer

    def _buyer(self, viewer: Viewer) -> Buyer:
        user = self._names[viewer]

        def settled(outcome: OrderSettled) -> None:
            self.tally.settled(user, outcome)

        buyer = Buyer(
            viewer,
            settled,
            self._random,
            orders=self.plan.orders_per_buyer,
            sale=self.plan.sale,
            pay=self.plan.pay,
            think_ms=self.plan.think_ms,
        )
        self.buyers.append(buyer)
        return buyer

    # ---- hearing ----------------------------------------------------------------------------

    def _told(self, viewer: Viewer, notices: list[Notice]) -> None:
        tally = self.tally
        buyer = self._buyer_of.get(viewer)
        for notice in notices:
            match notice:
                case Talk():
                    tally.danmaku_delivered += len(notice.messages)
                    tally.danmaku_skipped += notice.skipped
                    continue
                case Joined():
                    self._joined(viewer, notice)
                case Lost():
                    tally.lost(notice)
                    self._lost_at.setdefault(viewer, now_ms())
                    tally.connect_failures += viewer.session.welcome is None
                case Violation():
                    tally.violated(self._names[viewer], notice)
                case Moved(event=SaleStarted(sale=sale)):
                    self._compare_zeros(sale)
                case Reply(command=DanmakuSend(), error=error) if error is not None:
                    tally.danmaku_refused[error.code.value] += 1
                case _:
                    pass
            if buyer is not None:
                buyer.told(notice)

    def _joined(self, viewer: Viewer, joined: Joined) -> None:
        self.tally.joins += 1
        self.tally.connect_ms.record(viewer.connect_ms)
        lost_at = self._lost_at.pop(viewer, None)
        outcome = "fresh" if joined.first else "recovered" if joined.welcome.recovered else "snapshot"
        away_ms = now_ms() - lost_at if lost_at is not None and not joined.first else None
        self.tally.welcomed(outcome, joined.after_ms, away_ms)
        if joined.first:
            self.tally.join_ms.record(now_ms() - self._started_at[viewer])
        else:
            self.tally.reconnects += 1
            self.tally.recovered += joined.welcome.recovered

    def _compare_zeros(self, sale: str) -> None:
        """Once per sale: where on the true clock does each viewer's countdown end?"""
        if sale in self._zeros_of:
            return
        self._zeros_of.add(sale)
        for viewer in self.viewers:
            known = viewer.session.replica.sales.get(sale)
            if known is not None:
                zeros = self._record_skew(known.starts_at)
                self.tally.zeros[sale] = self._random.sample(zeros, min(KEPT_ZEROS, len(zeros)))
                return

    def _record_skew(self, server_ms: float) -> list[float]:
        zeros = [
            viewer.session.clock.to_local(server_ms) - viewer.skew_ms
            for viewer in self.viewers
            if viewer.live and viewer.session.clock.samples
        ]
        countdown_skew(zeros, self.tally.skew_ms, self._random)
        return zeros

    # ---- chores -----------------------------------------------------------------------------

    def _someone(self) -> Viewer | None:
        """A random viewer who is in the room, None after a few misses."""
        for _ in range(8):
            viewer = self._random.choice(self.viewers) if self.viewers else None
            if viewer is not None and viewer.live:
                return viewer
        return None

    async def _talk(self) -> None:
        async for _ in self._paced(self.plan.danmaku_rate):
            viewer = self._someone()
            if viewer is not None:
                viewer.command(DanmakuSend(text=self._random.choice(PHRASES)))
                self.tally.danmaku_sent += 1

    async def _like(self) -> None:
        async for _ in self._paced(self.plan.like_rate):
            viewer = self._someone()
            if viewer is not None:
                viewer.command(Like(count=self._random.randint(1, 5)))

    async def _paced(self, rate: float) -> AsyncIterator[None]:
        """Moments at random, `rate` a second; a late wake-up is caught up with, by one second at most."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while rate > 0:
            due = max(due + self._random.expovariate(rate), loop.time() - 1.0)
            await asyncio.sleep(max(0.0, due - loop.time()))
            yield

    async def _dawdle(self) -> None:
        """Slow readers stop reading for seconds at a time, as a phone in a lift does."""
        while self.plan.slow_readers > 0:
            slow = [viewer.link for viewer in self.viewers[-self.plan.slow_readers :] if viewer.link]
            for link in slow:
                link.pause_reading()
            try:
                await asyncio.sleep(self._random.uniform(*SLOW_PAUSE_S))
            finally:
                for link in slow:
                    link.resume_reading()
            await asyncio.sleep(self._random.uniform(1.0, 2.0))

    async def _churn(self) -> None:
        leaves = False
        async for _ in self._paced(self.plan.churn_rate):
            viewer = self._someone()
            if viewer is None or viewer in self._buyer_of:
                continue
            leaves = not leaves
            if leaves:
                await self._replace(viewer)
            else:
                viewer.drop()

    async def _replace(self, viewer: Viewer) -> None:
        """One viewer leaves for good, somebody new takes the place."""
        place = self.viewers.index(viewer)
        name = self._names.pop(viewer)
        newcomer = self._viewer(place, viewer.session.token or "")
        self._names[newcomer] = name
        self.viewers[place] = newcomer
        self._started_at.pop(viewer, None)
        self._lost_at.pop(viewer, None)
        try:
            await viewer.stop()
        finally:  # also where the swarm is told to stop meanwhile: the place is not left empty
            self._started_at[newcomer] = now_ms()
            newcomer.start()

    async def _summarise(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self._decoder.drain()

    async def _pause(self, seconds: float | None) -> None:
        """Sleep, or less when told to stop; None: until told."""
        if seconds is not None and seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass

    # ---- the end ----------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Wait, bounded, for orders to be answered and for a moment in which all agree."""
        for buyer in self.buyers:
            buyer.stop()
        loop = asyncio.get_running_loop()
        until = loop.time() + self.plan.settle
        while True:
            staying = [viewer for viewer in self.viewers if viewer.session.phase is not Phase.FINAL]
            complete = all(viewer.live for viewer in staying)
            answered = not any(buyer.waiting for buyer in self.buyers)
            self.agreement = compare([viewer.session for viewer in staying if viewer.live])
            if (complete and answered and self.agreement.agreed) or loop.time() >= until:
                break
            await asyncio.sleep(0.05)
        self.live_at_end = self.live_count()
        self._record_skew(now_ms())
        self._decoder.drain()

    def unanswered(self) -> int:
        """Orders that never got an outcome."""
        return sum(buyer.waiting for buyer in self.buyers)

    def phases(self) -> Counter[str]:
        """How many viewers are waiting, opening, live, or gone for good."""
        return Counter(viewer.session.phase.value for viewer in self.viewers)


def allow_files(wanted: int) -> None:
    """Raise the soft limit of open files as far as `wanted` and the hard limit allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
