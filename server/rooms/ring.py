"""The newest sequenced events of a room, kept in the process for resume. Sans-I/O."""

from __future__ import annotations

from collections import deque

from schemas.events import SequencedEvent


class Ring:
    """Events `seq` in a row without holes; the oldest fall out above `length` (bounded)."""

    def __init__(self, length: int, seq: int) -> None:
        self._events: deque[SequencedEvent] = deque(maxlen=length)
        self._seq = seq

    @property
    def seq(self) -> int:
        """The newest event's place in the room's log."""
        return self._seq

    def append(self, seq: int, event: SequencedEvent) -> None:
        """Raises ValueError when `seq` is not the next one."""
        if seq != self._seq + 1:
            raise ValueError(f"expected seq {self._seq + 1}, got {seq}")
        self._seq = seq
        self._events.append(event)

    def since(self, seq: int) -> list[SequencedEvent] | None:
        """Every event after `seq`, or None when some have fallen out or never were."""
        missed = self._seq - seq
        if missed < 0 or missed > len(self._events):
            return None
        if missed == 0:
            return []
        return list(self._events)[-missed:]
