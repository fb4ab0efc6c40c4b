"""What those who come back to a room have missed: all of it or nothing.

It comes from the ring; from the log only where the ring does not reach back so far, and then all who
stopped at the same place share one read.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from schemas.codecs import Codec
from schemas.events import SequencedEvent
from server.rooms.log import RoomLog
from server.rooms.metrics import RESUME_READS
from server.rooms.ring import Ring


class Older(NamedTuple):
    """Events out of the log, encoded, and the last one's seq."""

    events: list[bytes]
    last: int


class Recovery:
    """One room's. `append` each event as it is applied."""

    def __init__(self, room_log: RoomLog, room: str, epoch: str, seq: int, ring_length: int) -> None:
        self._log = room_log
        self._room = room
        self._epoch = epoch
        self._length = ring_length
        self._ring = Ring(ring_length, seq)
        self._reading: dict[tuple[Codec, str, int], asyncio.Task[Older | None]] = {}

    async def fill(self) -> None:
        """Take what the log still has into the ring, so that a process that has just started serves a
        whole room's resumes itself. Raises StoreUnavailable."""
        seq, first = self._ring.seq, max(0, self._ring.seq - self._length)
        found = await self._log.since(self._room, self._epoch, first)
        ring = Ring(self._length, first)
        for number, event in found or ():
            if number <= seq:
                ring.append(number, event)
        if ring.seq == seq:
            self._ring = ring

    def restart(self, epoch: str, seq: int) -> None:
        """The room was read anew; what was before cannot be followed."""
        self._epoch = epoch
        self._ring = Ring(self._length, seq)

    def append(self, seq: int, event: SequencedEvent) -> None:
        self._ring.append(seq, event)

    async def missed(self, codec: Codec, epoch: str, seq: int) -> list[bytes] | None:
        """Every event after `seq`, encoded, or None. The list is shared. Raises StoreUnavailable.

        The last step reads the ring without awaiting, so that the answer ends at the room's `seq`.
        """
        if epoch != self._epoch or seq > self._ring.seq:
            return None
        recent = self._ring.encoded_since(seq, codec)
        if recent is not None:
            return recent
        older = await self._older(codec, epoch, seq)
        if older is None or epoch != self._epoch:
            return None
        ahead = older.last - self._ring.seq
        if ahead > 0:
            return older.events[:-ahead]
        recent = self._ring.encoded_since(older.last, codec)
        return None if recent is None else older.events + recent

    async def _older(self, codec: Codec, epoch: str, seq: int) -> Older | None:
        key = (codec, epoch, seq)
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.get_running_loop().create_task(self._read(codec, epoch, seq))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        return await asyncio.shield(task)

    async def _read(self, codec: Codec, epoch: str, seq: int) -> Older | None:
        RESUME_READS.inc()
        found = await self._log.since(self._room, epoch, seq)
        if found is None:
            return None
        return Older([codec.encode(event) for _, event in found], found[-1][0] if found else seq)
