"""Members of one variant in flat arrays, and one frame written to a stretch of them.

A slot is an index into all the arrays. Who leaves makes a hole; holes are filled by newcomers only
while no delivery is under way, so that a delivery to `slots[:stop]` reaches just those who were
there when it began.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence

from server.fanout.frames import Variant
from server.fanout.member import Member
from server.fanout.sender import Sender

Write = Callable[[bytes], object]
HOLE = -1
HOLES = 64
"""Fewer are not worth closing."""


def _nowhere(data: bytes) -> None:
    """The write of a hole."""


class Roster:
    """Frames go out by each link's own `write`."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self.members: list[Member | None] = []
        self._writes: list[Write] = []
        self._holes: list[int] = []

    def __len__(self) -> int:
        """Slots, holes included."""
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return (member for member in self.members if member is not None)

    @property
    def count(self) -> int:
        """Members."""
        return len(self.members) - len(self._holes)

    def add(self, member: Member, *, at_end: bool) -> None:
        """`at_end`: behind everybody, as a delivery is under way."""
        if self._holes and not at_end:
            slot = self._holes.pop()
        else:
            slot = len(self.members)
            self.members.append(None)
            self._writes.append(_nowhere)
            self._grow()
        self.members[slot] = member
        self._writes[slot] = member.link.write
        member.roster, member.slot = self, slot
        self._fill(member)

    def remove(self, member: Member) -> None:
        """Raises ValueError when it is not in here."""
        if member.roster is not self:
            raise ValueError("a member of another roster")
        slot = member.slot
        self.members[slot] = None
        self._writes[slot] = _nowhere
        self._holes.append(slot)
        self._empty(member)
        member.roster, member.slot = None, HOLE

    def write(self, messages: Sequence[bytes], start: int, stop: int) -> int:
        """Give `messages` to the members of `slots[start:stop]`; how many there are."""
        writes = self._writes[start:stop]
        for message in messages:
            for write in writes:
                write(message)
        return stop - start - writes.count(_nowhere) if self._holes else stop - start

    def compact(self) -> None:
        """Close the holes where they are many. Moves members: not while a delivery is under way."""
        if len(self._holes) <= max(HOLES, self.count):
            return
        here = list(self)
        self.members.clear()
        self._writes.clear()
        self._holes.clear()
        self._clear()
        for member in here:
            self.add(member, at_end=True)

    def wrote(self, member: Member) -> None:
        """Something went to the member's transport past this roster."""

    def _clear(self) -> None:
        """There are no slots."""

    def _grow(self) -> None:
        """There is one slot more."""

    def _fill(self, member: Member) -> None:
        """The member has its slot."""

    def _empty(self, member: Member) -> None:
        """The member is about to lose its slot."""


class DirectRoster(Roster):
    """Frames go straight to the members' descriptors, all in one call.

    Straight means past the transport, which is right as long as the transport holds nothing back. So a
    member whose transport got something is written through it until that has drained.
    """

    def __init__(self, variant: Variant, sender: Sender) -> None:
        super().__init__(variant)
        self._sender = sender
        self._fds = array("i")
        self._indirect: dict[Member, None] = {}

    def write(self, messages: Sequence[bytes], start: int, stop: int) -> int:
        count = 0
        for message in messages:
            late = self._late(start, stop)
            for member in late:
                member.link.write(message)
            taken, failed = self._sender.send(self._fds, start, stop, message)
            for slot, size in failed:
                member_there = self.members[slot]
                if member_there is not None:
                    self.wrote(member_there)
                    member_there.link.write(message[size:] if size else message)
            count = taken + len(failed) + len(late)
        return count

    def wrote(self, member: Member) -> None:
        self._fds[member.slot] = HOLE
        self._indirect[member] = None

    def _late(self, start: int, stop: int) -> list[Member]:
        """Those of `slots[start:stop]` whose transport still holds something; the others are direct again."""
        if len(self._indirect) <= stop - start:
            through = [member for member in self._indirect if start <= member.slot < stop]
        else:
            through = [member for member in self.members[start:stop] if member in self._indirect]
        late = []
        for member in through:
            if member.link.buffered():
                late.append(member)
            else:
                del self._indirect[member]
                self._fds[member.slot] = member.link.descriptor
        return late

    def _clear(self) -> None:
        self._fds = array("i")
        self._indirect.clear()

    def _grow(self) -> None:
        self._fds.append(HOLE)

    def _fill(self, member: Member) -> None:
        self._indirect[member] = None

    def _empty(self, member: Member) -> None:
        self._fds[member.slot] = HOLE
        self._indirect.pop(member, None)
