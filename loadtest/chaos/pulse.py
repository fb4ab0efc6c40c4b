"""How long buyers got no answer. Sans-I/O; times in local milliseconds."""

from __future__ import annotations


class Pulse:
    """`beat` at each answer. An outage is the time between two answers, whoever got them."""

    def __init__(self) -> None:
        self.answers = 0
        self.turned_away = 0
        """Refusals of a server that could not look."""
        self.outage_ms = 0.0
        self.outage_at = 0.0
        """When the longest one began."""
        self.wait_ms = 0.0
        """The longest wait of one buyer for the outcome of one order, reconnects and askings included."""
        self._last: float | None = None
        self._over = False

    def stop(self) -> None:
        """Nobody asks any more: silence is no outage from here on."""
        self._over = True

    def beat(self, now: float) -> None:
        """Somebody was answered."""
        self.answers += 1
        if self._last is not None and now - self._last > self.outage_ms and not self._over:
            self.outage_ms, self.outage_at = now - self._last, self._last
        self._last = now

    def away(self) -> None:
        """Somebody was told to come back: no answer."""
        self.turned_away += 1

    def waited(self, after_ms: float) -> None:
        """A buyer knows what became of an order, so long after sending it."""
        self.wait_ms = max(self.wait_ms, after_ms)
