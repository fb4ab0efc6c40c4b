"""What a simulated buyer does: waits for the zero of a sale on its own countdown, then orders."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable

from client_sim.notices import Joined, Moved, Notice, OrderSettled, Reloaded
from client_sim.viewer import Viewer
from schemas.codes import ErrorCode, SalePhase
from schemas.commands import OrderPlace
from schemas.events import SaleScheduled, SaleStarted
from schemas.models import Sale

EARLY_RETRIES = 10
EARLY_RETRY_MS = 10
LIMITED_RETRIES = 5
KEPT_SALES = 1_024


class Buyer:
    """Buys `orders` times in every sale it sees (or in `sale` alone), one after the other."""

    def __init__(
        self,
        viewer: Viewer,
        settled: Callable[[OrderSettled], None],
        random_source: random.Random,
        *,
        orders: int = 1,
        sale: str | None = None,
        pay: bool = False,
        think_ms: float = 0.0,
    ) -> None:
        self._viewer = viewer
        self._settled = settled
        self._random = random_source
        self._orders = orders
        self._sale = sale
        self._pay = pay
        self._think_ms = think_ms
        self._seen: dict[str, int] = {}
        self._retries: dict[str, int] = {}
        self._stopped = False
        self.waiting = 0
        """Orders without an outcome."""

    def stop(self) -> None:
        """Order nothing more; what is placed still settles."""
        self._stopped = True

    def told(self, notice: Notice) -> None:
        match notice:
            case Joined() | Reloaded():
                for sale in self._viewer.session.replica.running_sales():
                    self._watch(sale)
            case Moved(event=SaleScheduled(sale=sale)):
                self._watch(sale)
            case Moved(event=SaleStarted(sale=name)):
                known = self._viewer.session.replica.sales.get(name)
                if known is not None:
                    self._watch(known)
            case OrderSettled():
                self._outcome(notice)
            case _:
                pass

    def _watch(self, sale: Sale) -> None:
        if sale.sale in self._seen or (self._sale is not None and sale.sale != self._sale):
            return
        if len(self._seen) >= KEPT_SALES:
            del self._seen[next(iter(self._seen))]
        self._seen[sale.sale] = self._orders
        think_ms = self._random.uniform(0, self._think_ms)
        if sale.phase is SalePhase.SCHEDULED:
            self._wait(sale, think_ms)
        else:
            self._later(think_ms, sale.sale)

    def _wait(self, sale: Sale, think_ms: float) -> None:
        self._viewer.at_server_time(sale.starts_at + think_ms, lambda: self._zero(sale, think_ms))

    def _zero(self, sale: Sale, think_ms: float) -> None:
        """The countdown reached zero, unless the clock was set right meanwhile."""
        viewer = self._viewer
        if viewer.session.clock.to_server(viewer.now()) < sale.starts_at + think_ms - 0.5:
            self._wait(sale, think_ms)
        else:
            self._place(sale.sale)

    def _later(self, delay_ms: float, sale: str) -> None:
        asyncio.get_running_loop().call_later(delay_ms / 1000, lambda: self._place(sale))

    def _place(self, sale: str) -> None:
        if self._stopped or not self._seen.get(sale):
            return
        self._seen[sale] -= 1
        self.waiting += 1
        self._viewer.place(OrderPlace(request_id=uuid.uuid4().hex, sale=sale, pay=self._pay))

    def _outcome(self, settled: OrderSettled) -> None:
        self.waiting -= 1
        self._settled(settled)
        sale = settled.request.sale
        if sale is None or sale not in self._seen:
            return
        if settled.code is ErrorCode.NOT_OPEN and self._retry(sale, EARLY_RETRIES):
            self._later(settled.retry_after_ms or EARLY_RETRY_MS, sale)
        elif settled.code is ErrorCode.RATE_LIMITED and self._retry(sale, LIMITED_RETRIES):
            self._later(settled.retry_after_ms or 1_000, sale)
        elif settled.code in (ErrorCode.SOLD_OUT, ErrorCode.SALE_ENDED, ErrorCode.LIMIT_EXCEEDED):
            self._seen[sale] = 0
        elif self._seen[sale]:
            self._place(sale)

    def _retry(self, sale: str, at_most: int) -> bool:
        """Whether one more try is due; the order that was refused does not count."""
        tried = self._retries.get(sale, 0)
        if tried >= at_most:
            return False
        self._retries[sale] = tried + 1
        self._seen[sale] += 1
        return True
