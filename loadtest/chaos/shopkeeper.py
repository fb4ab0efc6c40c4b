"""The host of a room in a chaos run: restocks, schedules and cancels flash sales, and notes what it gave."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from client_sim.address import Address
from client_sim.backoff import Backoff
from client_sim.clock import now_ms
from client_sim.notices import Joined, Lost, Notice, Reply, Violation
from client_sim.session import ClientSession
from client_sim.viewer import Viewer
from loadtest.chaos.desk import Desk
from loadtest.chaos.records import Did, Gave, Journal
from schemas.codes import ErrorCode, SalePhase
from schemas.commands import (
    Command,
    ProductMount,
    ProductRestock,
    ProductUpdate,
    SaleCancel,
    SaleSchedule,
    command_type,
)
from schemas.events import Done, Error, Event
from schemas.models import ProductInput

SKUS = ("tea", "cup", "pot")
STOCK = 300
PRICE = 9_900
MOST_SALES = 3
LOW = 250
"""Units of a product below which it is restocked."""
TURN_S = (0.1, 0.5)
AT_DESK = 5
"""Orders that are seen to between two things for the room."""
REPLY_S = 15.0
_IN_DOUBT = (ErrorCode.UNKNOWN_OUTCOME, ErrorCode.UNAVAILABLE)
"""A store that does not answer a host may have done what it was told."""
BACK_MS = 100.0


class NotMounted(Exception):
    """The shelf could not be filled before the run; the message says why."""


class Shopkeeper:
    """Comes back by itself when its socket is lost. What it was not answered is noted as unsure."""

    def __init__(
        self,
        address: Address,
        room: str,
        token: str,
        journal: Journal,
        desk: Desk,
        source: random.Random,
    ) -> None:
        self.room = room
        self.done: Counter[str] = Counter()
        """Commands that were answered with `done`, by type."""
        self.violations: list[str] = []
        self._journal = journal
        self._desk = desk
        self._random = source
        self._enough = asyncio.Event()
        self._live = asyncio.Event()
        self._asked: dict[int, asyncio.Future[Event | None]] = {}
        backoff = Backoff(source, first_ms=BACK_MS, cap_ms=8 * BACK_MS)
        session = ClientSession(token=token, random_source=source, backoff=backoff)
        self._viewer = Viewer(session, address, address.control(room), self._told)

    async def open(self) -> None:
        """Into the room, and the shelf filled. Raises NotMounted, TimeoutError."""
        self._viewer.start()
        async with asyncio.timeout(REPLY_S):
            await self._live.wait()
        for sku in SKUS:
            product = ProductInput(sku=sku, title=sku, price=PRICE, stock=STOCK)
            answer = await self._ask(ProductMount(product=product))
            if not isinstance(answer, Done):
                raise NotMounted(f"{sku}: {answer}")
            self._journal.write(Gave(now_ms(), self.room, STOCK, True))

    async def work(self) -> None:
        """One thing after the other until `enough`."""
        while not self._enough.is_set():
            await self._live.wait()
            command = self._next()
            if command is not None:
                await self._do(command)
            for _ in range(AT_DESK):
                task = self._desk.next()
                if task is not None and not self._enough.is_set():
                    await self._do(task)
            try:
                async with asyncio.timeout(self._random.uniform(*TURN_S)):
                    await self._enough.wait()
            except TimeoutError:
                pass

    def enough(self) -> None:
        """Nothing more after the command under way."""
        self._enough.set()

    def sales(self) -> int:
        """Sales that are not over, as this host was told."""
        return len(self._running())

    async def stop(self) -> None:
        await self._viewer.stop()

    # ---- what a host does -------------------------------------------------------------------

    def _running(self) -> list[str]:
        return [sale.sale for sale in self._viewer.session.replica.running_sales()]

    def _next(self) -> Command | None:
        room = self._viewer.session.replica
        roll = self._random.random()
        running = self._running()
        if roll < 0.25 and len(running) < MOST_SALES:
            return SaleSchedule(
                sku=self._random.choice(SKUS),
                price=PRICE // 2,
                stock=self._random.randint(5, 60),
                starts_in_ms=self._random.randint(50, 1_000),
                duration_ms=self._random.randint(1_500, 6_000),
                per_user_limit=self._random.choice((None, 2)),
            )
        if roll < 0.32 and running:
            return SaleCancel(sale=self._random.choice(running))
        if roll < 0.38:
            return ProductRestock(sku=self._random.choice(SKUS), delta=-self._random.randint(1, 30))
        if roll < 0.42:
            return ProductUpdate(sku=self._random.choice(SKUS), price=PRICE + self._random.randint(0, 100))
        open_sales = [name for name in running if room.sales[name].phase is SalePhase.OPEN]
        if roll < 0.46 and open_sales:
            return ProductRestock(sale=self._random.choice(open_sales), delta=self._random.randint(1, 20))
        low = [sku for sku in SKUS if room.available.get(sku, 0) < LOW]
        return ProductRestock(sku=self._random.choice(low), delta=STOCK) if low else None

    async def _do(self, command: Command) -> None:
        answer = await self._ask(command)
        if isinstance(answer, Done):
            self.done[command_type(command)] += 1
        self._journal.write(Did(now_ms(), self.room, command_type(command), repr(command), _word(answer)))
        in_doubt = answer is None or (isinstance(answer, Error) and answer.code in _IN_DOUBT)
        if isinstance(command, ProductRestock) and (in_doubt or isinstance(answer, Done)):
            self._journal.write(Gave(now_ms(), self.room, command.delta, not in_doubt))

    async def _ask(self, command: Command) -> Event | None:
        """None where the line was lost, or nothing came in time."""
        if not self._viewer.live:
            return Error(code=ErrorCode.UNAVAILABLE, message="not in the room")
        future: asyncio.Future[Event | None] = asyncio.get_running_loop().create_future()
        self._asked[self._viewer.command(command)] = future
        try:
            async with asyncio.timeout(REPLY_S):
                return await future
        except TimeoutError:
            return None

    def _told(self, viewer: Viewer, notices: list[Notice]) -> None:
        for notice in notices:
            match notice:
                case Joined():
                    self._live.set()
                case Lost():
                    self._live.clear()
                case Reply(id=name, event=event) if name in self._asked:
                    future = self._asked.pop(name)
                    if not future.done():
                        future.set_result(event)
                case Violation(fault, detail):
                    self.violations.append(f"host of {self.room}: {fault.value}: {detail}")
                case _:
                    pass


def _word(answer: Event | None) -> str:
    """What came of a command."""
    if isinstance(answer, Error):
        return f"{answer.code.value}: {answer.message}"
    return "lost" if answer is None else "done"
