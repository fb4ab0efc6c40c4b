"""One room's broadcast in this process: lanes in, one shared frame per codec out, to every member.

The loop over healthy members is a plain call of a bound `write`; nobody is awaited. Members whose
transport is above the soft mark leave that loop until they drained (see `outbox`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter

from msgspec import Struct

from schemas.codecs import Codec
from schemas.codes import CloseCode
from schemas.events import Danmaku, DanmakuSkipped
from server.fanout import metrics
from server.fanout.frames import batch_bytes
from server.fanout.lanes import Batch, Lanes, StateKey, StateValue, state_event
from server.fanout.member import Member
from server.fanout.outbox import Flow
from server.fanout.ticker import Ticker
from server.settings import FanoutSettings

SEQUENCED_PENDING = 256
"""Lossless events that may wait for a tick; the next one flushes."""

Variant = tuple[Codec, bool]
"""A codec, and whether the link takes wire frames."""


class Broadcast:
    """`wall_clock` gives the server's time in milliseconds; timers run on `loop`."""

    def __init__(
        self, settings: FanoutSettings, wall_clock: Callable[[], int], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._settings = settings
        self._wall_clock = wall_clock
        self._loop = loop
        self._lanes = Lanes(settings.chat_budget)
        self._ticker = Ticker(settings.tick_ms / 1000)
        self._state_ticker = Ticker(settings.state_ms / 1000)
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self._healthy: dict[Variant, dict[Member, Callable[[bytes], object]]] = {}
        self._writes: dict[Variant, tuple[Callable[[bytes], object], ...]] = {}
        self._slow: dict[Member, None] = {}
        self._by_user: dict[str, dict[Member, None]] = {}
        self._size = 0

    # ---- members ----------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._size

    def members(self) -> list[Member]:
        """Everybody, healthy or slow."""
        return [member for group in self._healthy.values() for member in group] + list(self._slow)

    def of_user(self, user: str) -> list[Member]:
        """This user's sockets in the room, oldest first."""
        return list(self._by_user.get(user, ()))

    def join(self, member: Member) -> None:
        """From the next flush on this member gets what everybody gets. Call `settle` first."""
        self._size += 1
        if member.user is not None:
            self._by_user.setdefault(member.user, {})[member] = None
        self._place(member)

    def leave(self, member: Member) -> None:
        """Idempotent; nothing is written to the member afterwards."""
        if not self._remove(member):
            return
        self._size -= 1
        member.outbox.closed()
        if member.user is not None:
            sockets = self._by_user.get(member.user)
            if sockets is not None:
                sockets.pop(member, None)
                if not sockets:
                    del self._by_user[member.user]

    def _place(self, member: Member) -> None:
        if member.outbox.flow is Flow.SLOW:
            self._slow[member] = None
            metrics.SLOW.inc()
        else:
            variant = (member.codec, member.link.framed)
            self._healthy.setdefault(variant, {})[member] = member.link.write
            self._writes.pop(variant, None)

    def _remove(self, member: Member) -> bool:
        if member in self._slow:
            del self._slow[member]
            metrics.SLOW.dec()
            return True
        variant = (member.codec, member.link.framed)
        group = self._healthy.get(variant)
        if group is None or member not in group:
            return False
        del group[member]
        self._writes.pop(variant, None)
        if not group:
            del self._healthy[variant]
        return True

    def paused(self, member: Member) -> None:
        """The member's transport holds more than the soft mark."""
        member.outbox.paused(self._wall_clock())
        if self._remove(member):
            self._place(member)

    def resumed(self, member: Member) -> None:
        """It drained: back among the healthy, and told what it missed."""
        skipped, stale = member.outbox.resumed()
        if not self._remove(member):
            return
        self._place(member)
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
        for member in list(self._slow):
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
            self._write(self._lanes.take_sequenced())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, ticker: Ticker | None = None) -> None:
        now = self._loop.time()
        due = now + (ticker or self._ticker).due_in(now)
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self.flush) if due > now else self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write everything pending to everybody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lanes.dirty:
            return
        self._ticker.flushed(self._loop.time())
        batch = self._lanes.take()
        if batch.state:
            self._state_ticker.flushed(self._loop.time())
        self._write(batch)
        if batch.unshown:
            metrics.CHAT_SKIPPED.labels("budget").inc(len(batch.unshown))
            self._show_to_sender(batch.unshown)

    def _write(self, batch: Batch) -> None:
        started = perf_counter()
        now = self._wall_clock()
        tail: list[Struct] = []
        if batch.state:
            tail.append(state_event(batch.state, now))
        if batch.skipped:
            tail.append(DanmakuSkipped(count=batch.skipped))
        tail.extend(batch.chat)
        writes = size = 0
        for variant, group in list(self._healthy.items()):
            codec, framed = variant
            frame = batch_bytes(codec, [codec.encode(event) for event in (*batch.sequenced, *tail)], framed)
            metrics.FRAMES.add("full")
            # A tuple, as a write may pause its member, which leaves the group.
            all_writes = self._writes.get(variant)
            if all_writes is None:
                all_writes = self._writes[variant] = tuple(group.values())
            for write in all_writes:
                write(frame)
            writes += len(group)
            size += len(group) * len(frame)
        if self._slow:
            self._write_slow(batch)
        metrics.WRITES.add(count=writes)
        metrics.BYTES.add(count=size)
        metrics.FLUSH_SECONDS.observe(perf_counter() - started)

    def _write_slow(self, batch: Batch) -> None:
        """Slow members: the lossless lane goes on, the rest is merged or counted."""
        missed_chat = len(batch.chat) + batch.skipped
        keys = set(batch.state)
        frames: dict[Variant, bytes] = {}
        for member in list(self._slow):
            if batch.sequenced:
                variant = (member.codec, member.link.framed)
                if variant not in frames:
                    encoded = [member.codec.encode(event) for event in batch.sequenced]
                    frames[variant] = batch_bytes(member.codec, encoded, member.link.framed)
                    metrics.FRAMES.add("sequenced")
                member.link.write(frames[variant])
            member.outbox.missed(missed_chat, keys)
            if batch.chat:
                metrics.CHAT_SKIPPED.labels("slow").inc(len(batch.chat))
            if keys:
                metrics.STATE_MERGED.inc(len(keys))
            self._judge(member)

    def _show_to_sender(self, messages: Iterable[Danmaku]) -> None:
        """A speaker always sees their own words, sampled away or not."""
        for message in messages:
            self.direct(self._by_user.get(message.user.id, {}), message)
