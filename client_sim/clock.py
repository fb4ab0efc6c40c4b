"""What time it is on the server, as a client can know it."""

from __future__ import annotations

import time
from collections import deque
from statistics import median

KEPT_SAMPLES = 15


class ServerClock:
    """The offset to the server's clock: the median of the last samples, each with its round trip halved.

    `server = local + offset`, both in milliseconds. The one-way error is at most half the round
    trip (RFC 5905 section 8), so only the faster half of the samples counts; the median keeps one
    odd reply from moving a countdown.
    """

    __slots__ = ("_samples", "offset")

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=KEPT_SAMPLES)
        self.offset = 0.0

    @property
    def samples(self) -> int:
        """How many pongs the offset stands on; 0 while only a welcome was heard."""
        return len(self._samples)

    def guess(self, sent: float, server: int, received: float) -> None:
        """A welcome's time: good until the first pong, since the server did more than answer."""
        if not self._samples:
            self.offset = server - (sent + received) / 2

    def sample(self, sent: float, server: int, received: float) -> None:
        """A pong: the local times its ping left and it came back, the server's time in between."""
        self._samples.append((received - sent, server - (sent + received) / 2))
        slowest = median(trip for trip, _ in self._samples)
        self.offset = median(offset for trip, offset in self._samples if trip <= slowest)

    def to_local(self, server: float) -> float:
        return server - self.offset

    def to_server(self, local: float) -> float:
        return local + self.offset


_ANCHOR = time.time() * 1000 - time.monotonic() * 1000


def now_ms() -> float:
    """Wall time in milliseconds that never jumps: the monotonic clock, anchored once per process."""
    return time.monotonic() * 1000 + _ANCHOR
