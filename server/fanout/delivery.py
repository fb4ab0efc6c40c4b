"""One batch on its way to everybody who was in a section when it began, some sockets at a time.

A large room takes longer than an order may wait. So its sockets are written in steps, with a turn of
the event loop between them. Whoever comes meanwhile starts behind this batch, whoever leaves gets
no more of it, and whoever turns slow before their turn is owed the lossless part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from msgspec import Struct

from schemas.codecs import Codec
from schemas.events import DanmakuSkipped
from server.fanout import metrics
from server.fanout.audience import Section
from server.fanout.frames import FrameMaker
from server.fanout.lanes import Batch, state_event
from server.fanout.member import Member
from server.fanout.roster import Roster


@dataclass(slots=True)
class Part:
    """`messages` for `roster.slots[:stop]`."""

    roster: Roster
    messages: Sequence[bytes]
    stop: int


class Delivery:
    """`writes` and `size`: members written to so far, and the bytes; `started` is the caller's clock."""

    def __init__(self, batch: Batch, parts: list[Part], started: float = 0.0) -> None:
        self.batch = batch
        self.started = started
        self._parts = parts
        self._part = 0
        self._next = 0
        self.writes = 0
        self.size = 0

    @property
    def done(self) -> bool:
        return self._part == len(self._parts)

    def step(self, sockets: int) -> None:
        """Write to so many more."""
        while sockets > 0 and not self.done:
            part = self._parts[self._part]
            stop = min(part.stop, self._next + sockets)
            written = part.roster.write(part.messages, self._next, stop)
            self.writes += written
            self.size += written * sum(map(len, part.messages))
            sockets -= stop - self._next
            self._next = stop
            if stop == part.stop:
                self._part += 1
                self._next = 0

    def owes(self, member: Member) -> bool:
        """Whether the member was there in time and has not been written to."""
        for index in range(self._part, len(self._parts)):
            part = self._parts[index]
            if part.roster is member.roster:
                written = self._next if index == self._part else 0
                return written <= member.slot < part.stop
        return False


class Packer:
    """Makes deliveries; `wall_clock` gives the server's time in milliseconds."""

    def __init__(self, frames: FrameMaker, wall_clock: Callable[[], int]) -> None:
        self._frames = frames
        self._wall_clock = wall_clock

    def pack(self, section: Section, batch: Batch) -> Delivery:
        """Encoded once per codec, framed once per variant."""
        started = perf_counter()
        events = self._events(batch)
        payloads: dict[Codec, list[bytes]] = {}
        parts = []
        for roster in section.rosters:
            codec = roster.variant.codec
            if codec not in payloads:
                payloads[codec] = self._frames.payloads(codec, [codec.encode(event) for event in events])
            messages = self._frames.messages(roster.variant, payloads[codec])
            metrics.FRAMES.add("full", len(payloads[codec]))
            parts.append(Part(roster, messages, len(roster)))
        return Delivery(batch, parts, started)

    def _events(self, batch: Batch) -> list[Struct]:
        """In the order of their lanes."""
        events = list(batch.sequenced)
        if batch.state:
            events.append(state_event(batch.state, self._wall_clock()))
        if batch.skipped:
            events.append(DanmakuSkipped(count=batch.skipped))
        return [*events, *batch.chat]
