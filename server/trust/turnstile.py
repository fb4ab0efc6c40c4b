"""Who may come in now, and when the others should come back. Pure; `now` is milliseconds.

A thousand who were turned away together would all return together. So each is told a time of their
own: a place in a queue that moves at the rate at which people are let in. Nobody is remembered; the
queue is one number.
"""

from __future__ import annotations

import math

from server.trust.limits import Bucket

HORIZON_MS = 30_000
"""The farthest place in the queue. When all places up to it are taken they are given out once more."""


class Turnstile:
    """At most `per_second * t + burst` in any stretch of `t` seconds. A rate of 0: everybody.

    `burst` defaults to one second's worth.
    """

    __slots__ = ("_bucket", "_gap", "_horizon", "_next")

    def __init__(
        self, per_second: float, burst: float | None = None, *, horizon_ms: float = HORIZON_MS
    ) -> None:
        self._bucket = Bucket(per_second, burst)
        self._gap = 1000 / per_second if per_second > 0 else 0.0
        self._horizon = horizon_ms
        self._next = 0.0

    def statistics(self, now: float) -> dict[str, float]:
        """How far the queue reaches, ms, beside its bound."""
        return {"queue_ms": max(0.0, self._next - now), "bound": self._horizon}

    def enter(self, now: float) -> int:
        """0: come in. Otherwise after how many ms to come back (at least 1).

        The places of those turned away are `1 / per_second` apart, also from each other; who comes
        back is let in like everybody else, or gets another place.
        """
        wait = self._bucket.take(now)
        if not wait:
            return 0
        soonest = now + wait
        place = max(self._next, soonest)
        if place > now + self._horizon:
            place = soonest
        self._next = place + self._gap
        return math.ceil(place - now)
