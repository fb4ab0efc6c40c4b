"""How well a load generator keeps up with itself: how late its loop wakes, how much CPU it used."""

from __future__ import annotations

import time
from collections import Counter

from client_sim.histogram import bucket_of

BEAT_S = 0.1
"""Seconds between two looks at the loop."""


class Pulse:
    """One process's pulse. The caller sleeps `BEAT_S`, then says what time it is; no clock is read here."""

    def __init__(self, now_s: float, cpu_s: float) -> None:
        self._expected = now_s + BEAT_S
        self._since = (now_s, cpu_s)
        self._lag: Counter[int] = Counter()

    def beat(self, now_s: float) -> None:
        """The loop woke at `now_s`: how much later than it wanted to?"""
        self._lag[bucket_of(max(0.0, now_s - self._expected) * 1000)] += 1
        self._expected = now_s + BEAT_S

    def take(self, now_s: float, cpu_s: float) -> tuple[Counter[int], float]:
        """Lags since the last `take` by bucket, and the share of one CPU this process used."""
        lag, self._lag = self._lag, Counter()
        began, spent = self._since
        self._since = (now_s, cpu_s)
        return lag, (cpu_s - spent) / max(now_s - began, 1e-9)


def cpu_seconds() -> float:
    """CPU time this process has used, all threads."""
    return time.process_time()
