"""Viewers x danmaku a second: what gateway, store and back office take for it, and how late it comes.

One server for each number of viewers, with a furnished room and a host who goes on talking; all rates on
it, one after another. Default ticks. Danmaku come when they are due, whatever happened to the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

from client_sim.api import ApiError
from loadtest.bench.crowd import settle
from loadtest.bench.cues import Cues
from loadtest.bench.machine import Foreign, cpu_ns, resident_bytes
from loadtest.bench.native import Program, ProgramFailed
from loadtest.bench.plan import Plan
from loadtest.bench.sides import last_ones, receiver
from loadtest.bench.stage import OPEN_DOORS, furnished, talking
from loadtest.bench.store import BareStore, StoreFailed
from loadtest.bench.target import Server, ServerFailed
from loadtest.capacity.points import FanoutPoint, JoinPoint

SPEAKERS = 10
TEXT_BYTES = 100
HOST_S = 1.0
WARM_UP_S = 1.0
FAILURES = (ServerFailed, ProgramFailed, StoreFailed, ApiError, OSError)
"""What may end a point, and not the run."""


@dataclass(frozen=True)
class Cpu:
    """CPU seconds of the three processes; a difference has the same shape."""

    gateway: float
    store: float
    backoffice: float

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(
            self.gateway - earlier.gateway, self.store - earlier.store, self.backoffice - earlier.backoffice
        )


class Processes:
    """The three processes of a server. Raises StoreFailed, OSError when one cannot be found."""

    def __init__(self, server: Server) -> None:
        self.gateway, self.backoffice = server.gateway, server.backoffice
        with closing(BareStore(server.store_socket)) as store:
            self.store = int(store.server_info()["process_id"])

    def cpu(self) -> Cpu:
        return Cpu(*(cpu_ns(pid) / 1e9 for pid in (self.gateway, self.store, self.backoffice)))


class Hall:
    """A room with `plan.viewers` viewers in it; `joined` says what it took to let them in."""

    def __init__(self, plan: Plan, stack: ExitStack) -> None:
        self._plan = plan
        self._server = stack.enter_context(Server(plan.placement, OPEN_DOORS, plan.folder))
        self._processes = Processes(self._server)
        self._control = stack.enter_context(furnished(self._server))
        settle([self._server.gateway])
        before, start = self._processes.cpu(), time.monotonic()
        links = self._server.join(plan.viewers, "viewer")
        took = time.monotonic() - start
        cpu = self._processes.cpu() - before
        self.joined = JoinPoint(joins=plan.viewers, seconds=took, gateway_cpu_s=cpu.gateway)
        links += self._server.join(SPEAKERS, "speaker")
        self._receiver: Program = stack.enter_context(receiver(plan, links, SPEAKERS))
        self._receiver.ask(f"text {TEXT_BYTES}")
        settle([self._server.gateway])

    def point(self, danmaku: int, turn: int) -> FanoutPoint:
        """One window, and the time until its last danmaku came, or could have. Raises ProgramFailed when a
        danmaku was refused or a viewer thrown out, OSError."""
        receiver = self._receiver
        with Cues([talking(self._control, HOST_S)]):
            receiver.ask("awake 1")
            if danmaku:
                receiver.ask(f"pace {danmaku}")
            try:
                time.sleep(min(WARM_UP_S, self._plan.seconds))
                before = receiver.ask("latency 1")
                foreign, cpu = Foreign(self._plan.placement), self._processes.cpu()
                time.sleep(self._plan.seconds)
                after, cpu = receiver.ask("snap"), self._processes.cpu() - cpu
                resident = resident_bytes([self._server.gateway])
                expected = (receiver.ask("stop")["sent"] - before["sent"]) * self._plan.viewers
                end = last_ones(self._receiver, expected)
                share = foreign.share(round(cpu.gateway * 1e9))
            finally:
                for line in ("stop", "latency 0", "awake 0"):
                    receiver.ask(line)
        if end["errors"] or end["closed"]:
            raise ProgramFailed("receiver", f"{end}; {receiver.complaints()}; {self._server.said()}")
        seconds = (after["wall_ns"] - before["wall_ns"]) / 1e9
        return FanoutPoint(
            viewers=self._plan.viewers,
            danmaku=danmaku,
            turn=turn,
            seconds=seconds,
            gateway_cores=cpu.gateway / seconds,
            store_cores=cpu.store / seconds,
            backoffice_cores=cpu.backoffice / seconds,
            resident_bytes=resident,
            frames_per_second=(after["frames"] - before["frames"]) / seconds,
            bytes_per_second=(after["bytes"] - before["bytes"]) / seconds,
            p50_ms=end["p50_us"] / 1000,
            p99_ms=end["p99_us"] / 1000,
            late_ms=end["late_us"] / 1000,
            expected=expected,
            missing=max(0, expected - end["stamped"]),
            foreign=share,
        )

    def calm(self) -> None:
        """Wait until nothing is left of the last window."""
        settle([self._server.gateway])


def measure(
    plan: Plan,
    grid: dict[int, list[int]],
    told: Callable[[FanoutPoint | JoinPoint], None],
    failed: Callable[[str], None],
) -> None:
    """`grid`: danmaku a second by viewers. Every point goes to `told` as it is known; what fails ends the
    points of that number of viewers."""
    for viewers, rates in grid.items():
        plan.say(f"fan-out: starting a server, joining {viewers:,} viewers")
        try:
            with ExitStack() as stack:
                hall = Hall(replace(plan, viewers=viewers), stack)
                told(hall.joined)
                for turn in range(plan.repeat):
                    for danmaku in rates:
                        told(point := hall.point(danmaku, turn))
                        plan.say(f"fan-out: {_line(point)}")
                        hall.calm()
        except FAILURES as error:
            failed(f"fan-out, {viewers:,} viewers: {error}")


def _line(point: FanoutPoint) -> str:
    marks = "".join(f"  [{mark}]" for mark in point.marks)
    return (
        f"{point.viewers:,} viewers, {point.danmaku} danmaku/s: gateway {point.gateway_cores:.2f} cores, "
        f"{point.frames_per_second:,.0f} frames/s, p99 {point.p99_ms:.1f} ms{marks}"
    )
