"""Buyers: each knows in advance when it will order, and orders then, whatever came of the orders before.

Waiting is counted from the moment an order was meant for: a generator or a connection that is late
makes the figures worse, not better.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass

from msgspec import structs

from client_sim.clock import now_ms
from client_sim.notices import Joined, Moved, Notice, OrderSettled, Reloaded, Reply
from client_sim.orders import TooManyPending
from loadtest.agenda import poisson, within
from loadtest.host import SKU
from loadtest.people import Person
from loadtest.scenarios import SCENARIOS, shares
from schemas.codes import ErrorCode, OrderStatus, SalePhase
from schemas.commands import OrderPay, OrderPlace
from schemas.events import OrderAccepted, SaleScheduled
from schemas.models import Sale

EARLY_RETRY_MS = 10.0
EARLY_RETRIES = 20
KEPT_SALES = 256

OUTCOMES: dict[ErrorCode | None, str] = {
    None: "order accepted",
    ErrorCode.SOLD_OUT: "order sold_out",
    ErrorCode.LIMIT_EXCEEDED: "order limit",
    ErrorCode.NOT_OPEN: "order closed",
    ErrorCode.SALE_ENDED: "order closed",
    ErrorCode.PAYMENT_FAILED: "order payment_failed",
    ErrorCode.RATE_LIMITED: "order rate_limited",
}
"""Answers a buyer may expect; everything else is a failure."""
UNPAID = (ErrorCode.PAYMENT_FAILED, ErrorCode.RATE_LIMITED, ErrorCode.SOLD_OUT, ErrorCode.SALE_ENDED)
"""Why an accepted order may stay unpaid."""


@dataclass(slots=True)
class Tap:
    """A finger on the button, meant for `meant_ms` on this machine's clock."""

    meant_ms: float
    tries: int = 0
    follows: str | None = None
    """The order whose request is sent again."""


class BuyerUser(Person):
    """Orders at the zero of each sale, and from the shelf at its share of `--order-rate`."""

    weight = 3

    def on_start(self) -> None:
        self._taps: dict[str, Tap] = {}
        self._paying: dict[int, float] = {}
        self._sales: dict[str, None] = {}
        super().on_start()

    def begin(self) -> None:
        scenario = SCENARIOS[self.options.scenario]
        people = shares(self.options.people, scenario.buyers, 1 + self.options.swarms)
        rate = self.options.order_rate / max(people["buyers"], 1)
        self._moments = poisson(now_ms(), rate, random.Random())
        self._next()

    def heard(self, notice: Notice) -> None:
        match notice:
            case Joined() | Reloaded():
                for sale in self.client.session.replica.running_sales():
                    self._watch(sale)
            case Moved(event=SaleScheduled(sale=sale)):
                self._watch(sale)
            case OrderSettled():
                self._settled(notice)
            case Reply(command=OrderPay()):
                self._paid(notice)
            case _:
                pass

    # ---- when --------------------------------------------------------------------------------

    def _next(self) -> None:
        moment = next(self._moments, None)
        if moment is not None:
            self.course.at(moment, self._from_shelf)

    def _from_shelf(self, meant_ms: float) -> None:
        if self.over:
            return
        self._next()
        if SKU in self.client.session.replica.products:
            self._tap(
                OrderPlace(request_id=uuid.uuid4().hex, sku=SKU, pay=self.options.pay == "tap"), Tap(meant_ms)
            )

    def _watch(self, sale: Sale) -> None:
        if sale.sale in self._sales or sale.phase is SalePhase.SOLD_OUT:
            return
        self._sales[sale.sale] = None
        if len(self._sales) > KEPT_SALES:
            del self._sales[next(iter(self._sales))]
        start = sale.starts_at if sale.phase is SalePhase.SCHEDULED else self.client.server_now()
        self._await_zero(sale.sale, within(start, self.options.spread_ms, random.Random()))

    def _await_zero(self, sale: str, server_ms: float) -> None:
        def zero(meant_ms: float) -> None:
            if self.over:
                return
            # The clock was set right meanwhile: the finger is still on its way.
            if self.client.session.clock.to_local(server_ms) > meant_ms + 1.0:
                self._await_zero(sale, server_ms)
            else:
                self._tap(self._request(sale, self._quantity()), Tap(meant_ms))

        self.course.at(self.client.session.clock.to_local(server_ms), zero)

    def _quantity(self) -> int:
        return random.choice((1, 1, 1, 2)) if self.options.per_user_limit > 1 else 1

    def _request(self, sale: str, quantity: int) -> OrderPlace:
        return OrderPlace(
            request_id=uuid.uuid4().hex, sale=sale, quantity=quantity, pay=self.options.pay == "tap"
        )

    # ---- ordering ----------------------------------------------------------------------------

    def _tap(self, request: OrderPlace, tap: Tap) -> None:
        now, measured = now_ms(), self.course.measured
        if not tap.tries and tap.follows is None:
            measured.count("offered", now)
            self.course.late(tap.meant_ms)
        try:
            self.client.place(request)
        except TooManyPending as error:
            self.fail("ORDER", "order", now - tap.meant_ms, str(error))
        else:
            self._taps[request.request_id] = tap

    def _settled(self, outcome: OrderSettled) -> None:
        request = outcome.request
        tap = self._taps.pop(request.request_id, None)
        if tap is None:
            return
        waited_ms = now_ms() - tap.meant_ms
        if tap.follows is not None:
            self._repeated(outcome, tap.follows, waited_ms)
        elif outcome.code is ErrorCode.NOT_OPEN and tap.tries < EARLY_RETRIES:
            # A few milliseconds early: the window is decided by the store's clock.
            self.course.measured.count("early", now_ms())
            tap.tries += 1
            again = self._request(request.sale or "", request.quantity)
            self.course.at(now_ms() + EARLY_RETRY_MS, lambda _: None if self.over else self._tap(again, tap))
        else:
            self._answered(outcome, waited_ms)

    def _answered(self, outcome: OrderSettled, waited_ms: float) -> None:
        name = OUTCOMES.get(outcome.code)
        if name is None and outcome.code is not None:
            self.fail("ORDER", "order", waited_ms, f"{outcome.code.value}: {outcome.message}")
            return
        order = outcome.order
        if outcome.code is not None or order is None:
            self.record("ORDER", name or "order", waited_ms)
            self.course.measured.count(f"refused {outcome.code.value if outcome.code else ''}", now_ms())
            return
        self.course.measured.count("accepted", now_ms())
        if order.status is OrderStatus.PAID:
            # One reply for both: how long the hold alone took nobody can see.
            self.record("ORDER", "order accepted and paid", waited_ms)
            self._was_paid(waited_ms)
        else:
            self.record("ORDER", "order accepted", waited_ms)
            self._pay(order.order, now_ms() - waited_ms)
        self._want_more(outcome)

    # ---- paying -----------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        return super().waiting or bool(self._paying)

    def _pay(self, order: str, meant_ms: float) -> None:
        if self.options.pay != "later":
            return
        name = self.client.send(OrderPay(order=order))
        if name is not None:
            self._paying[name] = meant_ms

    def _paid(self, reply: Reply) -> None:
        meant_ms = self._paying.pop(reply.id, None)
        if meant_ms is None:
            return
        waited_ms = now_ms() - meant_ms
        if isinstance(reply.event, OrderAccepted):
            self._was_paid(waited_ms)
        elif reply.event is None:
            self.record("PAY", "socket lost before the answer", waited_ms)
        elif reply.error is not None and reply.error.code in UNPAID:
            self.record("PAY", f"not paid: {reply.error.code.value}", waited_ms)
        elif reply.error is not None:
            self.fail("PAID", "pay", waited_ms, f"{reply.error.code.value}: {reply.error.message}")

    def _was_paid(self, waited_ms: float) -> None:
        self.course.measured.count("paid", now_ms())
        self.record("PAID", "tap->paid", waited_ms)

    # ---- again --------------------------------------------------------------------------------------

    def _want_more(self, outcome: OrderSettled) -> None:
        """Some send the same request twice, some want more than they got."""
        if self.over or outcome.order is None:
            return
        request = outcome.request
        if random.random() < self.options.duplicate_share:
            self._tap(structs.replace(request, id=0), Tap(now_ms(), follows=outcome.order.order))
        if request.sale is not None and random.random() < self.options.greedy_share:
            self._tap(self._request(request.sale, 2), Tap(now_ms()))

    def _repeated(self, outcome: OrderSettled, first: str, waited_ms: float) -> None:
        """The same request twice: the stored outcome comes back and nothing is reserved."""
        if outcome.code is ErrorCode.RATE_LIMITED:
            return
        if outcome.order is None or outcome.order.order != first:
            said = outcome.code.value if outcome.code else outcome.order
            self.fail("ORDER", "order duplicate", waited_ms, f"another answer: {said}")
        elif not outcome.replayed:
            self.fail("ORDER", "order duplicate", waited_ms, "replayed is false")
        else:
            self.record("ORDER", "order duplicate", waited_ms)
