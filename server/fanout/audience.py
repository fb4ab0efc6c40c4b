"""Who is in a room: sockets by user, and section by section the healthy by variant, the slow apart.

Writes nothing. A section is as many as are told the same thing in one go (see `broadcast`).
"""

from __future__ import annotations

from collections.abc import Iterator

from server.fanout import metrics
from server.fanout.frames import Variant
from server.fanout.lanes import Lanes
from server.fanout.member import Member
from server.fanout.outbox import Flow
from server.fanout.roster import DirectRoster, Roster
from server.fanout.sender import Sender

SECTION = 1_024
"""Members of a section."""


class People:
    """Everybody in a room, by user."""

    def __init__(self) -> None:
        self._by_user: dict[str, dict[Member, None]] = {}
        self._control: dict[Member, None] = {}

    @property
    def control(self) -> list[Member]:
        """Those on the control socket."""
        return list(self._control)

    def of_user(self, user: str) -> list[Member]:
        """This user's sockets in the room, oldest first."""
        return list(self._by_user.get(user, ()))

    def enter(self, member: Member) -> None:
        if member.user is not None:
            self._by_user.setdefault(member.user, {})[member] = None
        if member.control:
            self._control[member] = None

    def leave(self, member: Member) -> None:
        """Idempotent."""
        self._control.pop(member, None)
        sockets = self._by_user.get(member.user) if member.user is not None else None
        if sockets is not None and member.user is not None:
            sockets.pop(member, None)
            if not sockets:
                del self._by_user[member.user]


class Section:
    """What waits to be told, and to whom: `slow` members are above the soft mark, everybody else is in
    one of `rosters`."""

    def __init__(self, lanes: Lanes, sender: Sender | None) -> None:
        self.lanes = lanes
        self.slow: dict[Member, None] = {}
        self._sender = sender
        self._rosters: dict[tuple[Variant, bool], Roster] = {}

    def __len__(self) -> int:
        return sum(roster.count for roster in self._rosters.values()) + len(self.slow)

    def __iter__(self) -> Iterator[Member]:
        """Everybody, healthy or slow."""
        for roster in self.rosters:
            yield from roster
        yield from self.slow

    @property
    def rosters(self) -> list[Roster]:
        """Those with somebody in them."""
        return [roster for roster in self._rosters.values() if roster.count]

    def place(self, member: Member, *, at_end: bool) -> None:
        """Among the slow or the healthy, as its outbox says. See `Roster.add` for `at_end`."""
        member.section = self
        if member.outbox.flow is Flow.SLOW:
            self.slow[member] = None
            metrics.SLOW.inc()
        else:
            self._roster(member).add(member, at_end=at_end)

    def displace(self, member: Member) -> None:
        """The inverse of `place`."""
        member.section = None
        if member in self.slow:
            del self.slow[member]
            metrics.SLOW.dec()
        elif member.roster is not None:
            member.roster.remove(member)

    def compact(self) -> None:
        """Close the holes where they are most of a roster. Not while a delivery is under way."""
        for roster in self._rosters.values():
            roster.compact()

    def _roster(self, member: Member) -> Roster:
        direct = self._sender is not None and member.link.descriptor >= 0
        key = (member.variant, direct)
        roster = self._rosters.get(key)
        if roster is None:
            sender = self._sender if direct else None
            roster = DirectRoster(member.variant, sender) if sender is not None else Roster(member.variant)
            self._rosters[key] = roster
        return roster
