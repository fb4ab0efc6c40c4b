"""When a room flushes: at once while it is quiet, once per tick under load. Sans-I/O."""

from __future__ import annotations


class Ticker:
    """`tick` and times in seconds of one monotonic clock."""

    __slots__ = ("_last", "_tick")

    def __init__(self, tick: float) -> None:
        self._tick = tick
        self._last = float("-inf")

    def due_in(self, now: float) -> float:
        """Seconds until the next flush may happen; 0 means in the next turn of the loop."""
        return max(0.0, self._last + self._tick - now)

    def flushed(self, now: float) -> None:
        self._last = now
