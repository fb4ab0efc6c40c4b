"""The host of a room under stress: makes events and keeps what it was told is true."""

from __future__ import annotations

import asyncio
from itertools import count

from client_sim.address import Address
from client_sim.notices import Joined, Notice, Reply, Violation
from client_sim.session import ClientSession
from client_sim.viewer import Viewer
from loadtest.stress.truth import Truth, mark_of_command
from schemas.commands import Command, ProductPin, ProductRestock, ProductUpdate, RoomAnnounce
from schemas.events import Done, Event

REPLY_SECONDS = 20.0


class NoAnswer(Exception):
    """The server did not answer the host; the message says to what."""


class Host:
    """Comes back by itself when its socket is lost. `sku`: the room's product, with `stock` units."""

    def __init__(self, address: Address, room: str, token: str, sku: str, stock: int) -> None:
        self.truth = Truth(stock={sku: stock})
        self.violations: list[str] = []
        self._sku = sku
        self._enough = False
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Event | None]] = {}
        self._live = asyncio.Event()
        session = ClientSession(token=token)
        self._viewer = Viewer(session, address, address.control(room), self._told)

    async def start(self) -> None:
        """Into the room; raises NoAnswer."""
        self._viewer.start()
        await self._until_live()
        self.truth.first = self.truth.last = self._viewer.session.seq

    async def stop(self) -> None:
        await self._viewer.stop()

    async def event(self) -> int | None:
        """One more sequenced event, of several kinds in turn; its place in the log.

        None where the socket was lost before the answer. Raises NoAnswer.
        """
        number = next(self._numbers)
        command: Command
        if number % 4 == 0:
            command = ProductUpdate(sku=self._sku, price=1_000 + number)
        elif number % 16 == 1:
            command = ProductPin(sku=self._sku)
        else:
            command = RoomAnnounce(text=f"event {number}")
        mark = mark_of_command(command)
        try:
            answer = await self._ask(command)
        except BaseException:
            self.truth.unanswered.add(mark)
            raise
        if isinstance(answer, Done):
            self.truth.done(answer.seq, command)
            return answer.seq
        if answer is None:
            self.truth.unanswered.add(mark)
        else:
            self.truth.refused.append(f"{mark}: {answer}")
        return None

    async def restock(self, delta: int) -> None:
        """Units come or go, told on lane L2. Raises NoAnswer."""
        answer = await self._ask(ProductRestock(sku=self._sku, delta=delta))
        if isinstance(answer, Done):
            self.truth.stock[self._sku] += delta
        else:
            self.truth.refused.append(f"restock {delta}: {answer}")

    async def events(self, rate: float, seconds: float) -> int:
        """Events at about `rate` a second, one after the other, until `enough`; how many were answered."""
        loop = asyncio.get_running_loop()
        begin, made, turn = loop.time(), 0, 0
        while loop.time() - begin < seconds and not self._enough:
            made += await self.event() is not None
            turn += 1
            await asyncio.sleep(max(0.0, begin + turn / rate - loop.time()))
        return made

    def enough(self) -> None:
        """No more events after the one under way."""
        self._enough = True

    async def _ask(self, command: Command) -> Event | None:
        await self._until_live()
        future: asyncio.Future[Event | None] = asyncio.get_running_loop().create_future()
        self._asked[self._viewer.command(command)] = future
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                return await future
        except TimeoutError:
            raise NoAnswer(f"{type(command).__name__} was not answered within {REPLY_SECONDS:g} s") from None

    async def _until_live(self) -> None:
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                while not self._viewer.live:
                    self._live.clear()
                    await self._live.wait()
        except TimeoutError:
            raise NoAnswer(f"the host was not let in within {REPLY_SECONDS:g} s") from None

    def _told(self, viewer: Viewer, notices: list[Notice]) -> None:
        for notice in notices:
            match notice:
                case Joined():
                    self._live.set()
                case Reply(id=name, event=event) if name in self._asked:
                    future = self._asked.pop(name)
                    if not future.done():
                        future.set_result(event)
                case Violation(fault, detail):
                    self.violations.append(f"host: {fault.value}: {detail}")
                case _:
                    pass
