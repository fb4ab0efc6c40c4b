"""The course of one load test in one process: who takes part, what they were told, how it ends.

At the end nobody orders any more, open orders are awaited, and everything comes together in the
process that judges: the local one, or the master, to which workers send what they hold.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from client_sim.agreement import countdown_skew
from client_sim.api import Api, ApiError
from client_sim.histogram import Histogram
from client_sim.tokens import DemoTokens, KeyTokens
from loadtest.audit import await_ledger, judge
from loadtest.options import Options, address_of, tokens_of
from loadtest.told import Told
from schemas.codes import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.people import Person

SETTLE_S = 12.0
"""How long open orders are awaited at the end, and half as long again for the workers' word."""
AUDITOR = "load-auditor"


class Course:
    """One process's part. `closing` is set when nobody may order any more."""

    def __init__(self) -> None:
        self.told = Told()
        self.closing = Event()
        self.verdict: list[str] | None = None
        self.heard_from: set[str] = set()
        self.silent: list[str] = []
        """Workers that never said what they were told."""
        self._people: set[Person] = set()

    def begin(self) -> None:
        """A new test: nothing was told yet."""
        self.told = Told()
        self.closing.clear()
        self.verdict = None
        self.heard_from.clear()
        self.silent = []

    def enter(self, person: Person) -> None:
        self._people.add(person)

    def leave(self, person: Person) -> None:
        self._people.discard(person)

    def settle(self) -> None:
        """Let nobody order any more and wait, bounded, until every order has its answer."""
        self.closing.set()
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until and any(person.client.session.book.pending for person in self._people):
            gevent.sleep(0.05)
        for person in self._people:
            for request in person.client.session.book.pending.values():
                self.told.gave_up(person.user_id, request.request_id, request.quantity)

    def skew(self) -> Histogram:
        """How far apart two clients saw the same zero, milliseconds."""
        found = Histogram()
        for zeros in self.told.zeros.values():
            countdown_skew(zeros, found, random.Random(0))
        return found

    def judge(self, options: Options, stats: Any) -> list[str]:
        """Every problem of this run, audit and thresholds; the audit's come first."""
        problems = self._audit(options) if options.fail_on_audit else []
        problems += [f"worker {worker} did not say what it was told" for worker in self.silent]
        if not self.told.accepted and not self.told.delivery_ms.count:
            problems.append("nothing was measured: no order was accepted and no danmaku arrived")
        return [*problems, *self._broken_promises(), *self._thresholds(options, stats)]

    def _audit(self, options: Options) -> list[str]:
        # A host's token shows the whole room, and a demo server hands none to operators.
        source = tokens_of(options)
        role = Role.OPERATOR if isinstance(source, KeyTokens) else Role.HOST
        if isinstance(source, DemoTokens | KeyTokens):
            try:
                api = Api(address_of(options), source.token(AUDITOR, role, options.room))
                ledger = await_ledger(self.told, api, options.room, options.audit_wait)
            except (OSError, ApiError) as error:
                return [f"the ledger of room {options.room} could not be read: {error}"]
            return judge(self.told, ledger, lambda user: user.startswith("load-"))
        return ["no token to read the ledger with"]

    def _broken_promises(self) -> list[str]:
        if not self.told.violation_count:
            return []
        return [f"{self.told.violation_count} promises of the wire were broken", *self.told.violations]

    def _thresholds(self, options: Options, stats: Any) -> list[str]:
        measured: Sequence[tuple[str, float, float]] = (
            ("order p99 ms", self.told.order_ms.percentile(99), options.max_order_p99_ms),
            ("publish->receive p99 ms", self.told.delivery_ms.percentile(99), options.max_delivery_p99_ms),
            ("countdown skew p99 ms", self.skew().percentile(99), options.max_skew_p99_ms),
            ("error rate", stats.total.fail_ratio, options.max_error_rate),
        )
        return [
            f"{name} is {value:.4g}, the limit is {limit:.4g}"
            for name, value, limit in measured
            if limit > 0 and value > limit
        ]

    def summary(self) -> list[str]:
        """What was measured beside Locust's own table, one line each."""
        told, skew = self.told, self.skew()
        units = sum(order["quantity"] for order in told.accepted.values())
        return [
            f"orders accepted {len(told.accepted)} ({units} units), refused "
            f"{len(told.refused) + told.refusals_forgotten}, without an answer {len(told.unanswered)}",
            f"order to accepted p50 {told.order_ms.percentile(50):.1f} ms, "
            f"p99 {told.order_ms.percentile(99):.1f} ms",
            f"publish->receive p50 {told.delivery_ms.percentile(50):.1f} ms, "
            f"p99 {told.delivery_ms.percentile(99):.1f} ms, {told.delivery_ms.count} deliveries",
            f"countdown skew p99 {skew.percentile(99):.1f} ms over {len(told.zeros)} sales",
        ]


def course_of(environment: Any) -> Course:
    """The course this Locust environment is on; made when first asked for."""
    course = getattr(environment, "miaodan_course", None)
    if not isinstance(course, Course):
        course = environment.miaodan_course = Course()
    return course
