"""One viewer in a room: a link to its socket, its codec and its outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from schemas.codecs import Codec
from schemas.codes import CLOSE_REASONS, CloseCode
from server.fanout.frames import Variant, batch_bytes
from server.fanout.metrics import CLOSED
from server.fanout.outbox import Flow, Outbox

if TYPE_CHECKING:
    from server.fanout.audience import Section
    from server.fanout.roster import Roster

MAX_REASON = 123
"""Bytes a Close frame has for its reason (RFC 6455 section 5.5)."""


def close_reason(text: str) -> str:
    """`text`, cut to what fits into a Close frame, between two characters."""
    return text.encode("utf-8", "replace")[:MAX_REASON].decode("utf-8", "ignore")


class Link(Protocol):
    """A way to a socket that never blocks. `framed`: it takes wire frames, else bare messages;
    `deflate`: its peer reads compressed frames too."""

    @property
    def framed(self) -> bool: ...

    @property
    def deflate(self) -> bool: ...

    @property
    def descriptor(self) -> int:
        """Where frames may go past the transport while it holds nothing back; -1: nowhere."""

    @property
    def write(self) -> Callable[[bytes], object]:
        """Queue bytes; only while the link is open."""

    def is_open(self) -> bool: ...

    def buffered(self) -> int:
        """Bytes waiting in user space."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye behind what is queued, and cut the line if the peer does not read on."""


class Member:
    """`user` is None for a guest; `control` members also hear the dashboard."""

    __slots__ = ("codec", "control", "link", "outbox", "roster", "section", "slot", "user")

    def __init__(self, link: Link, codec: Codec, outbox: Outbox, user: str | None, control: bool) -> None:
        self.link = link
        self.codec = codec
        self.outbox = outbox
        self.user = user
        self.control = control
        self.section: Section | None = None
        self.roster: Roster | None = None
        self.slot = -1

    @property
    def variant(self) -> Variant:
        """The frames it takes."""
        return Variant(self.codec, self.link.framed, self.link.deflate)

    def send(self, *events: Struct) -> bool:
        """Lane L0: at once, whatever the tick; false when the socket is gone."""
        return self.send_encoded([self.codec.encode(event) for event in events])

    def send_encoded(self, events: Sequence[bytes]) -> bool:
        """One batch of events that this member's codec encoded."""
        if self.outbox.flow is Flow.CLOSED:  # as soon as no frame may be written
            return False
        self.wrote()
        self.link.write(batch_bytes(self.codec, events, self.link.framed))
        return True

    def wrote(self) -> None:
        """Something goes to the transport: what follows must not overtake it."""
        if self.roster is not None:
            self.roster.wrote(self)

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close with a typed code; what is queued goes first."""
        if self.outbox.flow is Flow.CLOSED:
            return
        CLOSED.labels(str(int(code))).inc()
        self.outbox.closed()
        self.link.close(code, close_reason(reason or CLOSE_REASONS[code]))
