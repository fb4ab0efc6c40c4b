"""Who is known to have no order on record in a room, and so may be refused without asking. Sans-I/O.

A repeated `request_id` must get the outcome it had. A buyer whose hello found no request on record, and
of whom no order was held since, cannot repeat one that had any. What was held since is known from the
answers to this process, and for those at other gateways from the room's stock messages, which name the
buyers. Where some of those may be lost, nobody in the room is known any longer.

An order of a buyer who comes from another gateway may still be under way there: they are asked for until
it must have been answered. Times are milliseconds of a clock that does not jump.
"""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakValueDictionary


class Visit:
    """One buyer in one room, whatever the number of their sockets here. Kept by those who are members:
    with the last of them it is gone."""

    __slots__ = ("__weakref__", "_bought", "_flying", "_known_at", "_read")

    def __init__(self) -> None:
        self._read = False
        self._bought = False
        self._flying = 0
        self._known_at = 0.0

    def came(self, known_at: float) -> None:
        """A hello: an order of theirs may be under way elsewhere until `known_at`."""
        self._known_at = max(self._known_at, known_at)

    def found(self, requests: int) -> None:
        """What the store had on record when it was read, after `came`."""
        self._read = True
        self._bought = self._bought or requests > 0

    def bought(self) -> None:
        """An order is on record, or may be."""
        self._bought = True

    def flew(self) -> None:
        """An order of theirs goes to the store."""
        self._flying += 1

    def landed(self, *, recorded: bool) -> None:
        """It was answered. `recorded`: there is something on record now, or may be."""
        self._flying -= 1
        self._bought = self._bought or recorded

    def is_new(self, now: float) -> bool:
        """Certainly no request on record, and none on its way."""
        return self._read and not self._bought and not self._flying and now >= self._known_at


class Newcomers:
    """Every visit of this process. `grace_ms`: how long an order may be under way at another gateway."""

    def __init__(self, grace_ms: int) -> None:
        self._grace = grace_ms
        self._visits: WeakValueDictionary[tuple[str, str], Visit] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._visits)

    def visit(self, room: str, user: str, now: float) -> Visit:
        """To be called before their requests are read, and kept while they are a member."""
        visit = self._visits.get((room, user))
        if visit is None:
            visit = self._visits[room, user] = Visit()
        visit.came(now + self._grace)
        return visit

    def bought(self, room: str, users: Iterable[str]) -> None:
        """These have an order now, wherever they placed it."""
        for user in users:
            visit = self._visits.get((room, user))
            if visit is not None:
                visit.bought()

    def doubt(self, room: str) -> None:
        """What was told of this room may not all have come here."""
        for (where, _), visit in list(self._visits.items()):
            if where == room:
                visit.bought()
