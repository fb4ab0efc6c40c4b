"""What is to happen when, decided in advance: arrivals that do not wait for answers.

An open loop. A closed one (order, wait, order again) sends less exactly when the server is slow, and so
hides the waiting it should measure; here a slow answer delays nothing, and what is measured runs from
the moment an arrival was meant for, not from the moment it was sent.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from itertools import count

Call = Callable[[float], None]
"""Called with the moment it was meant for."""


class Agenda:
    """Calls by the moment they are meant for, milliseconds on any one clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Call]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, at_ms: float, call: Call) -> None:
        heapq.heappush(self._heap, (at_ms, next(self._order), call))

    def next_at(self) -> float:
        """When the next call is due; infinite when there is none."""
        return self._heap[0][0] if self._heap else float("inf")

    def due(self, now_ms: float) -> Iterator[tuple[float, Call]]:
        """Take what is due, earliest first."""
        while self._heap and self._heap[0][0] <= now_ms:
            at_ms, _, call = heapq.heappop(self._heap)
            yield at_ms, call

    def clear(self) -> None:
        self._heap.clear()


def poisson(after_ms: float, per_second: float, source: random.Random) -> Iterator[float]:
    """Moments after `after_ms`, at random, `per_second` of them on average; none at a rate of 0."""
    at_ms = after_ms
    while per_second > 0:
        at_ms += source.expovariate(per_second) * 1000
        yield at_ms


def within(start_ms: float, spread_ms: float, source: random.Random) -> float:
    """A moment at random in the `spread_ms` that follow `start_ms`."""
    return start_ms + source.uniform(0.0, max(spread_ms, 0.0))
