"""Viewers of one room whose histories are kept, on `client_sim`'s session and link."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import cache
from itertools import count

from client_sim.address import Address
from client_sim.backoff import Backoff
from client_sim.clock import now_ms
from client_sim.notices import Lost, Notice
from client_sim.session import ClientSession
from client_sim.viewer import Viewer
from client_sim.wire import Batch, Encoding, SharedDecoder, decoder
from loadtest.stress.history import History
from schemas.commands import DanmakuSend, Like
from schemas.models import Resume

TOGETHER = 64
"""Joins under way at a time."""


class Watcher:
    """One viewer and what it was told. Comes back by itself unless `stays_away`."""

    def __init__(self, history: History, viewer: Callable[[Watcher], Viewer], stays_away: bool) -> None:
        self.history = history
        self.stays_away = stays_away
        self.said = 0
        self.joined = asyncio.Event()
        self.viewer = viewer(self)
        self._leaving: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.history.name

    @property
    def live(self) -> bool:
        return self.viewer.live

    @property
    def session(self) -> ClientSession:
        return self.viewer.session

    def told(self, viewer: Viewer, notices: list[Notice]) -> None:
        self.history.took(notices, now_ms())
        if viewer.live:
            self.joined.set()
        if self.stays_away and any(isinstance(notice, Lost) for notice in notices):
            self.goodbye()

    def say(self, text: str) -> bool:
        """Send a danmaku; False while not in the room."""
        if self.live:
            self.viewer.command(DanmakuSend(text=text))
            self.said += 1
        return self.live

    def like(self, times: int) -> bool:
        if self.live:
            self.viewer.command(Like(count=times))
        return self.live

    def reset(self) -> None:
        """The line is cut with a RST."""
        if self.viewer.link is not None:
            self.viewer.link.reset()

    def goodbye(self) -> None:
        """Leave for good, with a Close frame."""
        self._leaving = asyncio.get_running_loop().create_task(self.viewer.stop())

    def vanish(self) -> None:
        """The socket is closed without a Close frame."""
        if self.viewer.link is not None:
            self.viewer.link.abort()


class Crowd:
    """Makes watchers. Every distinct message is decoded once for all of them."""

    def __init__(
        self, address: Address, room: str, token: Callable[[str], str], random_source: random.Random
    ) -> None:
        self._address = address
        self._uri = address.live(room)
        self._token = cache(token)
        self._random = random_source
        self._decoders = {
            encoding: SharedDecoder(decoder(encoding), _forget, keep=2_048) for encoding in Encoding
        }
        self._numbers = count()
        self.watchers: list[Watcher] = []

    def again(self) -> None:
        """The same people from the first one on, with the same tokens; those of before are forgotten."""
        self._numbers = count()
        self.watchers.clear()

    def make(
        self,
        prefix: str,
        *,
        backoff_ms: float = 500,
        receive_buffer: int | None = None,
        deflate: bool | None = None,
        stays_away: bool = False,
        resume: Resume | None = None,
    ) -> Watcher:
        """A watcher that has not started yet; every fourth takes MessagePack, every fifth takes deflate."""
        number = next(self._numbers)
        encoding = Encoding.MSGPACK if number % 4 == 3 else Encoding.JSON
        source = random.Random(self._random.random())
        name = f"{prefix}{number}"
        session = ClientSession(
            encoding=encoding,
            token=self._token(name),
            random_source=source,
            decode=self._decoders[encoding],
            backoff=Backoff(source, first_ms=backoff_ms, cap_ms=8 * backoff_ms),
        )
        if resume is not None:
            session.epoch, session.seq = resume.epoch, resume.seq

        def viewer(watcher: Watcher) -> Viewer:
            return Viewer(
                session,
                self._address,
                self._uri,
                watcher.told,
                receive_buffer=receive_buffer,
                deflate=number % 5 == 4 if deflate is None else deflate,
            )

        watcher = Watcher(History(name, session.seq), viewer, stays_away)
        self.watchers.append(watcher)
        return watcher

    async def join(self, watchers: Sequence[Watcher], seconds: float = 60) -> int:
        """Start them, some at a time; returns how many were not welcomed within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                for start in range(0, len(watchers), TOGETHER):
                    some = watchers[start : start + TOGETHER]
                    for watcher in some:
                        watcher.viewer.start()
                    for watcher in some:
                        await watcher.joined.wait()
        except TimeoutError:
            pass
        return sum(not watcher.joined.is_set() for watcher in watchers)

    async def leave(self, watchers: Iterable[Watcher] | None = None) -> None:
        """Say goodbye; returns when the sockets are gone. Everybody's, unless some are named."""
        chosen = self.watchers if watchers is None else watchers
        await asyncio.gather(*(watcher.viewer.stop() for watcher in chosen))


def _forget(batch: Batch) -> None:
    """Arrival times are not asked for here."""


async def pace(rate: float, seconds: float) -> AsyncIterator[int]:
    """`rate` turns a second for `seconds`, numbered; a late one is made up for."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number in range(round(rate * seconds)):
        wait = begin + number / rate - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        elif number % 32 == 0:
            await asyncio.sleep(0)
        yield number
