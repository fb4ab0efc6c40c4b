"""Counting where it happens tens of thousands of times a second.

A labelled Prometheus counter costs a few microseconds a time, more with several processes. A tally
keeps plain integers and hands them on when it is flushed, about once a second.
"""

from __future__ import annotations

from collections import defaultdict

from prometheus_client import Counter


class Tally:
    """Counts by one label, bounded by the label's vocabulary; a counter without labels takes none."""

    _all: list[Tally] = []  # noqa: RUF012 - a registry, like the one of the counters themselves

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._counts: defaultdict[str, int] = defaultdict(int)
        Tally._all.append(self)

    def add(self, label: str = "", count: int = 1) -> None:
        self._counts[label] += count

    def flush(self) -> None:
        """Hand what was counted since the last flush to the counter."""
        counts, self._counts = self._counts, defaultdict(int)
        for label, count in counts.items():
            (self._counter.labels(label) if label else self._counter).inc(count)


def flush_all() -> None:
    """Every tally of this process."""
    for tally in Tally._all:
        tally.flush()
