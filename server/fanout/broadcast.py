"""One room's broadcast in this process: lanes in, one shared frame per variant out, to every member.

Nobody is awaited, and no member has a task or a timer. A frame goes to thousands of sockets in steps,
with a turn of the event loop between them (see `delivery`). Members whose transport is above the soft
mark are written apart until they drained (see `outbox`).
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
from server.fanout.audience import Audience
from server.fanout.delivery import Delivery, Part
from server.fanout.frames import FrameMaker, batch_bytes
from server.fanout.lanes import Batch, Lanes, StateKey, StateValue, state_event
from server.fanout.member import Member
from server.fanout.outbox import Flow
from server.fanout.sender import Sender
from server.fanout.ticker import Ticker
from server.settings import FanoutSettings

SEQUENCED_PENDING = 256
"""Lossless events that may wait for a tick; the next one flushes."""
SOCKETS_AT_ONCE = 512
"""Sockets written in one turn of the loop: two or three milliseconds, which an order may have to wait."""
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
        self._lanes = Lanes(settings.chat_budget, settings.chat_bytes)
        self._frames = FrameMaker(settings.frame_bytes, settings.deflate_threshold)
        self._ticker = Ticker(settings.tick_ms / 1000)
        self._state_ticker = Ticker(settings.state_ms / 1000)
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self._audience = Audience(sender)
        self._deliveries: deque[Delivery] = deque()
        self._step: asyncio.Handle | None = None
        self._stepping = False
        self._paused: list[Member] = []

    # ---- members ----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._audience)

    def members(self) -> list[Member]:
        """Everybody, healthy or slow."""
        return list(self._audience)

    def control(self) -> list[Member]:
        """Those on the control socket."""
        return self._audience.control

    def of_user(self, user: str) -> list[Member]:
        """This user's sockets in the room, oldest first."""
        return self._audience.of_user(user)

    def join(self, member: Member) -> None:
        """From the next flush on this member gets what everybody gets. Call `settle` first."""
        self._audience.enter(member, at_end=bool(self._deliveries))

    def leave(self, member: Member) -> None:
        """Idempotent; nothing is written to the member afterwards."""
        if self._audience.leave(member):
            member.outbox.closed()

    def paused(self, member: Member) -> None:
        """The member's transport holds more than the soft mark."""
        if self._stepping:  # it is being written to: looked at when the step is over
            self._paused.append(member)
            return
        owed = [delivery for delivery in self._deliveries if delivery.owes(member)]
        member.outbox.paused(self._wall_clock())
        if self._audience.displace(member):
            self._audience.place(member, at_end=bool(self._deliveries))
        for delivery in owed:
            self._write_slow(delivery.batch, [member])

    def resumed(self, member: Member) -> None:
        """It drained: back among the healthy, and told what it missed."""
        skipped, stale = member.outbox.resumed()
        if not self._audience.displace(member):
            return
        self._audience.place(member, at_end=bool(self._deliveries))
        latest = self._lanes.latest
        events: list[Struct] = []
        values = {key: latest[key] for key in stale if key in latest}
        if values:
            events.append(state_event(values, self._wall_clock()))
        if skipped:
            events.append(DanmakuSkipped(count=skipped))
        if events:
            member.send(*events)

    def sweep(self) -> None:
        """Close those who stayed above the soft mark too long, or passed the hard mark."""
        for member in list(self._audience.slow):
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
        self._lanes.sequenced(event)
        if self._lanes.pending_sequenced > SEQUENCED_PENDING:
            self.flush()
        else:
            self._schedule()

    def state(self, key: StateKey, value: StateValue) -> None:
        """Lane L2. Numbers wait longer than words, but not the news that nothing is left."""
        if self._lanes.state(key, value):
            self._schedule(self._ticker if value == 0 else self._state_ticker)

    def forget(self, key: StateKey) -> None:
        self._lanes.forget(key)

    def chat(self, message: Danmaku) -> None:
        """Lane L3."""
        if not self._lanes.chat(message):
            metrics.CHAT_SKIPPED.labels("overflow").inc()
            self._show_to_sender([message])
        self._schedule()

    def recall(self, message: str) -> None:
        """Nobody who has not seen this danmaku will."""
        self._lanes.recall(message)

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

    def settle(self) -> None:
        """Bring everybody to the room's present `seq`, so that a joiner starts there too."""
        if self._lanes.pending_sequenced:
            self._deliver(self._lanes.take_sequenced())

    def stop(self) -> None:
        for handle in (self._timer, self._step):
            if handle is not None:
                handle.cancel()
        self._timer = self._step = None
        self._deliveries.clear()

    def _schedule(self, ticker: Ticker | None = None) -> None:
        if self._deliveries:
            return  # its end schedules what is pending then
        now = self._loop.time()
        due = now + max(self._ticker.due_in(now), (ticker or self._ticker).due_in(now))
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self.flush) if due > now else self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write everything pending to everybody, in steps where they are many."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lanes.dirty:
            return
        batch = self._lanes.take()
        if batch.state:
            self._state_ticker.flushed(self._loop.time())
        self._deliver(batch)
        if batch.unshown:
            metrics.CHAT_SKIPPED.labels("budget").inc(len(batch.unshown))
            self._show_to_sender(batch.unshown)

    def _deliver(self, batch: Batch) -> None:
        self._ticker.flushed(self._loop.time())
        delivery = self._delivery(batch)
        self._deliveries.append(delivery)
        if self._audience.slow:
            self._write_slow(batch, list(self._audience.slow))
        if len(self._deliveries) > DELIVERIES:
            metrics.HURRIED.inc()
            while len(self._deliveries) > 1:
                self._advance()
        if self._step is None:
            self._turn()

    def _delivery(self, batch: Batch) -> Delivery:
        started = perf_counter()
        events = self._events(batch)
        payloads: dict[Codec, list[bytes]] = {}
        parts = []
        for roster in self._audience.rosters:
            codec = roster.variant.codec
            if codec not in payloads:
                payloads[codec] = self._frames.payloads(codec, [codec.encode(event) for event in events])
            messages = self._frames.messages(roster.variant, payloads[codec])
            metrics.FRAMES.add("full", len(payloads[codec]))
            parts.append(Part(roster, messages, len(roster)))
        return Delivery(batch, parts, started)

    def _events(self, batch: Batch) -> list[Struct]:
        """A batch's events in the order of their lanes."""
        events = list(batch.sequenced)
        if batch.state:
            events.append(state_event(batch.state, self._wall_clock()))
        if batch.skipped:
            events.append(DanmakuSkipped(count=batch.skipped))
        return [*events, *batch.chat]

    def _turn(self) -> None:
        """One step of what is under way; the next one in the loop's next turn."""
        self._step = None
        if self._deliveries:
            self._advance()
        if self._deliveries:
            self._step = self._loop.call_soon(self._turn)

    def _advance(self) -> None:
        delivery = self._deliveries[0]
        self._stepping = True
        try:
            delivery.step(SOCKETS_AT_ONCE)
        finally:
            self._stepping = False
        if delivery.done:
            self._deliveries.popleft()
            self._finished(delivery)
        paused, self._paused = self._paused, []
        for member in paused:
            self.paused(member)

    def _finished(self, delivery: Delivery) -> None:
        took = perf_counter() - delivery.started
        metrics.WRITES.add(count=delivery.writes)
        metrics.BYTES.add(count=delivery.size)
        metrics.FLUSH_SECONDS.observe(took)
        if self._deliveries:
            return
        self._audience.compact()
        self._ticker.finished(self._loop.time(), took)
        if self._lanes.dirty:
            self._schedule(None if self._lanes.urgent else self._state_ticker)

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

    def _show_to_sender(self, messages: Iterable[Danmaku]) -> None:
        """A speaker always sees their own words, sampled away or not."""
        for message in messages:
            self.direct(self._audience.of_user(message.user.id), message)
