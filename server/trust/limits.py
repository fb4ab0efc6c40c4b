"""How often: token buckets. Pure; `now` is milliseconds on any clock that does not jump."""

from __future__ import annotations

import math


class Bucket:
    """At most `per_second * t + burst` units in any stretch of `t` seconds. A rate of 0: no limit.

    `burst` defaults to one second's worth, at least one unit. It starts full.
    """

    __slots__ = ("_burst", "_level", "_rate", "_then")

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self._rate = per_second / 1000
        self._burst = max(1.0, per_second) if burst is None else burst
        self._level = self._burst
        self._then: float | None = None

    def _refill(self, now: float) -> None:
        if self._then is None or now > self._then:
            if self._then is not None:
                self._level = min(self._burst, self._level + (now - self._then) * self._rate)
            self._then = now

    def take(self, now: float, units: float = 1.0) -> int:
        """0: taken. Otherwise nothing was, and the answer is after how many ms it may be (at least 1).

        More units than the burst are never had at once: it is as if that many were asked.
        """
        if self._rate <= 0:
            return 0
        self._refill(now)
        units = min(units, self._burst)
        if self._level >= units:
            self._level -= units
            return 0
        return max(1, math.ceil((units - self._level) / self._rate))

    def take_up_to(self, now: float, units: int) -> int:
        """How many of `units` were taken, whole ones: what is over the limit is left out."""
        if self._rate <= 0:
            return units
        self._refill(now)
        taken = min(units, int(self._level))
        self._level -= taken
        return taken
