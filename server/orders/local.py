"""Orders that this process may refuse without asking the store: what it knows, and about whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from schemas.codes import ErrorCode
from server.orders.keys import KeyBook
from server.orders.metrics import LOCAL_ANSWERS, OUTCOME_TALLY
from server.orders.newcomers import Newcomers, Visit
from server.orders.outcomes import REFUSALS, Outcome, Result
from server.orders.shortage import Shortages
from server.settings import OrderSettings


def monotonic_ms() -> float:
    return time.monotonic() * 1000


class LocalAnswers:
    """`shortages` and `newcomers` beside this process's clock."""

    def __init__(
        self, book: KeyBook, settings: OrderSettings, clock: Callable[[], float] = monotonic_ms
    ) -> None:
        self.clock = clock
        self._window = settings.local_ms
        self.shortages = Shortages(settings.local_ms)
        # An order waits for its call, and the call for the store, each at most so long.
        self.newcomers = Newcomers(2 * settings.store_timeout_ms)
        self._book = book

    def answer(self, pool: str, user: str, quantity: int, visit: Visit, *, live: bool) -> Outcome | None:
        """The refusal that the store would give; None: ask it. That a room is not `live` it has from us."""
        if (live and not self.shortages) or not self._window:
            return None
        now = self.clock()
        if not visit.is_new(now):
            return None
        if not live:
            return _outcome(Result.NOT_LIVE, user)
        refusal = self.shortages.refusal(pool, quantity, now)
        if refusal is None:
            return None
        result = Result.SOLD_OUT if refusal.code is ErrorCode.SOLD_OUT else Result.NOT_OPEN
        return _outcome(result, user, refusal.retry_after_ms)

    def visit(self, room: str, user: str) -> Visit:
        """See `Newcomers.visit`."""
        return self.newcomers.visit(room, user, self.clock())

    def stock(self, room: str, stock: Mapping[str, int], buyers: Iterable[str]) -> None:
        """A stock message: what is for sale by sku or sale, and who has just bought."""
        keys = self._book.room(room)
        now = self.clock()
        for name, available in stock.items():
            self.shortages.news(keys.product_pool(name), available, now)
            self.shortages.news(keys.sale_pool(name), available, now)
        self.newcomers.bought(room, buyers)

    def doubt(self, room: str) -> None:
        """See `Newcomers.doubt`."""
        self.newcomers.doubt(room)


def _outcome(result: Result, user: str, retry_after_ms: int | None = None) -> Outcome:
    code, message = REFUSALS[result]
    LOCAL_ANSWERS.add(code.value)
    OUTCOME_TALLY.add(code.value)
    return Outcome(code, message, None, False, user, retry_after_ms)
