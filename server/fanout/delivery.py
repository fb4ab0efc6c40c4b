"""One batch on its way to everybody who was in the room when it began, some sockets at a time.

A large room takes longer than an order may wait. So its sockets are written in steps, with a turn of
the event loop between them. Whoever comes meanwhile starts behind this batch, whoever leaves gets
no more of it, and whoever turns slow before their turn is owed the lossless part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.fanout.lanes import Batch
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
