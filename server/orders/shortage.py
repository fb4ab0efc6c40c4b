"""What the store refused a moment ago, so that it need not be asked again. Sans-I/O.

Times are milliseconds of a clock that does not jump; `asked` is when the store's answer was asked for,
so what it says was true at `asked` or later.

A refusal is repeated for `window` ms. Then one order goes through as a probe, and the others are refused
on for another `window` at most: a unit that came back is sold within two windows, whatever got lost. News
of units (a stock message, an order that was held) ends it at once; an answer that was asked for before
such news is not remembered.

The start of a sale is told by the store's clock: `opens_at - now`, both in the answer, and the time since
`asked`, which can only be too long. So no clock of this process comes into it, and nobody is refused after
the start.
"""

from __future__ import annotations

from msgspec import Struct

from schemas.codes import ErrorCode

CLOCK_MARGIN_MS = 20
"""How far two clocks may drift apart in two windows, and then some."""
POOLS = 4_096
"""Pools remembered; with one more all are forgotten, which costs some questions and nothing else."""


class Shortage(Struct, gc=False):
    """One pool's last refusal. `opens_in` is None where units were short."""

    asked: float
    available: int
    opens_in: float | None
    probed: bool = False


class Refusal(Struct, frozen=True, gc=False):
    """What an order is told without asking."""

    code: ErrorCode
    retry_after_ms: int | None = None


SOLD_OUT = Refusal(ErrorCode.SOLD_OUT)


class Shortages:
    """Refusals by pool. A `window` of 0: none is remembered."""

    def __init__(self, window: int, pools: int = POOLS) -> None:
        self._window = window
        self._bound = pools
        self._known: dict[str, Shortage] = {}
        self._news: dict[str, tuple[int, float]] = {}
        self._forgot = float("-inf")

    def __len__(self) -> int:
        return len(self._known)

    def sold_out(self, pool: str, available: int, asked: float, now: float) -> None:
        """The store refused an order: `available` units are left."""
        self._remember(pool, Shortage(asked, available, None), now)

    def not_open(self, pool: str, opens_in: float, asked: float, now: float) -> None:
        """The store refused an order: by its clock the sale opens in so long."""
        self._remember(pool, Shortage(asked, 0, opens_in), now)

    def _remember(self, pool: str, shortage: Shortage, now: float) -> None:
        if not self._window or shortage.asked <= self._forgot:
            return
        units, heard = self._news.get(pool, (0, shortage.asked))
        if heard >= shortage.asked and units > shortage.available:
            return
        known = self._known.get(pool)
        if known is not None and known.asked > shortage.asked:
            return  # of two calls under way the later one says more
        self._known[pool] = shortage
        self._bounded(now)

    def news(self, pool: str, available: int, now: float) -> None:
        """So many units are, or were a moment ago, for sale."""
        if not self._window:
            return
        self._news[pool] = (available, now)
        known = self._known.get(pool)
        if known is not None and available > known.available:
            del self._known[pool]
        self._bounded(now)

    def _bounded(self, now: float) -> None:
        if max(len(self._known), len(self._news)) > self._bound:
            self._known.clear()
            self._news.clear()
            self._forgot = now

    def refusal(self, pool: str, quantity: int, now: float) -> Refusal | None:
        """What the store would say; None: it has to be asked."""
        known = self._known.get(pool)
        if known is None:
            return None
        age = now - known.asked
        if age >= 2 * self._window:
            del self._known[pool]
            return None
        if known.opens_in is None:
            if quantity <= known.available:
                return None
            refusal = SOLD_OUT
        else:
            left = known.opens_in - age
            if left <= CLOCK_MARGIN_MS:
                return None
            refusal = Refusal(ErrorCode.NOT_OPEN, int(left) + 1)
        if age >= self._window and not known.probed:
            known.probed = True
            return None
        return refusal
