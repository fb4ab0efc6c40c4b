"""What is true of a room, as its host and its speakers were told it. Sans-I/O.

A host command that was answered has a known place in the log. One whose socket was lost before the
answer may be there or not: it is `unanswered`, and allowed but not demanded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.commands import Command, ProductPin, ProductUpdate, RoomAnnounce
from schemas.events import ProductPinned, ProductUpdated, RoomUpdated, SequencedEvent


def mark_of_event(event: SequencedEvent) -> str:
    """What an event says, as short text that can be compared with `mark_of_command`."""
    match event:
        case RoomUpdated(announcement=str() as text):
            return f"announce {text}"
        case ProductUpdated(product=product):
            return f"price {product.sku} {product.price}"
        case ProductPinned(sku=sku):
            return f"pin {sku}"
        case _:
            return type(event).__name__


def mark_of_command(command: Command) -> str:
    """What the event of a host command will say; raises TypeError for one that makes none here."""
    match command:
        case RoomAnnounce(text=text):
            return f"announce {text}"
        case ProductUpdate(sku=sku, price=int() as price):
            return f"price {sku} {price}"
        case ProductPin(sku=sku):
            return f"pin {sku}"
        case _:
            raise TypeError(f"{type(command).__name__} makes no event with a mark")


@dataclass(slots=True)
class Truth:
    """`events`: mark by place in the log; `first`: the place before the first of them."""

    first: int = 0
    last: int = 0
    events: dict[int, str] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)
    likes: int = 0

    def done(self, seq: int, command: Command) -> None:
        """A host command is in the log at `seq`."""
        self.events[seq] = mark_of_command(command)
        self.last = max(self.last, seq)
