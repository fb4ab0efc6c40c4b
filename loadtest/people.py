"""The users of the load test who talk: who they are, how they come, what they report."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from urllib.parse import quote

import gevent
from locust import User, task

from client_sim.api import wait_for
from client_sim.clock import now_ms
from client_sim.notices import Fault, Joined, Lost, Moved, Notice, OrderSettled, Reloaded, Reply, Violation
from client_sim.phrases import PHRASES
from loadtest.agenda import poisson
from loadtest.course import course_of
from loadtest.options import USER_PREFIX, Options, address_of, encoding_of, tokens_of
from loadtest.room_client import RoomClient
from schemas.codes import ErrorCode, Role, SalePhase
from schemas.commands import DanmakuSend, Like
from schemas.events import SaleScheduled, SaleStarted
from schemas.models import Sale

JOIN_TIMEOUT_S = 30.0
ROOM_TIMEOUT_S = 30.0


class Person(User):
    """A user with a socket in the room. What happens when is the course's agenda, not the task's."""

    abstract = True
    role = Role.VIEWER
    control = False

    def on_start(self) -> None:
        self.course = course_of(self.environment)
        self.options: Options = self.environment.parsed_options
        self.user_id = f"{USER_PREFIX}{self.role.value}-{uuid.uuid4().hex[:12]}"
        self.gone = False
        self._lost_at: float | None = None
        address = address_of(self.options)
        room = self.options.room
        token = tokens_of(self.options).token(self.user_id, self.role, room)
        self.prepare(token)
        uri = address.control(room) if self.control else address.live(room)
        self.client = RoomClient(
            uri, token, encoding_of(self.options), self._told, self._timed, self.course.decode
        )
        self.course.people.add(self)
        self.client.start()
        if self.client.wait_live(JOIN_TIMEOUT_S):
            self.begin()
        else:
            self.fail("WELCOME", "hello->welcome", JOIN_TIMEOUT_S * 1000, "not in the room in time")

    def prepare(self, token: str) -> None:
        """What has to be done before this person can enter the room: here, that somebody makes it."""
        room = quote(self.options.room, safe="")
        wait_for(address_of(self.options), f"/api/v1/rooms/{room}", token, ROOM_TIMEOUT_S)

    def begin(self) -> None:
        """In the room for the first time: put on the agenda what this person is going to do."""

    @task
    def stay(self) -> None:
        """The only task there is: Locust picks at random among a class's own and its bases'."""
        self.turn()

    def turn(self) -> None:
        """What this person does next, again and again. Most do what is on the agenda."""
        gevent.sleep(1)

    def on_stop(self) -> None:
        self.gone = True
        if not hasattr(self, "client"):
            return
        for request in self.client.session.book.pending.values():
            self.course.told.gave_up(self.user_id, request.request_id, request.quantity)
        self.course.people.discard(self)
        self.client.stop()

    @property
    def over(self) -> bool:
        """This person does nothing any more."""
        return self.gone or self.course.closing.is_set()

    @property
    def waiting(self) -> bool:
        """Something this person asked for has no answer yet."""
        return bool(self.client.session.book.pending)

    def record(self, kind: str, name: str, after_ms: float) -> None:
        """A request that went as it may."""
        self.course.measured.record(kind, name, after_ms, now_ms())

    def fail(self, kind: str, name: str, after_ms: float, error: str) -> None:
        """A request that went wrong: Locust shows it among its failures."""
        self.course.measured.failed(kind, name, error, now_ms())
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=after_ms,
            response_length=0,
            exception=RuntimeError(error),
            context={"user": self.user_id},
        )

    def heard(self, notice: Notice) -> None:
        """A notice of the session; more people listen to more."""

    def _timed(self, after_ms: float, error: Exception | None) -> None:
        if error is None:
            self.record("CONNECT", "connect", after_ms)
        else:
            self.fail("CONNECT", "connect", after_ms, f"{type(error).__name__}: {error}")

    def _told(self, notices: list[Notice]) -> None:
        for notice in notices:
            match notice:
                case Joined():
                    self._joined(notice)
                    self._see_sales()
                case Reloaded():
                    self._see_sales()
                case Lost(code=code):
                    self._lost_at = now_ms() if self._lost_at is None else self._lost_at
                    if notice.retry_at is None:
                        self.fail("CONNECT", "closed for good", 0.0, f"{code} {notice.reason}")
                case Moved(event=SaleScheduled(sale=sale)):
                    self._saw(sale)
                case Moved(event=SaleStarted(sale=name)):
                    self._zero(name)
                case Violation():
                    self._violated(notice)
                case OrderSettled():
                    self.course.told.settled(self.user_id, notice)
                case _:
                    pass
            self.heard(notice)

    def _joined(self, joined: Joined) -> None:
        outcome = "fresh" if joined.first else "recovered" if joined.welcome.recovered else "snapshot"
        self.record("WELCOME", f"hello->welcome {outcome}", joined.after_ms)
        if self._lost_at is not None and not joined.first:
            self.record("RESUME", f"resume {outcome}", now_ms() - self._lost_at)
        self._lost_at = None

    def _violated(self, violation: Violation) -> None:
        self.course.told.violated(self.user_id, violation)
        kind = "RESUME" if violation.fault is Fault.PARTIAL_RECOVERY else "ROOM"
        self.fail(kind, f"violation {violation.fault.value}", 0.0, violation.detail)

    def _see_sales(self) -> None:
        for sale in self.client.session.replica.running_sales():
            self._saw(sale)

    def _saw(self, sale: Sale) -> None:
        if sale.phase is SalePhase.SCHEDULED:
            self.course.told.saw_sale(sale)

    def _zero(self, name: str) -> None:
        sale = self.client.session.replica.sales.get(name)
        if sale is not None and self.client.session.clock.samples:
            machine = self.course.process.rpartition("/")[0]
            self.course.told.saw_zero(name, machine, self.client.session.clock.to_local(sale.starts_at))


class ViewerUser(Person):
    """Watches, and says something now and then; sends a like with every fourth line."""

    weight = 6

    def begin(self) -> None:
        self._spoken: dict[int, float] = {}
        self._turns = 0
        self._moments = poisson(now_ms(), 1 / max(self.options.danmaku_every, 0.01), random.Random())
        self._next(self._moments)

    def _next(self, moments: Iterator[float]) -> None:
        self.course.at(next(moments), self._talk)

    def _talk(self, meant_ms: float) -> None:
        if self.over:
            return
        self._next(self._moments)
        self.course.late(meant_ms)
        name = self.client.send(DanmakuSend(text=random.choice(PHRASES)))
        if name is None:
            self.course.measured.count("danmaku while away", now_ms())
            return
        self._spoken[name] = meant_ms
        self._turns += 1
        if self._turns % 4 == 0:
            self.client.send(Like(count=random.randint(1, 10)))

    def heard(self, notice: Notice) -> None:
        match notice:
            case Reply(id=name, command=DanmakuSend(), error=error) if name in self._spoken:
                after_ms = now_ms() - self._spoken.pop(name)
                if error is None:
                    self.record("DANMAKU", "danmaku accepted", after_ms)
                elif error.code in (ErrorCode.RATE_LIMITED, ErrorCode.BLOCKED_WORDS):
                    self.record("DANMAKU", f"danmaku {error.code.value}", after_ms)
                else:
                    self.fail("DANMAKU", "danmaku", after_ms, f"{error.code.value}: {error.message}")
            case _:
                pass
