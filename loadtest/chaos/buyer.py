"""One buyer: a socket that comes back by itself, one command after the other, a journal of what was told."""

from __future__ import annotations

import asyncio
import random

from client_sim.address import Address
from client_sim.backoff import Backoff
from client_sim.clock import now_ms
from client_sim.notices import Joined, Lost, Notice, OrderSettled, Reply, Violation
from client_sim.session import ClientSession
from client_sim.viewer import Viewer
from client_sim.wire import Batch, Encoding, decoder
from loadtest.chaos.desk import Desk
from loadtest.chaos.pulse import Pulse
from loadtest.chaos.records import Asked, Doubt, Journal, Refused, said
from loadtest.chaos.told import AWAY, UNDONE
from loadtest.chaos.wishes import KEPT, Wish, Wishes
from schemas.codes import ErrorCode
from schemas.commands import Command, OrderCancel, OrderGet, OrderPay, OrderPlace, OrderRefund, command_type
from schemas.events import Error, Event, OrderAccepted, OrderUpdated
from schemas.models import Order

REPLY_S = 15.0
"""A command without an answer for this long is in doubt, though its socket stands."""
BACK_MS = 100.0
CUTS = 0.01
"""Of the orders: sent, and the line cut at once."""
REFUSED_MS = 20
"""A shelf that is sold out is looked at again a little later."""
OrderCommand = OrderPay | OrderCancel | OrderRefund | OrderGet


class Buyer:
    """Shops until `enough`. `user` has to be nobody else's. All doubts are asked about in `resolve`."""

    def __init__(
        self,
        address: Address,
        room: str,
        user: str,
        token: str,
        journal: Journal,
        pulse: Pulse,
        desk: Desk,
        source: random.Random,
    ) -> None:
        self.user = user
        self.room = room
        self.violations: list[str] = []
        self.doubts: dict[str, OrderPlace] = {}
        """Requests of which nobody said what became."""
        self.in_doubt: set[str] = set()
        """Orders of which nobody said what became of a command."""
        self._journal = journal
        self._pulse = pulse
        self._desk = desk
        self._random = source
        self._wishes = Wishes(user, source)
        self._sockets = 0
        self._lost_at = 0.0
        self._enough = False
        self._pushed: tuple[Order, float] | None = None
        """An order just told, of which the next event says whether it came by itself."""
        self._live = asyncio.Event()
        self._asked: dict[int, asyncio.Future[Event | None]] = {}
        self._settled: dict[str, asyncio.Future[OrderSettled]] = {}
        encoding = source.choice((Encoding.JSON, Encoding.MSGPACK))
        self._decode = decoder(encoding)
        session = ClientSession(
            encoding=encoding,
            token=token,
            random_source=source,
            decode=self._hear,
            backoff=Backoff(source, first_ms=BACK_MS, cap_ms=8 * BACK_MS),
            kept_orders=KEPT,  # it asks for each of them whenever it comes back
        )
        self.viewer = Viewer(session, address, address.live(room), self._told)

    # ---- what a buyer does ------------------------------------------------------------------

    async def shop(self) -> None:
        """One wish after the other, as fast as they are answered, until `enough`."""
        self.viewer.start()
        while not self._enough:
            await self._live.wait()
            pause_ms = await self._fulfil(self._wishes.next(self.viewer.session.replica))
            if pause_ms:
                await asyncio.sleep(pause_ms / 1000)

    def enough(self) -> None:
        """No more wishes after the one under way."""
        self._enough = True

    async def resolve(self) -> None:
        """Ask about everything in doubt, once."""
        for request in list(self.doubts.values()):
            await self._live.wait()
            await self._place(request, again=True)
        for order in list(self.in_doubt):
            await self._live.wait()
            await self._ask(OrderGet(order=order))

    async def look(self, count: int) -> None:
        """Ask once more for the last `count` orders."""
        for order in self._wishes.known()[-count:]:
            await self._live.wait()
            await self._ask(OrderGet(order=order))

    async def stop(self) -> None:
        await self.viewer.stop()
        self._push()

    async def _fulfil(self, wish: Wish) -> float:
        """Milliseconds to wait before the next one."""
        match wish:
            case OrderPlace():
                return await self._place(wish, again=self._wishes.repeats(wish))
            case None:
                self._cut()
                return BACK_MS
            case _:
                return await self._ask(wish)

    async def _place(self, request: OrderPlace, *, again: bool) -> float:
        """Until the outcome is known, or the client's book gives up asking."""
        name = request.request_id
        self._journal.write(Asked(now_ms(), self.user, name, again))
        future: asyncio.Future[OrderSettled] = asyncio.get_running_loop().create_future()
        self._settled[name] = future
        self.viewer.place(request)
        if self._random.random() < CUTS:
            self._cut()
        outcome = await future
        self._pulse.waited(outcome.after_ms)
        if outcome.code is ErrorCode.UNKNOWN_OUTCOME or (outcome.code in AWAY and outcome.asked_again):
            self.doubts[name] = request
        elif outcome.code not in AWAY:
            self.doubts.pop(name, None)
        return 0 if outcome.code is None else outcome.retry_after_ms or REFUSED_MS

    async def _ask(self, command: OrderCommand) -> float:
        """Until there is an answer, or none came in time."""
        if not self.viewer.live:
            return 0
        future: asyncio.Future[Event | None] = asyncio.get_running_loop().create_future()
        number = self.viewer.command(command)
        self._asked[number] = future
        try:
            async with asyncio.timeout(REPLY_S):
                answer = await future
        except TimeoutError:
            self._doubt(command)
            return 0
        return (answer.retry_after_ms or REFUSED_MS) if isinstance(answer, Error) else 0

    def _cut(self) -> None:
        """The line goes without a word, just when something was sent."""
        if self.viewer.link is not None:
            self.viewer.link.reset()

    # ---- what a buyer is told ---------------------------------------------------------------

    def _hear(self, data: bytes) -> Batch:
        """Pushed orders are noted as they came, also those that the session passes over as old.

        A refusal may have the order as it stood before it: that is a part of the answer.
        """
        batch = self._decode(data)
        for event in batch.events:
            part = isinstance(event, Error) and self._pushed and event.order == self._pushed[0].order
            if not part:
                self._push()
            if isinstance(event, OrderUpdated):
                self._pushed = (event.order, now_ms())
                self._learn(event.order)
        return batch

    def _push(self) -> None:
        """What was told last came by itself."""
        if self._pushed is not None:
            order, at = self._pushed
            self._pushed = None
            self._journal.write(said(order, self.user, self._sockets, at, None, self.room))

    def _told(self, viewer: Viewer, notices: list[Notice]) -> None:
        for notice in notices:
            match notice:
                case Joined(welcome):
                    self._sockets += 1
                    for order in welcome.orders:
                        self._note(order, self._lost_at)
                    self._live.set()
                case Lost():
                    self._push()
                    self._lost_at = now_ms()
                    self._live.clear()
                case Reply():
                    self._replied(notice)
                case OrderSettled(request=request) if request.request_id in self._settled:
                    self._settled.pop(request.request_id).set_result(notice)
                case Violation(fault, detail):
                    self.violations.append(f"{self.user}: {fault.value}: {detail}")
                case _:
                    pass

    def _note(self, order: Order, sent: float | None, *, replayed: bool = False) -> None:
        self._journal.write(
            said(order, self.user, self._sockets, now_ms(), sent, self.room, replayed=replayed)
        )
        self._learn(order)
        self.doubts.pop(order.request_id, None)
        if sent is not None:
            self.in_doubt.discard(order.order)

    def _learn(self, order: Order) -> None:
        self._wishes.learn(order)
        self._desk.learn(order)

    def _replied(self, reply: Reply) -> None:
        future = self._asked.pop(reply.id, None)
        if future is not None and not future.done():
            future.set_result(reply.event)
        now = now_ms()
        match reply.event:
            case OrderAccepted(order=order, replayed=replayed):
                self._pulse.beat(now)
                self._note(order, now - reply.after_ms, replayed=replayed)
            case Error(code=ErrorCode.UNKNOWN_OUTCOME) | None:
                self._doubt(reply.command)
            case Error() as error:
                if self._pushed is not None and error.order == self._pushed[0].order:
                    (order, _), self._pushed = self._pushed, None
                    self._note(order, now - reply.after_ms)
                self._refused(reply.command, error, now)
            case _:
                pass

    def _doubt(self, command: Command) -> None:
        order, request = _names(command)
        if isinstance(command, OrderPlace | OrderPay | OrderCancel | OrderRefund):
            self._journal.write(Doubt(now_ms(), self.user, command_type(command), request, order))
        if order and not isinstance(command, OrderGet):
            self.in_doubt.add(order)

    def _refused(self, command: Command, error: Error, now: float) -> None:
        if not isinstance(command, OrderPlace | OrderPay | OrderCancel | OrderRefund | OrderGet):
            return
        if error.code in AWAY:
            self._pulse.away()
        else:
            self._pulse.beat(now)
        if isinstance(command, OrderGet) and error.code.value != UNDONE:
            return  # who cannot answer now says nothing of the order
        order, request = _names(command)
        self._journal.write(Refused(now, self.user, command_type(command), request, order, error.code.value))
        if order and error.code not in AWAY:
            self.in_doubt.discard(order)
            self._wishes.refused(order)


def _names(command: Command) -> tuple[str, str]:
    """The order that a command names, and the request that placed it. A refund's own `request_id` is none."""
    request = command.request_id if isinstance(command, OrderPlace | OrderGet) else None
    return getattr(command, "order", None) or "", request or ""
