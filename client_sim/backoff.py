"""When to come back after a lost socket: exponential backoff with full jitter.

The delay is uniform between 0 and `min(cap, first * 2**attempt)` (Brooker, "Exponential Backoff
and Jitter", AWS Architecture Blog, 2015), so that a drained server does not meet its viewers all at once.
Where the server said when to come back, the delay begins there.
"""

from __future__ import annotations

import random


class Backoff:
    """Counts failures in a row; `reset` after a welcome."""

    __slots__ = ("_attempt", "_cap_ms", "_first_ms", "_random")

    def __init__(self, random_source: random.Random, first_ms: float = 500, cap_ms: float = 15_000) -> None:
        self._random = random_source
        self._first_ms = first_ms
        self._cap_ms = cap_ms
        self._attempt = 0

    def next_ms(self, at_least: float = 0) -> float:
        """`at_least`: what the server advised, milliseconds."""
        ceiling: float = min(self._cap_ms, self._first_ms * 2 ** min(self._attempt, 30))
        self._attempt += 1
        return at_least + self._random.uniform(0, ceiling)

    def reset(self) -> None:
        self._attempt = 0
