"""The users of the load test: who they are, what they do, which requests they report."""

from __future__ import annotations

import random
import uuid
from urllib.parse import quote

import gevent
from locust import User, constant, task

from client_sim.api import wait_for
from client_sim.clock import now_ms
from client_sim.notices import Joined, Moved, Notice, OrderSettled, Reloaded, Talk, Violation
from client_sim.phrases import PHRASES
from loadtest.course import course_of
from loadtest.options import Options, address_of, encoding_of, tokens_of
from loadtest.room_client import RoomClient
from schemas.codes import ErrorCode, Role, SalePhase
from schemas.commands import DanmakuSend, Like, OrderPlace
from schemas.events import SaleScheduled, SaleStarted
from schemas.models import Sale

USER_PREFIX = "load-"
JOIN_TIMEOUT_S = 30.0
ROOM_TIMEOUT_S = 30.0
ORDER_TIMEOUT_S = 15.0
REPORT_EVERY_MS = 500.0
"""One delivery in this time goes into Locust's own statistics per user; all go into the histogram."""

OUTCOMES: dict[ErrorCode | None, str] = {
    None: "order accepted",
    ErrorCode.SOLD_OUT: "order sold_out",
    ErrorCode.LIMIT_EXCEEDED: "order limit",
    ErrorCode.NOT_OPEN: "order closed",
    ErrorCode.SALE_ENDED: "order closed",
    ErrorCode.PAYMENT_FAILED: "order payment_failed",
}
"""Answers a buyer may expect; everything else is `order error`, a failure."""


class Person(User):
    """A user with a socket in the room."""

    abstract = True
    role = Role.VIEWER
    control = False

    def on_start(self) -> None:
        self.course = course_of(self.environment)
        self.options: Options = self.environment.parsed_options
        self.user_id = f"{USER_PREFIX}{self.role.value}-{uuid.uuid4().hex[:12]}"
        self._reported_at = 0.0
        self._in_room = False
        address = address_of(self.options)
        room = self.options.room
        token = tokens_of(self.options).token(self.user_id, self.role, room)
        self.prepare(token)
        uri = address.control(room) if self.control else address.live(room)
        self.client = RoomClient(uri, token, encoding_of(self.options), self._told, self._timed)
        self.course.enter(self)
        self.client.start()
        if not self.client.wait_live(JOIN_TIMEOUT_S):
            self._timed("hello", JOIN_TIMEOUT_S * 1000, TimeoutError("not in the room in time"))

    def prepare(self, token: str) -> None:
        """What has to be done before this person can enter the room: here, that somebody makes it."""
        room = quote(self.options.room, safe="")
        wait_for(address_of(self.options), f"/api/v1/rooms/{room}", token, ROOM_TIMEOUT_S)

    def on_stop(self) -> None:
        if not hasattr(self, "client"):
            return
        for request in self.client.session.book.pending.values():
            self.course.told.gave_up(self.user_id, request.request_id, request.quantity)
        self.course.leave(self)
        self.client.stop()

    def fire(self, kind: str, name: str, after_ms: float, error: Exception | None = None) -> None:
        """One request for Locust's statistics."""
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=after_ms,
            response_length=0,
            exception=error,
            context={"user": self.user_id},
        )

    def heard(self, notice: Notice) -> None:
        """A notice of the session; more people listen to more."""

    def _timed(self, name: str, after_ms: float, error: Exception | None) -> None:
        self.fire("WS", name, after_ms, error)

    def _told(self, notices: list[Notice]) -> None:
        told = self.course.told
        for notice in notices:
            match notice:
                case Talk(messages=messages) if messages:
                    self._delivered([message.at for message in messages])
                case Joined() | Reloaded():
                    for sale in self.client.session.replica.running_sales():
                        self._saw(sale)
                case Moved(event=SaleScheduled(sale=sale)):
                    self._saw(sale)
                case Moved(event=SaleStarted(sale=name)):
                    self._zero(name)
                case Violation():
                    told.violated(self.user_id, notice)
                    self.fire("WS", f"violation {notice.fault.value}", 0.0, RuntimeError(notice.detail))
                case OrderSettled():
                    told.settled(self.user_id, notice)
                case _:
                    pass
            self.heard(notice)

    def _saw(self, sale: Sale) -> None:
        if sale.phase is SalePhase.SCHEDULED:
            self.course.told.saw_sale(sale)

    def _zero(self, name: str) -> None:
        sale = self.client.session.replica.sales.get(name)
        if sale is not None and self.client.session.clock.samples:
            self.course.told.saw_zero(name, self.client.session.clock.to_local(sale.starts_at))

    def _delivered(self, published: list[int]) -> None:
        now = now_ms()
        server_now = self.client.session.clock.to_server(now)
        self.course.told.delivery_ms.extend(server_now - at for at in published)
        if now - self._reported_at >= REPORT_EVERY_MS:
            self._reported_at = now
            self.fire("DELIVERY", "publish->receive", max(0.0, server_now - min(published)))


class ViewerUser(Person):
    """Watches, and says something now and then."""

    weight = 6

    def wait_time(self) -> float:
        return random.expovariate(1 / max(self.options.danmaku_every, 0.1))

    @task(4)
    def talk(self) -> None:
        reply = self.client.ask(DanmakuSend(text=random.choice(PHRASES)), timeout=10)
        if reply is None:
            return
        error = reply.error
        failure = None
        if error is not None and error.code is not ErrorCode.RATE_LIMITED:
            failure = RuntimeError(f"{error.code.value}: {error.message}")
        name = "danmaku rate_limited" if error is not None and failure is None else "danmaku"
        self.fire("WS", name, reply.after_ms, failure)

    @task(1)
    def like(self) -> None:
        self.client.send(Like(count=random.randint(1, 10)))


class BuyerUser(Person):
    """Waits for the zero of each sale on its own countdown and orders."""

    weight = 3
    wait_time = constant(0.05)

    def on_start(self) -> None:
        self._sales: list[Sale] = []
        self._bought: set[str] = set()
        super().on_start()

    def heard(self, notice: Notice) -> None:
        match notice:
            case Joined() | Reloaded():
                for sale in self.client.session.replica.running_sales():
                    self._watch(sale)
            case Moved(event=SaleScheduled(sale=sale)):
                self._watch(sale)
            case _:
                pass

    def _watch(self, sale: Sale) -> None:
        if sale.sale not in self._bought:
            self._bought.add(sale.sale)
            self._sales.append(sale)

    @task
    def buy(self) -> None:
        if not self._sales:
            return
        sale = self._sales.pop(0)
        while (left_ms := sale.starts_at - self.client.server_now()) > 0.5:
            gevent.sleep(min(left_ms / 1000, 0.5))
        if self.course.closing.is_set():
            return
        request = self._request(sale, random.choice((1, 1, 1, 2)))
        outcome = self._order(request)
        if outcome is None:
            return
        if outcome.code is ErrorCode.NOT_OPEN:
            # A few milliseconds early: the window is decided by the store's clock.
            self._sales.append(sale)
        elif outcome.code is None:
            if random.random() < self.options.duplicate_share:
                self._again(request, outcome)
            if random.random() < self.options.greedy_share and not self.course.closing.is_set():
                self._order(self._request(sale, 2))

    def _request(self, sale: Sale, quantity: int) -> OrderPlace:
        return OrderPlace(
            request_id=uuid.uuid4().hex, sale=sale.sale, quantity=quantity, pay=self.options.pay
        )

    def _order(self, request: OrderPlace) -> OrderSettled | None:
        outcome = self.client.order(request, ORDER_TIMEOUT_S)
        if outcome is None:
            self.fire("ORDER", "order error", ORDER_TIMEOUT_S * 1000, TimeoutError("no answer"))
            return None
        name = OUTCOMES.get(outcome.code)
        failure = None
        if name is None and outcome.code is not None:
            failure = RuntimeError(f"{outcome.code.value}: {outcome.message}")
        self.fire("ORDER", name or "order error", outcome.after_ms, failure)
        return outcome

    def _again(self, request: OrderPlace, first: OrderSettled) -> None:
        """The same request twice: the stored outcome comes back and nothing is reserved."""
        if self.course.closing.is_set():
            return
        repeat = OrderPlace(
            request_id=request.request_id, sale=request.sale, quantity=request.quantity, pay=request.pay
        )
        second = self.client.order(repeat, ORDER_TIMEOUT_S)
        failure = None
        if second is None:
            failure = "no answer"
        elif second.code is ErrorCode.RATE_LIMITED:
            return
        elif second.order is None or first.order is None or second.order.order != first.order.order:
            failure = f"another answer: {second.code.value if second.code else second.order}"
        elif not second.replayed:
            failure = "replayed is false"
        after_ms = second.after_ms if second is not None else ORDER_TIMEOUT_S * 1000
        self.fire("ORDER", "order duplicate", after_ms, RuntimeError(failure) if failure else None)
