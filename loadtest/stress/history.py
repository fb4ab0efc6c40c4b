"""What one viewer was told, socket by socket. Sans-I/O: notices and the time in, plain records out.

Events and danmaku are the shared objects of the decoder: a history holds references, no copies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from client_sim.notices import Joined, Lost, Moved, Notice, Reply, Talk, Told, Violation
from schemas.commands import DanmakuSend
from schemas.events import Danmaku, DanmakuAccepted, Error, SequencedEvent
from schemas.models import RoomSnapshot


@dataclass(slots=True, frozen=True)
class Loss:
    """A socket that ended: `code` None without a Close frame; `at` local milliseconds."""

    code: int | None
    reason: str
    at: float


@dataclass(slots=True)
class Stint:
    """One socket, from its welcome on. `start`: the place in the log before its first event.

    `began` is local milliseconds; `loss` is None while the socket stands.
    """

    epoch: str
    start: int
    recovered: bool
    began: float
    snapshot: RoomSnapshot | None = None
    events: list[SequencedEvent] = field(default_factory=list)
    talk: list[tuple[Danmaku, ...]] = field(default_factory=list)
    skipped: int = 0
    loss: Loss | None = None

    @property
    def last(self) -> int:
        """The place in the log after its last event."""
        return self.events[-1].seq if self.events else self.start


class History:
    """All that one viewer was told. `accepted`: ids of its own danmaku, in the order of the replies.

    `start`: its place in the log before the first socket, where it resumes somebody's.
    """

    __slots__ = (
        "accepted",
        "answered",
        "heard",
        "losses",
        "name",
        "refused",
        "start",
        "stints",
        "violations",
    )

    def __init__(self, name: str, start: int = 0) -> None:
        self.name = name
        self.start = start
        self.stints: list[Stint] = []
        self.losses: list[Loss] = []
        self.accepted: list[str] = []
        self.answered = 0
        """Danmaku of its own that were accepted, refused, or lost with the socket."""
        self.refused: Counter[str] = Counter()
        self.violations: list[str] = []
        self.heard = 0
        """Danmaku received and skipped, all told."""

    def took(self, notices: Iterable[Notice], now: float) -> None:
        """Notices of the client session, in order; `now` in local milliseconds."""
        for notice in notices:
            match notice:
                case Talk(messages, skipped) if self.stints:
                    stint = self.stints[-1]
                    stint.talk.append(messages)
                    stint.skipped += skipped
                    self.heard += len(messages) + skipped
                case Moved(event) if self.stints:
                    self.stints[-1].events.append(event)
                case Joined(welcome):
                    place = self.last if welcome.recovered else welcome.seq
                    room = welcome.room if isinstance(welcome.room, RoomSnapshot) else None
                    self.stints.append(Stint(welcome.epoch, place, welcome.recovered, now, room))
                case Reply(command=DanmakuSend(), event=event):
                    self._answered(event)
                case Violation(fault, detail):
                    self.violations.append(f"{fault.value}: {detail}")
                case Told(event=Error() as error):
                    self.refused[error.code.value] += 1
                case Lost(code, reason, _):
                    loss = Loss(code, reason, now)
                    self.losses.append(loss)
                    if self.stints and self.stints[-1].loss is None:
                        self.stints[-1].loss = loss
                case _:
                    pass

    def _answered(self, event: object) -> None:
        self.answered += 1
        if isinstance(event, DanmakuAccepted):
            self.accepted.append(event.message)
        else:
            self.refused[event.code.value if isinstance(event, Error) else "unanswered"] += 1

    @property
    def last(self) -> int:
        """The place in the log this viewer has come to."""
        return self.stints[-1].last if self.stints else self.start

    @property
    def skipped(self) -> int:
        return sum(stint.skipped for stint in self.stints)

    def messages(self) -> Iterator[Danmaku]:
        """Every danmaku in the order of arrival."""
        return (message for stint in self.stints for talk in stint.talk for message in talk)
