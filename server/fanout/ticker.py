"""When a room flushes: at once while it is quiet, once per tick under load. Sans-I/O."""

from __future__ import annotations

REST = 1 / 3
"""A flush is followed by a pause of this part of its length at least: a room too large for its tick
flushes less often, and leaves a quarter of the time to orders, pongs and joins."""


class Ticker:
    """`tick` and times in seconds of one monotonic clock."""

    __slots__ = ("_not_before", "_started", "_tick")

    def __init__(self, tick: float) -> None:
        self._tick = tick
        self._started = float("-inf")
        self._not_before = float("-inf")

    def due_in(self, now: float) -> float:
        """Seconds until the next flush may happen; 0 means in the next turn of the loop."""
        return max(0.0, self._started + self._tick - now, self._not_before - now)

    def flushed(self, now: float) -> None:
        """A flush begins."""
        self._started = now

    def finished(self, now: float, took: float) -> None:
        """A flush has been written to everybody and `took` that long."""
        self._not_before = now + took * REST
