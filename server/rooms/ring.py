"""The newest sequenced events of a room, kept in the process for resume. Sans-I/O."""

from __future__ import annotations

from collections import OrderedDict, deque

from schemas.codecs import Codec
from schemas.events import SequencedEvent

STRETCHES = 32
"""Places from which viewers resumed lately whose events are at hand as a list."""


class Ring:
    """Events `seq` in a row without holes; the oldest fall out above `length` (bounded).

    An event is encoded when somebody first missed it, once per codec, and forgotten with the event.
    """

    def __init__(self, length: int, seq: int) -> None:
        self._events: deque[SequencedEvent] = deque(maxlen=length)
        self._length = length
        self._seq = seq
        self._encoded: dict[Codec, dict[int, bytes]] = {}
        self._stretches: OrderedDict[tuple[Codec, int], list[bytes]] = OrderedDict()

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
        self._stretches.clear()
        for encoded in self._encoded.values():
            encoded.pop(seq - self._length, None)

    def since(self, seq: int) -> list[SequencedEvent] | None:
        """Every event after `seq`, or None when some have fallen out or never were."""
        missed = self._seq - seq
        if missed < 0 or missed > len(self._events):
            return None
        if missed == 0:
            return []
        return list(self._events)[-missed:]

    def encoded_since(self, seq: int, codec: Codec) -> list[bytes] | None:
        """As `since`, encoded. The list is shared: not to be changed."""
        stretch = self._stretches.get((codec, seq))
        if stretch is not None:
            return stretch
        events = self.since(seq)
        if events is None:
            return None
        known = self._encoded.setdefault(codec, {})
        for number, event in enumerate(events, seq + 1):
            if number not in known:
                known[number] = codec.encode(event)
        stretch = [known[number] for number in range(seq + 1, self._seq + 1)]
        self._stretches[codec, seq] = stretch
        if len(self._stretches) > STRETCHES:
            self._stretches.popitem(last=False)
        return stretch
