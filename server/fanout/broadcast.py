"""One room's broadcast in this process: lanes in, one shared frame per variant out, to every member.

Nobody is awaited, and no member has a task or a timer. A frame goes to thousands of sockets in steps,
with a turn of the event loop between them (see `delivery`). Members whose transport is above the soft
mark are written apart until they drained (see `outbox`).

A large room is told section by section, and each is told all there is when its turn comes: what is said
while the first ones are written to is not late for the last ones. That takes nearly half off the time
that somebody in a room of ten thousand waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from time import perf_counter

from msgspec import Struct

from schemas.codecs import Codec
from schemas.codes import CloseCode
from schemas.events import Danmaku, DanmakuSkipped
from server.fanout import metrics
from server.fanout.audience import SECTION, People, Section
from server.fanout.delivery import Delivery, Packer
from server.fanout.frames import FrameMaker, batch_bytes
from server.fanout.lanes import Batch, Lanes, StateKey, StateValue, state_event
from server.fanout.member import Member
from server.fanout.outbox import Flow
from server.fanout.sender import Sender
from server.fanout.ticker import Ticker
from server.settings import FanoutSettings

SEQUENCED_PENDING = 256
"""Lossless events that may wait for a tick; the next one flushes."""
SOCKETS_AT_ONCE = 256
"""Sockets written in one turn of the loop: one or two milliseconds, which an order may have to wait."""
DELIVERIES = 4
"""Deliveries of a room under way at a time; with one more the oldest is finished at once."""


class Broadcast:
    """`wall_clock` gives the server's time in milliseconds; timers run on `loop`.

    Without a `sender` every frame goes out by the link's own `write`.
    """

    def __init__(
        self,
        settings: FanoutSettings,
        wall_clock: Callable[[], int],
        loop: asyncio.AbstractEventLoop,
        sender: Sender | None = None,
    ) -> None:
        self._wall_clock = wall_clock
        self._loop = loop
        self._settings = settings
        self._packer = Packer(FrameMaker(settings.frame_bytes, settings.deflate_threshold), wall_clock)
        self._ticker = Ticker(settings.tick_ms / 1000)
        self._state_ticker = Ticker(settings.state_ms / 1000)
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self._sender = sender
        self._people = People()
        self._sections = [Section(self._lanes(), sender)]
        self._turns: deque[Section] = deque()
        self._deliveries: deque[Delivery] = deque()
        self._step: asyncio.Handle | None = None
        self._stepping = False
        self._paused: list[Member] = []

    def _lanes(self) -> Lanes:
        return Lanes(self._settings.chat_budget, self._settings.chat_bytes)

    # ---- members ----------------------------------------------------------------------------

    def __len__(self) -> int:
        return sum(map(len, self._sections))

    def members(self) -> list[Member]:
        """Everybody, healthy or slow."""
        return [member for section in self._sections for member in section]

    def control(self) -> list[Member]:
        """Those on the control socket."""
        return self._people.control

    def of_user(self, user: str) -> list[Member]:
        """This user's sockets in the room, oldest first."""
        return self._people.of_user(user)

    def join(self, member: Member) -> None:
        """From now on this member gets what everybody gets; what was said before it is told to the others
        first, so that the member starts at the room's present `seq`."""
        section = self._vacancy()
        if section.lanes.pending_sequenced:
            self._deliver(section, section.lanes.take_sequenced())
        self._people.enter(member)
        section.place(member, at_end=bool(self._deliveries))

    def _vacancy(self) -> Section:
        """A section with room for one more."""
        for section in self._sections:
            if len(section) < SECTION:
                return section
        section = Section(self._lanes(), self._sender)
        self._sections.append(section)
        return section

    def leave(self, member: Member) -> None:
        """Idempotent; nothing is written to the member afterwards."""
        if member.section is not None:
            member.section.displace(member)
            self._people.leave(member)
            member.outbox.closed()

    def paused(self, member: Member) -> None:
        """The member's transport holds more than the soft mark."""
        if self._stepping:  # it is being written to: looked at when the step is over
            self._paused.append(member)
            return
        owed = [delivery for delivery in self._deliveries if delivery.owes(member)]
        member.outbox.paused(self._wall_clock())
        self._move(member)
        for delivery in owed:
            if member.outbox.flow is Flow.CLOSED:
                break
            self._write_slow(delivery.batch, [member])

    def resumed(self, member: Member) -> None:
        """It drained: back among the healthy, and told what it missed."""
        skipped, stale = member.outbox.resumed()
        section = self._move(member)
        if section is None:
            return
        latest = section.lanes.latest
        events: list[Struct] = []
        values = {key: latest[key] for key in stale if key in latest}
        if values:
            events.append(state_event(values, self._wall_clock()))
        if skipped:
            events.append(DanmakuSkipped(count=skipped))
        if events:
            member.send(*events)

    def _move(self, member: Member) -> Section | None:
        """To where its outbox says it belongs; None when it is not in the room."""
        section = member.section
        if section is not None:
            section.displace(member)
            section.place(member, at_end=bool(self._deliveries))
        return section

    def sweep(self) -> None:
        """Close those who stayed above the soft mark too long, or passed the hard mark."""
        for section in self._sections:
            for member in list(section.slow):
                self._judge(member)

    def _judge(self, member: Member) -> None:
        if member.outbox.exhausted(member.link.buffered(), self._wall_clock()):
            self.close(member, CloseCode.SLOW)

    def close(self, member: Member, code: CloseCode, reason: str = "") -> None:
        """Close a member's socket and take it out of the room."""
        member.close(code, reason)
        self.leave(member)

    # ---- lanes ------------------------------------------------------------------------------

    def sequenced(self, event: Struct) -> None:
        """Lane L1."""
        for section in self._sections:
            section.lanes.sequenced(event)
            if section.lanes.pending_sequenced > SEQUENCED_PENDING:
                self._deliver(section, section.lanes.take())
        self._schedule()

    def state(self, key: StateKey, value: StateValue) -> None:
        """Lane L2. Numbers wait longer than words, but not the news that nothing is left."""
        changed = [section.lanes.state(key, value) for section in self._sections]
        if any(changed):
            self._schedule(self._ticker if value == 0 else self._state_ticker)

    def forget(self, key: StateKey) -> None:
        for section in self._sections:
            section.lanes.forget(key)

    def chat(self, message: Danmaku) -> None:
        """Lane L3."""
        for section in self._sections:
            if not section.lanes.chat(message):
                metrics.CHAT_SKIPPED.labels("overflow").inc()
                self._show_to_sender(section, [message])
        self._schedule()

    def recall(self, message: str) -> None:
        """Nobody who has not seen this danmaku will."""
        for section in self._sections:
            section.lanes.recall(message)

    def reply(self, member: Member, event: Struct) -> None:
        """Lane L0 to one member, bounded by its outbox."""
        member.send(event)
        if member.outbox.flow is Flow.SLOW:
            self._judge(member)

    def direct(self, members: Iterable[Member], event: Struct) -> None:
        """Lane L0 to some members, encoded once per codec."""
        encoded: dict[Codec, bytes] = {}
        for member in list(members):
            if member.codec not in encoded:
                encoded[member.codec] = member.codec.encode(event)
            member.send_encoded([encoded[member.codec]])
            if member.outbox.flow is Flow.SLOW:
                self._judge(member)

    # ---- flushing ---------------------------------------------------------------------------

    def stop(self) -> None:
        for handle in (self._timer, self._step):
            if handle is not None:
                handle.cancel()
        self._timer = self._step = None
        self._turns.clear()
        self._deliveries.clear()

    @property
    def _busy(self) -> bool:
        return bool(self._turns or self._deliveries)

    def _schedule(self, ticker: Ticker | None = None) -> None:
        if self._busy:
            return  # its end schedules what is pending then
        now = self._loop.time()
        due = now + (ticker or self._ticker).due_in(now)
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self.flush) if due > now else self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write everything pending to everybody, section by section, in steps where they are many."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._turns or not self._dirty:
            return
        self._ticker.flushed(self._loop.time())
        self._turns.extend(section for section in self._sections if section.lanes.dirty)
        if self._step is None:
            self._turn()

    @property
    def _dirty(self) -> bool:
        return any(section.lanes.dirty for section in self._sections)

    def _tell(self, section: Section) -> None:
        """It is a section's turn, unless a newcomer was the reason to tell it before."""
        if not section.lanes.dirty:
            return
        batch = section.lanes.take()
        if batch.state:
            self._state_ticker.flushed(self._loop.time())
        self._begin(section, batch)
        if batch.unshown:
            metrics.CHAT_SKIPPED.labels("budget").inc(len(batch.unshown))
            self._show_to_sender(section, batch.unshown)

    def _deliver(self, section: Section, batch: Batch) -> None:
        """Out of turn."""
        self._begin(section, batch)
        if batch.unshown:
            self._show_to_sender(section, batch.unshown)
        if len(self._deliveries) > DELIVERIES:
            metrics.HURRIED.inc()
            while len(self._deliveries) > 1:
                self._advance()
        if self._step is None:
            self._turn()

    def _begin(self, section: Section, batch: Batch) -> None:
        self._deliveries.append(self._packer.pack(section, batch))
        if section.slow:
            self._write_slow(batch, list(section.slow))

    def _turn(self) -> None:
        """One step of what is under way; the next one in the loop's next turn."""
        self._step = None
        try:
            if self._turns and not self._deliveries:
                self._tell(self._turns.popleft())
            if self._deliveries:
                self._advance()
        finally:  # whatever failed, the room goes on
            if self._busy:
                self._step = self._loop.call_soon(self._turn)
            else:
                self._rest()

    def _rest(self) -> None:
        """Everybody has been told; what came meanwhile waits for the next tick."""
        for section in self._sections:
            section.compact()
        if self._dirty:
            urgent = any(section.lanes.urgent for section in self._sections)
            self._schedule(None if urgent else self._state_ticker)

    def _advance(self) -> None:
        delivery = self._deliveries[0]
        self._stepping = True
        try:
            delivery.step(SOCKETS_AT_ONCE)
        except Exception:
            self._deliveries.popleft()
            raise
        finally:
            self._stepping = False
        if delivery.done:
            self._deliveries.popleft()
            metrics.WRITES.add(count=delivery.writes)
            metrics.BYTES.add(count=delivery.size)
            metrics.FLUSH_SECONDS.observe(perf_counter() - delivery.started)
        paused, self._paused = self._paused, []
        for member in paused:
            self.paused(member)

    def _write_slow(self, batch: Batch, members: Iterable[Member]) -> None:
        """Slow members: the lossless lane goes on, the rest is merged or counted."""
        missed_chat = len(batch.chat) + batch.skipped
        keys = set(batch.state)
        messages: dict[tuple[Codec, bool], bytes] = {}
        for member in members:
            if batch.sequenced:
                variant = (member.codec, member.link.framed)
                if variant not in messages:
                    encoded = [member.codec.encode(event) for event in batch.sequenced]
                    messages[variant] = batch_bytes(member.codec, encoded, member.link.framed)
                    metrics.FRAMES.add("sequenced")
                member.link.write(messages[variant])
            member.outbox.missed(missed_chat, keys)
            if batch.chat:
                metrics.CHAT_SKIPPED.labels("slow").inc(len(batch.chat))
            if keys:
                metrics.STATE_MERGED.inc(len(keys))
            self._judge(member)

    def _show_to_sender(self, section: Section, messages: Iterable[Danmaku]) -> None:
        """A speaker always sees their own words, sampled away or not."""
        for message in messages:
            sockets = [one for one in self._people.of_user(message.user.id) if one.section is section]
            self.direct(sockets, message)
