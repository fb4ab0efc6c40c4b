"""When to start again what died. Pure: seconds of any clock that does not jump come in."""

from __future__ import annotations


class Backoff:
    """At once the first time, then `first`, doubling up to `ceiling`; a life of `healthy` seconds
    makes it the first time again."""

    def __init__(self, first: float = 0.1, ceiling: float = 4.0, healthy: float = 10.0) -> None:
        self._first = first
        self._ceiling = ceiling
        self._healthy = healthy
        self._deaths = 0

    def died(self, born: float, now: float) -> float:
        """Seconds to wait before the next start."""
        if now - born >= self._healthy:
            self._deaths = 0
        self._deaths += 1
        if self._deaths == 1:
            return 0.0
        return min(self._ceiling, self._first * 2.0 ** min(self._deaths - 2, 30))
