"""Fan-out: socket writes per second and core, pre-framed, through ASGI, and the floor under both.

One danmaku is under way at a time: the next is sent when the first viewer saw it, so that a flush
carries one event, its frame has the size the floor sends, and the next danmaku travels while the
server still writes. The same receiver drains all three sides.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from loadtest.bench.machine import Placement, busy_ns, cpu_ns
from loadtest.bench.native import Answer, Program, ProgramFailed, descriptors
from loadtest.bench.plan import Plan
from loadtest.bench.results import FANOUT_TARGET, Ratio, Sample, Section, side
from loadtest.bench.target import Server

SENDERS = 4
WARM_UP_S = 0.5
TEXT_BYTES = 16
COALESCED = 64
"""Danmaku under way in the coalesced sample; the default chat budget of a flush is 100."""
TURN = {"MIAODAN_FANOUT__TICK_MS": "1"}
"""The shortest tick there is: a flush as soon as the last one is done."""
SOCKET_BUFFER = 64 * 1024
SAME_RATE = "floor at its rate"
"""The floor again, writing no faster than the server did: a receiver that falls behind takes several
frames at a time and acknowledges them together, which makes a faster sender's writes cheaper."""


class ServerSide:
    """A server with `viewers` sockets on it, and the receiver that drains them."""

    def __init__(self, plan: Plan, preframed: bool, stack: ExitStack) -> None:
        settings = {**TURN, "MIAODAN_GATEWAY__PREFRAMED": "true" if preframed else "false"}
        self._plan = plan
        self._server = stack.enter_context(Server(plan.placement, settings, plan.folder))
        self._server.open_room()
        links = self._server.join(plan.viewers, "viewer") + self._server.join(SENDERS, "sender")
        self._receiver = stack.enter_context(_receiver(plan, links, SENDERS))

    def sample(self, under_way: int = 1) -> Sample:
        """One window with so many danmaku under way; raises ProgramFailed when some were refused."""
        receiver = self._receiver
        receiver.ask(f"text {TEXT_BYTES}")
        receiver.ask("awake 1")
        receiver.ask(f"send {under_way} {under_way}")
        time.sleep(WARM_UP_S)
        foreign = Foreign(self._plan.placement)
        before, cpu = receiver.ask("snap"), cpu_ns(self._server.gateway)
        time.sleep(self._plan.seconds)
        after, cpu = receiver.ask("snap"), cpu_ns(self._server.gateway) - cpu
        share = foreign.share(cpu)
        receiver.ask("stop")
        receiver.ask("awake 0")
        moved = {name: after[name] - before[name] for name in after}
        if moved["errors"] or moved["closed"] or not moved["danmaku_frames"]:
            raise ProgramFailed("receiver", f"{moved}; {receiver.complaints()}; {self._server.said()}")
        return Sample(
            count=moved["frames"],
            cpu_ns=cpu,
            wall_ns=moved["wall_ns"],
            foreign=share,
            extra={
                "frame_bytes": moved["bytes"] / max(1, moved["frames"]),
                "events_per_frame": moved["danmaku"] / moved["danmaku_frames"],
                "messages": float(moved["danmaku"] * self._plan.viewers),
                "stalls": float(moved["stalls"]),
                "receiver_cpu": moved["cpu_ns"] / moved["wall_ns"],
            },
        )


class FloorSide:
    """Bare send() of one same frame to as many sockets, drained by the same receiver."""

    def __init__(self, plan: Plan, command: list[str], stack: ExitStack) -> None:
        self._plan = plan
        near, far = _pairs(plan.viewers)
        fds = [link.fileno() for link in near]
        self._program = stack.enter_context(Program([*command, descriptors(fds)], fds, plan.placement.server))
        self._receiver = stack.enter_context(_receiver(plan, far, 0))
        for link in near:
            link.close()

    def sample(self, frame_bytes: int, per_second: float = 0) -> Sample:
        """One window of frames of that size, at once or at so many writes per second."""
        period_us = round(self._plan.viewers * 1e6 / per_second) if per_second else 0
        self._receiver.ask("awake 1")
        self._run(frame_bytes, WARM_UP_S, period_us)
        before = self._receiver.ask("snap")
        foreign = Foreign(self._plan.placement)
        done = self._run(frame_bytes, self._plan.seconds, period_us)
        share = foreign.share(done["cpu_ns"])
        after = self._receiver.ask("snap")
        self._receiver.ask("awake 0")
        return Sample(
            count=done["writes"],
            cpu_ns=done["cpu_ns"],
            wall_ns=done["wall_ns"],
            foreign=share,
            extra={
                "frame_bytes": float(frame_bytes),
                "blocked": float(done["blocked"]),
                "received": float(after["frames"] - before["frames"]),
                "receiver_cpu": (after["cpu_ns"] - before["cpu_ns"]) / (after["wall_ns"] - before["wall_ns"]),
            },
        )

    def _run(self, frame_bytes: int, seconds: float, period_us: int) -> Answer:
        return self._program.ask(f"run {frame_bytes} {round(seconds * 1000)} {period_us}", seconds + 10)


class Foreign:
    """How much of a window the CPU under test worked for others."""

    def __init__(self, placement: Placement) -> None:
        self._cpus = placement.server
        self._busy = busy_ns(self._cpus)
        self._start = time.monotonic_ns()

    def share(self, own_ns: int) -> float:
        """`own_ns`: CPU time of the process under test since this was made."""
        busy = busy_ns(self._cpus) - self._busy
        return max(0.0, (busy - own_ns) / (time.monotonic_ns() - self._start))


def _receiver(plan: Plan, links: list[socket.socket], senders: int) -> Program:
    """Hands the sockets over: here they are closed."""
    fds = [link.fileno() for link in links]
    viewers = len(fds) - senders
    command = [*plan.receiver, descriptors(fds[:viewers]), descriptors(fds[viewers:]), str(plan.seed)]
    program = Program(command, fds, plan.placement.others)
    for link in links:
        link.close()
    return program


def _pairs(count: int) -> tuple[list[socket.socket], list[socket.socket]]:
    """Connected TCP sockets over loopback, set up as the server sets up its own."""
    near, far = [], []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        for _ in range(count):
            far.append(socket.create_connection(listener.getsockname()))
            link, _ = listener.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            near.append(link)
    return near, far


def measure(plan: Plan) -> Section:
    """All sides in turn, again and again, so that a noisy minute falls on all of them."""
    with ExitStack() as stack:
        plan.say(f"fan-out: starting two servers, joining {plan.viewers} viewers to each")
        preframed = ServerSide(plan, True, stack)
        asgi = ServerSide(plan, False, stack)
        floor = FloorSide(plan, plan.floor, stack) if plan.floor is not None else None
        frame_bytes = round(preframed.sample().extra["frame_bytes"])
        taken: dict[str, list[Sample]] = {"floor": [], SAME_RATE: [], "pre-framed": [], "ASGI send": []}
        for turn in range(plan.repeat):
            plan.say(f"fan-out: {turn + 1} of {plan.repeat}")
            if floor is not None:
                taken["floor"].append(floor.sample(frame_bytes))
            ours = preframed.sample()
            taken["pre-framed"].append(ours)
            if floor is not None:
                taken[SAME_RATE].append(floor.sample(frame_bytes, ours.count * 1e9 / ours.wall_ns))
            taken["ASGI send"].append(asgi.sample())
        coalesced = preframed.sample(COALESCED)
    return _section(plan, frame_bytes, taken, coalesced)


def _section(plan: Plan, frame_bytes: int, taken: dict[str, list[Sample]], coalesced: Sample) -> Section:
    sides = {name: side(name, samples) for name, samples in taken.items() if samples}
    ours = sides["pre-framed"].per_core.median
    ratios = []
    notes = []
    if "floor" in sides:
        ratios.append(Ratio("pre-framed / floor", ours / sides["floor"].per_core.median, FANOUT_TARGET))
        ratios.append(Ratio(f"pre-framed / {SAME_RATE}", ours / sides[SAME_RATE].per_core.median))
    else:
        notes.append("The floor is left out: it is a C program, and there is no compiler here.")
    ratios.append(Ratio("pre-framed / ASGI send", ours / sides["ASGI send"].per_core.median))
    if not plan.placement.apart:
        notes.append("Only one CPU: server and receiver shared it.")
    facts: dict[str, float | int | str] = {
        "viewers": plan.viewers,
        "frame_bytes": frame_bytes,
        "events_per_frame": round(max(one.extra["events_per_frame"] for one in taken["pre-framed"]), 3),
        "coalesced_events_per_frame": round(coalesced.extra["events_per_frame"], 1),
        "coalesced_messages_per_core": round(coalesced.extra["messages"] * 1e9 / coalesced.cpu_ns),
    }
    return Section("fan-out", "socket writes", list(sides.values()), ratios, facts, notes)
