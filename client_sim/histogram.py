"""A histogram with bounded relative error and constant memory (the idea of HdrHistogram).

Values are milliseconds. Buckets are linear inside each power of two, `1 / 2**PRECISION` of the
value wide, so a percentile is off by less than one percent; recording is one list increment.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

PRECISION = 7
_SUB = 1 << PRECISION
_UNIT = 0.01
"""Milliseconds per recorded unit: below `_UNIT * 2**PRECISION` values are exact to 0.01 ms."""
_LIMIT = (1 << 30) - 1
"""Units; about three hours. What is longer counts as this long."""


def bucket_of(value_ms: float) -> int:
    """The bucket a duration is counted in."""
    return _bucket(min(int(max(value_ms, 0.0) / _UNIT), _LIMIT))


def middle_of(bucket: int) -> float:
    """The duration a bucket stands for, milliseconds."""
    return _middle(bucket) * _UNIT


def _bucket(units: int) -> int:
    if units < _SUB:
        return units
    shift = units.bit_length() - PRECISION - 1
    return ((shift + 1) << PRECISION) + (units >> shift) - _SUB


def _middle(bucket: int) -> float:
    if bucket < _SUB:
        return float(bucket)
    shift = (bucket >> PRECISION) - 1
    low = ((bucket & (_SUB - 1)) + _SUB) << shift
    return low + ((1 << shift) - 1) / 2


_SIZE = _bucket(_LIMIT) + 1


class Histogram:
    """Counts of durations in milliseconds. Negative values count as zero."""

    __slots__ = ("_counts", "count", "highest", "lowest", "total")

    def __init__(self) -> None:
        self._counts = [0] * _SIZE
        self.count = 0
        self.total = 0.0
        self.lowest = math.inf
        self.highest = 0.0

    def record(self, value_ms: float, times: int = 1) -> None:
        """Count `value_ms`, `times` times."""
        value_ms = max(value_ms, 0.0)
        self._counts[_bucket(min(int(value_ms / _UNIT), _LIMIT))] += times
        self.count += times
        self.total += value_ms * times
        self.highest = max(self.highest, value_ms)
        self.lowest = min(self.lowest, value_ms)

    def extend(self, values_ms: Iterable[float]) -> None:
        for value in values_ms:
            self.record(value)

    def percentile(self, percent: float) -> float:
        """The value that `percent` of all recorded ones do not exceed (nearest rank); 0 when empty."""
        if not self.count:
            return 0.0
        rank = max(1, math.ceil(self.count * percent / 100))
        seen = 0
        for bucket, times in enumerate(self._counts):
            seen += times
            if seen >= rank:
                return min(max(_middle(bucket) * _UNIT, self.lowest), self.highest)
        return self.highest

    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def buckets(self) -> Counter[int]:
        """How often each bucket was counted, filled ones only."""
        return Counter({bucket: times for bucket, times in enumerate(self._counts) if times})

    def pour(self, buckets: Mapping[int, int]) -> None:
        """Add counts by bucket, each at the duration its bucket stands for."""
        for bucket, times in buckets.items():
            if times > 0:
                self.record(middle_of(bucket), times)

    def summary(self) -> dict[str, float]:
        """`count`, `mean`, `p50`, `p90`, `p99`, `p999`, `max`, in milliseconds."""
        return {
            "count": self.count,
            "mean": round(self.mean(), 3),
            "p50": round(self.percentile(50), 3),
            "p90": round(self.percentile(90), 3),
            "p99": round(self.percentile(99), 3),
            "p999": round(self.percentile(99.9), 3),
            "max": round(self.highest, 3),
        }

    def dump(self) -> dict[str, float]:
        """A small document that `load` adds to another histogram; only filled buckets travel."""
        document: dict[str, float] = {str(b): n for b, n in enumerate(self._counts) if n}
        if self.count:
            document |= {"total": self.total, "lowest": self.lowest, "highest": self.highest}
        return document

    def load(self, document: Mapping[str, float]) -> None:
        """Add what another histogram's `dump` said."""
        for key, times in document.items():
            if key.isdigit():
                self._counts[int(key)] += int(times)
                self.count += int(times)
        self.total += document.get("total", 0.0)
        self.lowest = min(self.lowest, document.get("lowest", math.inf))
        self.highest = max(self.highest, document.get("highest", 0.0))
