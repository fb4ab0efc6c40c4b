"""Joins: how many a core lets in, and a room that is cut off as a whole and comes back.

The room is furnished (20 products, a running sale), so a welcome has something to say. Hellos are
also measured alone, on sockets that are open already: the rest is TCP and the upgrade. Each window
has users of its own, whose tokens the server has not seen; what a token seen before saves is told.
In the storm every viewer comes back with (`epoch`, `seq`) while the host goes on; each has to be
told all it missed, once.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from statistics import median

from loadtest.bench.crowd import Crowd, settle
from loadtest.bench.cues import Cues
from loadtest.bench.machine import Foreign, cpu_ns
from loadtest.bench.native import Answer, ProgramFailed
from loadtest.bench.order_sides import stopped
from loadtest.bench.plan import Plan
from loadtest.bench.results import Ratio, Sample, Section, side, usable
from loadtest.bench.stage import OPEN_DOORS, furnished, talking
from loadtest.bench.store import BareStore, command_calls
from loadtest.bench.target import Server

HELLOS_PER_CORE = 3_000
WINDOW = 500
"""Joins under way at a time, a tenth of what the server's backlog holds."""
EVENT_S = 0.05
BEFORE_S = 1.0
"""The host talks that long before the storm: what the store does for that is not the storm's."""


class Doors:
    """The server, its room, and the crowd before it."""

    def __init__(self, plan: Plan, stack: ExitStack) -> None:
        self._plan = plan
        self._server = stack.enter_context(Server(plan.placement, OPEN_DOORS, plan.folder))
        self._control: socket.socket = stack.enter_context(furnished(self._server))
        self._store = stack.enter_context(closing(BareStore(self._server.store_socket)))
        self._crowds = 0

    def crowd(self) -> Crowd:
        """Users who were never here."""
        self._crowds += 1
        return Crowd(self._plan, self._server, self._plan.viewers, name=f"crowd{self._crowds}-")

    def whole(self) -> Sample:
        """Connect, upgrade, hello, welcome; then everybody leaves."""
        with self.crowd() as crowd:
            sample = self._timed(crowd, "join")
            self._empty(crowd)
        return sample

    def hellos(self) -> tuple[Sample, Sample]:
        """Hello to welcome, on sockets that are open; then everybody leaves, and does so once more."""
        with self.crowd() as crowd:
            return self._hellos(crowd), self._hellos(crowd)

    def _hellos(self, crowd: Crowd) -> Sample:
        crowd.come("open", WINDOW)
        self._settle()
        sample = self._timed(crowd, "hello")
        self._empty(crowd)
        return sample

    def fill(self, crowd: Crowd) -> None:
        """Everybody in."""
        crowd.come("join", WINDOW)
        self._settle()

    def storm(self, crowd: Crowd) -> Sample:
        """All are cut off and come back while the host talks. Raises ProgramFailed for one thing untold."""
        with stopped(self._server.backoffice), Cues([talking(self._control, EVENT_S)]) as cues:
            usual, _ = self._calls_during(BEFORE_S)
            before, calls = crowd.ask("snap"), command_calls(self._store)
            crowd.cut()
            sample = self._timed(crowd, "resume")
            after, calls = crowd.ask("snap"), _grown(calls, command_calls(self._store))
        (told,) = cues.told
        if told.refused or cues.unanswered:
            raise ProgramFailed("host", f"{told.refused[:3]}, {cues.unanswered} without an answer")
        came = after["recovered"] - before["recovered"]
        _check(came == crowd.count, f"{came} of {crowd.count} resumes recovered", after)
        end = crowd.ask(f"until {told.seq} 10000")
        _check(end["least_seq"] == end["most_seq"] == told.seq, f"not everybody is at {told.seq}", end)
        _check(not end["gaps"] and not end["duplicates"], "events are missing, or came twice", end)
        wall = sample.wall_ns / 1e9
        sample.extra |= {
            "events_missed": (after["events"] - before["events"]) / came,
            "store_commands": (sum(calls.values()) - sum(usual.values()) * wall / BEFORE_S) / came,
            "log_reads": float(calls.get("xrange", 0) - usual.get("xrange", 0) * wall / BEFORE_S),
        }
        return sample

    def _timed(self, crowd: Crowd, how: str) -> Sample:
        gateway = self._server.gateway
        foreign, cpu = Foreign(self._plan.placement), cpu_ns(gateway)
        answer = crowd.come(how, WINDOW)
        cpu = cpu_ns(gateway) - cpu
        return Sample(
            count=crowd.count,
            cpu_ns=cpu,
            wall_ns=answer["wall_ns"],
            foreign=foreign.share(cpu),
            extra={"joiners_cpu": answer["cpu_ns"] / answer["wall_ns"]},
        )

    def _calls_during(self, seconds: float) -> tuple[dict[str, int], float]:
        before = command_calls(self._store)
        time.sleep(seconds)
        return _grown(before, command_calls(self._store)), seconds

    def _empty(self, crowd: Crowd) -> None:
        crowd.cut()
        self._settle()

    def _settle(self) -> None:
        settle([self._server.gateway])


def _grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: calls - before.get(name, 0) for name, calls in after.items() if name != "info"}


def _check(good: bool, complaint: str, seen: Answer) -> None:
    if not good:
        raise ProgramFailed("joiners", f"{complaint}: {seen}")


def measure(plan: Plan) -> Section:
    """Both kinds of joins in turn, then storms of a full room."""
    with ExitStack() as stack:
        plan.say("joins: starting a server")
        doors = Doors(plan, stack)
        doors.whole()
        whole: list[Sample] = []
        hellos: list[Sample] = []
        again: list[Sample] = []
        storms: list[Sample] = []
        for turn in range(plan.repeat):
            plan.say(f"joins: {turn + 1} of {plan.repeat}")
            whole.append(doors.whole())
            for samples, sample in zip((hellos, again), doors.hellos(), strict=True):
                samples.append(sample)
        crowd = stack.enter_context(doors.crowd())
        doors.fill(crowd)
        for turn in range(plan.repeat):
            plan.say(f"joins: storm {turn + 1} of {plan.repeat}")
            storms.append(doors.storm(crowd))
    return _section(plan, whole, hellos, again, storms)


def _section(
    plan: Plan, whole: list[Sample], hellos: list[Sample], again: list[Sample], storms: list[Sample]
) -> Section:
    sides = [
        side("hello to welcome", hellos),
        side("hello to welcome, token seen before", again),
        side("connect to welcome", whole),
        side("resume storm", storms),
    ]
    ratio = Ratio("hello/s per core / 3,000", sides[0].per_core.median / HELLOS_PER_CORE, 1.0)
    calm = usable(storms)
    facts: dict[str, float | int | str] = {
        "viewers": plan.viewers,
        "at_a_time": WINDOW,
        "resumed": sum(one.count for one in storms),
        "missing_or_twice": 0,
        "events_missed_each": round(median(one.extra["events_missed"] for one in storms), 1),
        "store_commands_per_resume": round(median(one.extra["store_commands"] for one in storms), 2),
        "log_reads": round(max(one.extra["log_reads"] for one in storms)),
        "last_welcome_after_ms": round(median(one.wall_ns for one in calm) / 1e6),
        "joiners_cpu": round(max(one.extra["joiners_cpu"] for one in [*whole, *hellos, *again]), 2),
    }
    return Section("joins", "joins", sides, [ratio], facts)
