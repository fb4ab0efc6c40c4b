"""One viewer's outbox: what a slow reader gets, misses, and when it is let go. Sans-I/O.

FLOWING -> SLOW when the transport's buffer passes the soft mark: chat is dropped and counted,
state is merged; sequenced and direct events still go. SLOW -> FLOWING when it drained: the
viewer is told what it missed. SLOW -> CLOSED above the hard mark, or after too long.
"""

from __future__ import annotations

from enum import Enum

from server.fanout.lanes import StateKey


class Flow(Enum):
    FLOWING = "flowing"
    SLOW = "slow"
    CLOSED = "closed"


class Outbox:
    """Bounds are bytes and milliseconds; the clock comes in as an argument."""

    __slots__ = ("_hard_mark", "_slow_since", "_slow_timeout", "flow", "skipped", "stale")

    def __init__(self, hard_mark: int, slow_timeout_ms: int) -> None:
        self._hard_mark = hard_mark
        self._slow_timeout = slow_timeout_ms
        self._slow_since = 0
        self.flow = Flow.FLOWING
        self.skipped = 0
        self.stale: set[StateKey] | None = None

    def paused(self, now: int) -> None:
        """The transport holds more than the soft mark."""
        if self.flow is Flow.FLOWING:
            self.flow = Flow.SLOW
            self._slow_since = now

    def resumed(self) -> tuple[int, set[StateKey]]:
        """The transport drained. Returns what to tell: danmaku skipped, state keys gone stale."""
        if self.flow is not Flow.SLOW:
            return 0, set()
        self.flow = Flow.FLOWING
        told = self.skipped, self.stale or set()
        self.skipped, self.stale = 0, None
        return told

    def missed(self, chat: int, keys: set[StateKey]) -> None:
        """A flush went by without this viewer's chat and state."""
        self.skipped += chat
        if keys:
            self.stale = keys if self.stale is None else self.stale | keys

    def exhausted(self, buffered: int, now: int) -> bool:
        """Whether a slow viewer has to be closed with 4001."""
        if self.flow is not Flow.SLOW:
            return False
        return buffered > self._hard_mark or now - self._slow_since > self._slow_timeout

    def closed(self) -> None:
        self.flow = Flow.CLOSED
        self.skipped, self.stale = 0, None
