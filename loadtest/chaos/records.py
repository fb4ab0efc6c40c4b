"""What clients and hosts were told, line by line: written while the run goes on, read by the checker.

Times are local milliseconds. `sent` is when the question was sent that a telling answers; None where the
server told it by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from schemas.models import Order


class Line(Struct, array_like=True, gc=False):
    """Common settings of every line of the journal."""


class Asked(Line, tag="a"):
    """A buyer is about to send an order. `again`: the request was sent before."""

    at: float
    user: str
    request: str
    again: bool


class Said(Line, tag="s"):
    """A buyer was told of an order. `socket` counts the buyer's sockets."""

    at: float
    user: str
    socket: int
    sent: float | None
    order: str
    request: str
    room: str
    pool: str
    quantity: int
    amount: int
    currency: str
    status: str
    version: int
    replayed: bool = False


class Refused(Line, tag="r"):
    """A buyer's command was refused for sure. `order` where the command named one."""

    at: float
    user: str
    command: str
    request: str
    order: str
    code: str


class Doubt(Line, tag="d"):
    """Nobody told a buyer what became of a command: the line was lost, or the server does not know."""

    at: float
    user: str
    command: str
    request: str
    order: str


class Gave(Line, tag="g"):
    """A host put units into a room or took them out. Not `sure`: nobody told what became of it."""

    at: float
    room: str
    delta: int
    sure: bool


class Did(Line, tag="h"):
    """A host's command and what came of it: `done`, an error, or `lost`. For whoever reads the journal."""

    at: float
    room: str
    command: str
    about: str
    outcome: str


Record = Asked | Said | Refused | Doubt | Gave | Did
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


def said(
    order: Order, user: str, socket: int, at: float, sent: float | None, room: str, *, replayed: bool = False
) -> Said:
    """An order of the wire, as a line."""
    return Said(
        at,
        user,
        socket,
        sent,
        order.order,
        order.request_id,
        order.room or room,
        f"sale/{order.sale}" if order.sale is not None else f"sku/{order.sku}",
        order.quantity,
        order.amount,
        order.currency,
        order.status.value,
        order.version,
        replayed,
    )


class Journal:
    """A file of records, appended. Use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=1 << 16)

    def write(self, record: Record) -> None:
        self._file.write(_encode(record) + b"\n")

    def flush(self) -> None:
        """What was written is in the file."""
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Record]:
    """All records of a journal, in the order they were written. Raises msgspec.DecodeError."""
    with path.open("rb") as lines:
        for line in lines:
            yield _decode(line)
