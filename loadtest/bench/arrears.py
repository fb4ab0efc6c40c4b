"""How far the ledger is behind, read from the store: outbox entries that nobody has acknowledged."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable

from loadtest.bench.store import BareStore, StoreFailed

GROUP = "ledger"
PARTITIONS = 16
"""What `orders.partitions` is unless set; which one a room is in follows from its name (CRC-32)."""


def partition_of(room: str) -> int:
    return zlib.crc32(room.encode()) % PARTITIONS


def apart(prefix: str, count: int) -> list[str]:
    """Names of rooms of which no two are in one partition. Raises ValueError for more than there are."""
    if count > PARTITIONS:
        raise ValueError(f"{count} rooms in {PARTITIONS} partitions")
    found: dict[int, str] = {}
    number = 0
    while len(found) < count:
        room = f"{prefix}{number}"
        found.setdefault(partition_of(room), room)
        number += 1
    return list(found.values())


class Arrears:
    """The outboxes of some rooms, looked at over a connection of its own."""

    def __init__(self, store: BareStore, rooms: Iterable[str]) -> None:
        self._store = store
        self._streams = [f"{{p{number:02d}}}:outbox" for number in {partition_of(room) for room in rooms}]

    def seconds(self) -> float:
        """Age of the oldest entry that is not in the ledger; 0 when all are. Raises StoreFailed, OSError."""
        oldest = [at for stream in self._streams for at in self._waiting(stream)]
        match self._store.ask("TIME"):
            case [bytes() as seconds, bytes() as micros]:
                now = int(seconds) * 1000 + int(micros) // 1000
            case other:
                raise StoreFailed(f"TIME was answered with {other!r}")
        return max(0, now - min(oldest, default=now)) / 1000

    def _waiting(self, stream: str) -> list[int]:
        """When the first entry was made that is taken but not acknowledged, and the first not taken; ms."""
        match self._store.ask("XPENDING", stream, GROUP):
            case [int(), first, *_]:
                pending = [first] if isinstance(first, bytes) else []
            case other:
                raise StoreFailed(f"XPENDING was answered with {other!r}")
        fresh = self._store.ask("XRANGE", stream, b"(" + self._taken(stream), "+", "COUNT", 1)
        if not isinstance(fresh, list):
            raise StoreFailed(f"XRANGE was answered with {fresh!r}")
        return [int(entry.partition(b"-")[0]) for entry in [*pending, *(one[0] for one in fresh)]]

    def _taken(self, stream: str) -> bytes:
        groups = self._store.ask("XINFO", "GROUPS", stream)
        for group in groups if isinstance(groups, list) else []:
            fields = dict(zip(group[::2], group[1::2], strict=True))
            if fields[b"name"] == GROUP.encode():
                taken: bytes = fields[b"last-delivered-id"]
                return taken
        raise StoreFailed(f"{stream} has no group {GROUP}")

    def wait_until_none(self, within: float) -> None:
        """Raises StoreFailed when the ledger does not catch up within so many seconds."""
        deadline = time.monotonic() + within
        while (left := self.seconds()) > 0:
            if time.monotonic() > deadline:
                raise StoreFailed(f"the ledger is {left:.0f} s behind, and still after {within:.0f} s")
            time.sleep(0.05)
