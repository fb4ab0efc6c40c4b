"""The client's side of a room's socket, without the socket.

Messages and the time go in, notices and messages come out; nothing here does I/O or reads a clock.
`now` is local milliseconds (one clock, any epoch). The shell's part:

    session.opened(now)            when the WebSocket is open
    session.received(data, now)    for each message, gives notices
    session.tick(now)              at `session.deadline()`, gives notices
    session.lost(code, reason, now) when it closed, gives one `Lost` with the time to come back
    session.take()                 after each of these: messages to send
    session.wants_close            when set: close the socket, then `lost`
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum

from client_sim.backoff import Backoff
from client_sim.clock import ServerClock
from client_sim.notices import (
    Fault,
    Figures,
    Joined,
    Lost,
    Moved,
    Notice,
    Reloaded,
    Reply,
    Talk,
    Told,
    Violation,
)
from client_sim.orders import KEPT_ORDERS, OrderBook
from client_sim.replica import RoomReplica
from client_sim.wire import BadBatch, Decode, Encoding, decoder, encode
from schemas.codes import HEARTBEAT_MS
from schemas.commands import Command, Hello, Like, OrderPlace, Ping
from schemas.events import (
    LANES,
    DanmakuAccepted,
    Done,
    Error,
    Event,
    Kicked,
    Muted,
    OrderAccepted,
    OrderUpdated,
    Pong,
    RoomState,
    SequencedEvent,
    Welcome,
)
from schemas.models import Resume, RoomSnapshot

WELCOME_TIMEOUT_MS = 10_000
PROBES = 5
"""Pings right after a welcome, so that a countdown is right from the start."""
PROBE_GAP_MS = 150.0
MAX_UNANSWERED = 1_024
"""Commands whose reply is awaited; the oldest is forgotten first."""
_L1 = LANES["L1"]
_NEVER = float("inf")


class Phase(str, Enum):
    """Where the session stands: `waiting` to connect, `opening` until the welcome, `live`, `final`."""

    WAITING = "waiting"
    OPENING = "opening"
    LIVE = "live"
    FINAL = "final"


class ClientSession:
    """One viewer (or host) in one room, across any number of sockets."""

    def __init__(
        self,
        *,
        encoding: Encoding = Encoding.JSON,
        token: str | None = None,
        random_source: random.Random | None = None,
        decode: Decode | None = None,
        backoff: Backoff | None = None,
        kept_orders: int = KEPT_ORDERS,
    ) -> None:
        self.encoding = encoding
        self.token = token
        self.phase = Phase.WAITING
        self.epoch: str | None = None
        self.seq = 0
        self.replica = RoomReplica()
        self.clock = ServerClock()
        self.book = OrderBook(self._send, kept_orders)
        self.wants_close: tuple[int, str] | None = None
        self.retry_at = 0.0
        self.welcome: Welcome | None = None
        self._random = random_source or random.Random()
        self._backoff = backoff or Backoff(self._random)
        self._decode = decode or decoder(encoding)
        self._outgoing: list[bytes] = []
        self._unanswered: OrderedDict[int, tuple[Command, float]] = OrderedDict()
        self._last_id = 0
        self._asked_resume = False
        self._advised_ms = 0
        self._behind = False
        self._missing: set[int] = set()
        self._opened_at = 0.0
        self._heard_at = 0.0
        self._ping_at = _NEVER
        self._probes_left = 0
        self._heartbeat_ms = float(HEARTBEAT_MS)

    # ---- what the shell tells ---------------------------------------------------------------

    def opened(self, now: float) -> None:
        """The socket is open: say hello, and where we stopped."""
        if self.phase is not Phase.WAITING:
            raise RuntimeError(f"expected a waiting session, it is {self.phase.value}")
        self.phase = Phase.OPENING
        self.wants_close = None
        self._advised_ms = 0
        self._behind = False
        self._missing.clear()
        self._opened_at = self._heard_at = now
        resume = Resume(epoch=self.epoch, seq=self.seq) if self.epoch is not None else None
        self._asked_resume = resume is not None
        self._outgoing.append(encode(self.encoding, Hello(token=self.token, resume=resume)))

    def received(self, data: bytes, now: float) -> list[Notice]:
        """One message of the server."""
        self._heard_at = now
        try:
            batch = self._decode(data)
        except BadBatch as error:
            return [Violation(Fault.MALFORMED, str(error))]
        if self.phase is Phase.LIVE:
            if batch.chat and self.clock.samples:  # a welcome's time alone is too rough to measure with
                batch.arrivals[round(self.clock.to_server(now))] += 1
            if batch.plain:
                for state in batch.state:
                    self.replica.merge(state)
                return [Talk(batch.chat, batch.skipped)] if batch.chat or batch.skipped else []
        notices: list[Notice] = []
        for event in batch.events:
            self._take_in(event, now, notices)
        if batch.chat or batch.skipped:
            notices.append(Talk(batch.chat, batch.skipped))
        notices.extend(Figures(dashboard) for dashboard in batch.dashboards)
        if self._asked_resume and self.phase is Phase.LIVE:
            self._check_recovery(notices)
        return notices

    def tick(self, now: float) -> list[Notice]:
        """What time asks for: pings, orders asked about again, a silent server given up."""
        if self.phase is Phase.OPENING and now - self._opened_at >= WELCOME_TIMEOUT_MS:
            self.wants_close = (1000, "no welcome")
        if self.phase is not Phase.LIVE:
            return []
        if now - self._heard_at >= 2 * self._heartbeat_ms:
            self.wants_close = (1000, "server is silent")
            return []
        if now >= self._ping_at:
            self._ping(now)
        return self.book.tick(now)

    def deadline(self) -> float:
        """When `tick` wants to be called, local milliseconds; infinite when it does not."""
        if self.phase is Phase.OPENING:
            return self._opened_at + WELCOME_TIMEOUT_MS
        if self.phase is not Phase.LIVE:
            return _NEVER
        silent = self._heard_at + 2 * self._heartbeat_ms
        return min(silent, self._ping_at, self.book.deadline() or _NEVER)

    def lost(self, code: int | None, reason: str, now: float) -> list[Notice]:
        """The socket is gone (`code` None: without a close). 4500-4999 is final, all else comes back."""
        if self.phase is Phase.FINAL:
            return []
        notices: list[Notice] = [
            Reply(name, command, None, now - sent) for name, (command, sent) in self._unanswered.items()
        ]
        self._unanswered.clear()
        self._outgoing.clear()
        self._ping_at = _NEVER
        self.book.lost()
        if code is not None and 4500 <= code <= 4999:
            self.phase = Phase.FINAL
            return [*notices, Lost(code, reason, None)]
        self.phase = Phase.WAITING
        self.retry_at = now + self._backoff.next_ms(self._advised_ms)
        self._advised_ms = 0
        return [*notices, Lost(code, reason, self.retry_at)]

    def take(self) -> list[bytes]:
        """Messages to send, in order; each is handed out once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # ---- what the user does -----------------------------------------------------------------

    def command(self, command: Command, now: float) -> int:
        """Send a command and return the id its `Reply` will carry. Raises RuntimeError when not live."""
        if self.phase is not Phase.LIVE:
            raise RuntimeError(f"expected a live session, it is {self.phase.value}")
        return self._send(command, now)

    def place(self, request: OrderPlace, now: float) -> None:
        """Order; one `OrderSettled` will follow, across reconnects too. Raises TooManyPending."""
        self.book.place(request, now, self.phase is Phase.LIVE)

    # ---- inside -----------------------------------------------------------------------------

    def _send(self, command: Command, now: float) -> int:
        self._last_id += 1
        command.id = self._last_id  # type: ignore[union-attr]
        self._outgoing.append(encode(self.encoding, command))
        if not isinstance(command, Like):
            self._unanswered[self._last_id] = (command, now)
            if len(self._unanswered) > MAX_UNANSWERED:
                self._unanswered.popitem(last=False)
        return self._last_id

    def _ping(self, now: float) -> None:
        self._send(Ping(client_time=round(now)), now)
        self._probes_left -= 1
        probing = self._probes_left > 0
        self._ping_at = now + (
            PROBE_GAP_MS if probing else self._heartbeat_ms * self._random.uniform(0.8, 1.0)
        )

    def _take_in(self, event: Event, now: float, notices: list[Notice]) -> None:
        if isinstance(event, Welcome):
            self._welcomed(event, now, notices)
        elif isinstance(event, Error | Kicked | Muted) and not (isinstance(event, Error) and event.id):
            if isinstance(event, Error) and self.phase is Phase.OPENING:
                self._advised_ms = max(event.retry_after_ms or 0, 0)
            notices.append(Told(event))
        elif self.phase is not Phase.LIVE:
            notices.append(Violation(Fault.BEFORE_WELCOME, type(event).__name__))
        elif isinstance(event, _L1):
            self._sequenced(event, notices)  # type: ignore[arg-type]
        elif isinstance(event, RoomState):
            self.replica.merge(event)
        elif isinstance(event, OrderUpdated):
            notices.extend(self.book.changed(event.order))
        elif isinstance(event, Pong | DanmakuAccepted | OrderAccepted | Done | Error):
            self._replied(event, now, notices)

    def _welcomed(self, welcome: Welcome, now: float, notices: list[Notice]) -> None:
        first = self.welcome is None
        if self.phase is Phase.LIVE:
            notices.append(Violation(Fault.MALFORMED, "a second welcome"))
            return
        if welcome.recovered and not (self._asked_resume and welcome.epoch == self.epoch):
            notices.append(Violation(Fault.MALFORMED, f"recovered to epoch {welcome.epoch}, not asked for"))
        elif not welcome.recovered and not isinstance(welcome.room, RoomSnapshot):
            notices.append(Violation(Fault.MALFORMED, "a welcome with neither room nor recovery"))
            self.wants_close = (1000, "no snapshot")
            return
        if welcome.epoch == self.epoch and welcome.seq < self.seq:
            notices.append(Violation(Fault.WENT_BACK, f"from {self.seq} to {welcome.seq} in one epoch"))
        self.phase = Phase.LIVE
        self.welcome = welcome
        self._backoff.reset()
        self._heartbeat_ms = float(max(welcome.heartbeat_ms, 1))
        self._probes_left = PROBES
        self._ping_at = now
        self.clock.guess(self._opened_at, welcome.server_time, now)
        notices.append(Joined(welcome, first, now - self._opened_at))
        if isinstance(welcome.room, RoomSnapshot):
            self.epoch, self.seq = welcome.epoch, welcome.seq
            self.replica.load(welcome.room)
            self._asked_resume = False
            notices.append(Reloaded(welcome.epoch, welcome.seq))
        notices.extend(self.book.welcomed(welcome.orders, now))

    def _sequenced(self, event: SequencedEvent, notices: list[Notice]) -> None:
        expected = self.seq + 1
        name = type(event).__name__
        if event.seq in self._missing:
            self._missing.discard(event.seq)
            notices.append(Violation(Fault.OUT_OF_ORDER, f"{name} {event.seq} came late"))
        elif event.seq < expected:
            notices.append(Violation(Fault.DUPLICATE, f"{name} {event.seq} again, {self.seq} was applied"))
        elif self._behind:
            return
        elif event.seq > expected:
            self._behind = True
            self._missing.update(range(expected, min(event.seq, expected + 1_000)))
            self.wants_close = (1000, "gap")
            notices.append(Violation(Fault.GAP, f"expected {expected}, got {name} {event.seq}"))
        else:
            self.replica.apply(event)
            self.seq = event.seq
            notices.append(Moved(event))

    def _check_recovery(self, notices: list[Notice]) -> None:
        """A recovered welcome's batch carries everything that was missed, to the last event."""
        self._asked_resume = False
        welcome = self.welcome
        if welcome is not None and not self._behind and self.seq < welcome.seq:
            notices.append(
                Violation(Fault.PARTIAL_RECOVERY, f"welcomed at {welcome.seq}, moved to {self.seq}")
            )
            self.epoch = None
            self.wants_close = (1000, "partial recovery")

    def _replied(self, event: Event, now: float, notices: list[Notice]) -> None:
        identifier: int = event.id  # type: ignore[union-attr,assignment]
        command, sent = self._unanswered.pop(identifier, (None, now))
        if command is None:
            notices.append(
                Violation(Fault.MALFORMED, f"{type(event).__name__} answers no command {identifier}")
            )
            return
        if isinstance(event, Pong):
            self.clock.sample(sent, event.server_time, now)
        notices.append(Reply(identifier, command, event, now - sent))
        if isinstance(event, OrderAccepted):
            notices.extend(self.book.accepted(event, command, now))
        elif isinstance(event, Error):
            notices.extend(self.book.refused(event, command, now))


def violations(notices: Iterable[Notice]) -> list[Violation]:
    """The broken promises among `notices`."""
    return [notice for notice in notices if isinstance(notice, Violation)]
