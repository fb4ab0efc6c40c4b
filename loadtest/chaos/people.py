"""Everybody in a chaos run: buyers, hosts, and one who comes at the very end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from client_sim.notices import Joined, Notice
from client_sim.session import ClientSession
from client_sim.viewer import Viewer
from loadtest.bench.target import Server
from loadtest.chaos.buyer import Buyer
from loadtest.chaos.desk import Desk
from loadtest.chaos.facts import Shown
from loadtest.chaos.pulse import Pulse
from loadtest.chaos.records import Journal
from loadtest.chaos.shopkeeper import Shopkeeper
from schemas.codes import Role

NEWCOMER_S = 15.0


class People:
    """`buyers` shop in turn in `rooms`, each of which has a host."""

    def __init__(
        self, server: Server, rooms: Sequence[str], buyers: int, journal: Journal, source: random.Random
    ) -> None:
        self.pulse = Pulse()
        self._server = server
        self._rooms = rooms
        token = server.token("host", Role.HOST)
        self._desks = {room: Desk(_own(source)) for room in rooms}
        self.hosts = [
            Shopkeeper(server.address, room, token, journal, self._desks[room], _own(source))
            for room in rooms
        ]
        self.buyers = [
            self._buyer(f"b{number}", rooms[number % len(rooms)], journal, source) for number in range(buyers)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def _buyer(self, user: str, room: str, journal: Journal, source: random.Random) -> Buyer:
        token = self._server.token(user, Role.VIEWER)
        return Buyer(
            self._server.address,
            room,
            user,
            token,
            journal,
            self.pulse,
            self._desks[room],
            _own(source),
        )

    async def open(self) -> None:
        """The shelves are filled and everybody begins. Raises NotMounted, TimeoutError."""
        for host in self.hosts:
            await host.open()
        works = [*(host.work() for host in self.hosts), *(buyer.shop() for buyer in self.buyers)]
        self._tasks = [asyncio.create_task(work) for work in works]

    @property
    def everybody(self) -> list[Shopkeeper | Buyer]:
        return [*self.hosts, *self.buyers]

    def enough(self) -> None:
        """Nobody begins anything new."""
        self.pulse.stop()
        for one in self.everybody:
            one.enough()

    @property
    def busy(self) -> bool:
        """Somebody is still at the last thing. Raises what went wrong in a person's own head."""
        for task in self._tasks:
            if task.done():
                task.result()
        return any(not task.done() for task in self._tasks)

    @property
    def in_doubt(self) -> int:
        return sum(len(buyer.doubts) + len(buyer.in_doubt) for buyer in self.buyers)

    async def resolve(self) -> None:
        """Everybody asks once about what they do not know."""
        await asyncio.gather(*(buyer.resolve() for buyer in self.buyers))

    async def look(self, count: int) -> None:
        """Everybody asks for their last orders once more."""
        await asyncio.gather(*(buyer.look(count) for buyer in self.buyers))

    @property
    def sales(self) -> int:
        """Sales that are not over, as hosts were told."""
        return sum(host.sales() for host in self.hosts)

    def violations(self) -> list[str]:
        return [line for one in self.everybody for line in one.violations]

    def shown(self) -> list[Shown]:
        """What each buyer was shown last."""
        return [
            Shown(buyer.user, buyer.room, dict(buyer.viewer.session.replica.available))
            for buyer in self.buyers
        ]

    async def newcomers(self) -> list[Shown]:
        """What somebody is shown who comes just now, room by room. Raises TimeoutError."""
        return [await self._newcomer(room) for room in self._rooms]

    async def _newcomer(self, room: str) -> Shown:
        came = asyncio.Event()

        def told(viewer: Viewer, notices: list[Notice]) -> None:
            if any(isinstance(notice, Joined) for notice in notices):
                came.set()

        session = ClientSession(token=self._server.token("newcomer", Role.VIEWER))
        viewer = Viewer(session, self._server.address, self._server.address.live(room), told)
        viewer.start()
        try:
            async with asyncio.timeout(NEWCOMER_S):
                await came.wait()
            return Shown("a newcomer", room, dict(session.replica.available))
        finally:
            await viewer.stop()

    async def leave(self) -> None:
        """Everybody goes, whatever they are at."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(one.stop() for one in self.everybody))


def _own(source: random.Random) -> random.Random:
    """Somebody's own dice, so that what one does changes nobody else's."""
    return random.Random(source.random())
