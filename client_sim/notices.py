"""What a client session tells its shell: plain objects, each said once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from schemas.codes import ErrorCode
from schemas.commands import Command, OrderPlace
from schemas.events import Danmaku, Dashboard, Error, Event, SequencedEvent, Welcome
from schemas.models import Order


class Fault(str, Enum):
    """What the server must never do; one of these in a report fails a run."""

    GAP = "gap"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    PARTIAL_RECOVERY = "partial_recovery"
    WENT_BACK = "went_back"
    BEFORE_WELCOME = "before_welcome"
    MALFORMED = "malformed"


@dataclass(slots=True, frozen=True)
class Joined:
    """A welcome, `after_ms` milliseconds after the hello."""

    welcome: Welcome
    first: bool
    after_ms: float = 0.0


@dataclass(slots=True, frozen=True)
class Moved:
    """A sequenced event was applied."""

    event: SequencedEvent


@dataclass(slots=True, frozen=True)
class Reloaded:
    """The replica was loaded from a snapshot."""

    epoch: str
    seq: int


@dataclass(slots=True, frozen=True)
class Talk:
    """Chat of one batch."""

    messages: tuple[Danmaku, ...]
    skipped: int


@dataclass(slots=True, frozen=True)
class Figures:
    """A control socket's dashboard."""

    dashboard: Dashboard


@dataclass(slots=True, frozen=True)
class Reply:
    """The one reply to a command. `event` is None when the socket was lost before it came."""

    id: int
    command: Command
    event: Event | None
    after_ms: float

    @property
    def error(self) -> Error | None:
        return self.event if isinstance(self.event, Error) else None


@dataclass(slots=True, frozen=True)
class OrderSettled:
    """What became of an order: `code` None means accepted.

    `asked_again`: the answer came by `request_id` after the first reply was lost or unknown.
    `order` with a code is a hold that still stands (`payment_failed`).
    """

    request: OrderPlace
    code: ErrorCode | None
    message: str
    order: Order | None
    replayed: bool
    asked_again: bool
    after_ms: float
    retry_after_ms: int | None = None


@dataclass(slots=True, frozen=True)
class OrderChanged:
    """One of this user's orders moved on after it was accepted."""

    order: Order


@dataclass(slots=True, frozen=True)
class Told:
    """Something direct that answers no command: muted, kicked, an error without an id."""

    event: Event


@dataclass(slots=True, frozen=True)
class Violation:
    """The server broke a promise of the wire."""

    fault: Fault
    detail: str


@dataclass(slots=True, frozen=True)
class Lost:
    """The socket is gone. `retry_at` is local milliseconds, None when there is no coming back."""

    code: int | None
    reason: str
    retry_at: float | None


Notice = (
    Joined | Moved | Reloaded | Talk | Figures | Reply | OrderSettled | OrderChanged | Told | Violation | Lost
)
