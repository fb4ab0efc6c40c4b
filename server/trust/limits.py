"""How often: token buckets and counts. Pure; `now` is milliseconds on any clock that does not jump."""

from __future__ import annotations

import math
from collections import OrderedDict


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


class Buckets:
    """A bucket per key (a user, an address). At most `keys` are kept; the one unused longest is
    forgotten first, which can only be lenient."""

    def __init__(self, per_second: float, burst: float | None = None, *, keys: int = 100_000) -> None:
        self._per_second = per_second
        self._burst = burst
        self._keys = keys
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float, units: float = 1.0) -> int:
        """As `Bucket.take`."""
        if self._per_second <= 0:
            return 0
        return self._bucket(key).take(now, units)

    def take_up_to(self, key: str, now: float, units: int) -> int:
        """As `Bucket.take_up_to`."""
        if self._per_second <= 0:
            return units
        return self._bucket(key).take_up_to(now, units)

    def _bucket(self, key: str) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._per_second, self._burst)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket


class Concurrent:
    """How many at once per key, e.g. connections of an address. A limit of 0: no limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}

    def count(self, key: str) -> int:
        return self._counts.get(key, 0)

    def enter(self, key: str) -> bool:
        """Whether one more is admitted; each True is paid back with one `leave`."""
        count = self._counts.get(key, 0)
        if 0 < self._limit <= count:
            return False
        self._counts[key] = count + 1
        return True

    def leave(self, key: str) -> None:
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]
