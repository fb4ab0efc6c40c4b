"""The course of one load test in one process: who takes part, what is due when, what was told and measured.

At the end nobody orders any more, open orders are awaited, and everything comes together in the
process that judges: the local one, or the master, to which workers send what they hold.
"""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING, Any

import gevent
import psutil
from gevent.event import Event

from client_sim.clock import now_ms
from client_sim.health import BEAT_S, Pulse, cpu_seconds
from client_sim.wire import Batch, SharedDecoder, decoder
from loadtest.agenda import Agenda, Call
from loadtest.locust_stats import fold
from loadtest.measured import Measured
from loadtest.options import Options, encoding_of
from loadtest.told import Told

if TYPE_CHECKING:
    from loadtest.people import Person
    from loadtest.swarm_user import SwarmUser

SETTLE_S = 12.0
"""How long open orders are awaited at the end, and half as long again for the workers' word."""
FOLD_EVERY_S = 1.0
CURVE_POINTS = 300
"""A run has about this many points on its curves; long ones have wider slices."""
AT_ONCE = 32
"""Calls of the agenda between two looks at everything else."""


class Course:
    """One process's part. `closing` is set when nobody may order any more."""

    def __init__(self) -> None:
        self.told = Told()
        self.measured = Measured()
        self.agenda = Agenda()
        self.closing = Event()
        self.process = f"{platform.node()}/{os.getpid()}"
        self.began_ms = now_ms()
        self.decode: SharedDecoder | None = None
        self.result: dict[str, Any] | None = None
        self.heard_from: set[str] = set()
        self.silent: list[str] = []
        """Workers that never said what they were told."""
        self.people: set[Person] = set()
        self.swarms: set[SwarmUser] = set()
        self._earlier = Event()
        self._chores: list[gevent.Greenlet] = []

    def begin(self, environment: Any) -> None:
        """A new test: nothing was told yet."""
        options: Options = environment.parsed_options
        self.told = Told()
        self.measured = Measured(round(options.seconds) // CURVE_POINTS)
        self.agenda.clear()
        self.closing.clear()
        self.began_ms = now_ms()
        self.decode = SharedDecoder(decoder(encoding_of(options)), self._delivered)
        self.result = None
        self.heard_from.clear()
        self.silent = []
        gevent.killall(self._chores)
        self._chores = [gevent.spawn(self._pace), gevent.spawn(self._beat, environment)]
        if options.drop_every > 0:
            self._storm(options, self.began_ms + options.drop_every * 1000)

    def end(self, environment: Any) -> None:
        """Nothing happens any more; what was measured is folded for the last time."""
        gevent.killall(self._chores)
        self._chores = []
        self._fold(environment)

    # ---- what is due ----------------------------------------------------------------------------

    def at(self, when_ms: float, call: Call) -> None:
        """Call at `when_ms`, local milliseconds; see `agenda`."""
        sooner = when_ms < self.agenda.next_at()
        self.agenda.add(when_ms, call)
        if sooner:
            self._earlier.set()

    def late(self, meant_ms: float) -> None:
        """An arrival meant for `meant_ms` is sent now: the generator's own lateness."""
        now = now_ms()
        self.measured.record("GENERATOR", "lateness", now - meant_ms, now)

    def _pace(self) -> None:
        while True:
            self._earlier.clear()
            wait_s = (self.agenda.next_at() - now_ms()) / 1000
            if wait_s > 0:
                self._earlier.wait(min(wait_s, 1.0))
                continue
            for number, (when_ms, call) in enumerate(self.agenda.due(now_ms())):
                call(when_ms)
                if number % AT_ONCE == AT_ONCE - 1:
                    gevent.sleep(0)

    def _storm(self, options: Options, at_ms: float) -> None:
        """Cut a share of all sockets of this process now and then."""

        def strike(when_ms: float) -> None:
            if self.closing.is_set():
                return
            for person in list(self.people)[: round(len(self.people) * options.drop_share)]:
                person.client.drop()
            for swarm in self.swarms:
                swarm.tell(f"drop {options.drop_share}")
            self.at(when_ms + options.drop_every * 1000, strike)

        self.at(at_ms, strike)

    # ---- what was measured --------------------------------------------------------------------

    def _delivered(self, batch: Batch) -> None:
        self.measured.delivered(batch, now_ms())

    def _beat(self, environment: Any) -> None:
        pulse = Pulse(time.monotonic(), cpu_seconds())
        psutil.cpu_percent()
        due = time.monotonic() + FOLD_EVERY_S
        while True:
            gevent.sleep(BEAT_S)
            now_s = time.monotonic()
            pulse.beat(now_s)
            if now_s >= due:
                due = now_s + FOLD_EVERY_S
                self._note(*pulse.take(now_s, cpu_seconds()))
                self._fold(environment)

    def _note(self, lag: Any, cpu: float) -> None:
        now, measured = now_ms(), self.measured
        measured.pour("GENERATOR", "loop lag", lag, now)
        measured.gauge("cpu", self.process, cpu, now)
        measured.gauge("machine", platform.node(), psutil.cpu_percent() / 100, now)
        live = sum(person.client.live for person in self.people)
        measured.gauge("people", self.process, live, now)

    def _fold(self, environment: Any) -> None:
        if self.decode is not None:
            self.decode.drain()
        fold(environment.stats, self.measured.fold())

    # ---- the end ----------------------------------------------------------------------------

    def settle(self) -> None:
        """Let nobody order any more and wait, bounded, until every order has its answer."""
        self.closing.set()
        for swarm in list(self.swarms):
            swarm.tell("stop")
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until and self._open():
            gevent.sleep(0.05)
        for swarm in list(self.swarms):
            swarm.finish(max(until - time.monotonic(), 0.0))
        for person in self.people:
            for request in person.client.session.book.pending.values():
                self.told.gave_up(person.user_id, request.request_id, request.quantity)
                self.measured.failed("ORDER", "order", "never answered", now_ms())

    def _open(self) -> bool:
        waiting = any(person.waiting for person in self.people)
        return waiting or any(swarm.running for swarm in self.swarms)

    def take(self) -> dict[str, Any]:
        """What this process holds, as plain data, for the master; then it holds nothing."""
        return {"told": self.told.take(), "measured": self.measured.take()}

    def add(self, document: dict[str, Any]) -> None:
        """What a worker took."""
        self.told.add(document["told"])
        self.measured.add(document["measured"])


def course_of(environment: Any) -> Course:
    """The course this Locust environment is on; made when first asked for."""
    course = getattr(environment, "miaodan_course", None)
    if not isinstance(course, Course):
        course = environment.miaodan_course = Course()
    return course
