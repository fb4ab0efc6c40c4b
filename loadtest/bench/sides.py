"""The sides of the fan-out benchmark: whatever relays danmaku to viewers, and the floor under all.

Each has two kinds of windows: saturated, where the next danmaku follows the last, and paced, where
danmaku come on a schedule that every side keeps up with. One receiver drains them all.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Protocol

from loadtest.bench.machine import Foreign, cpu_ns, resident_bytes
from loadtest.bench.native import Answer, Program, ProgramFailed, descriptors
from loadtest.bench.plan import Plan
from loadtest.bench.results import Sample

SENDERS = 4
LAST_ONES_S = 10.0
"""How long after a window its last danmaku are waited for."""
WARM_UP_S = 0.3
PACE = 20
"""Danmaku a second in a paced window."""
SOCKET_BUFFER = 64 * 1024


class Server(Protocol):
    """What a side is made of; Miaodan's is `target.Server`, the others' is `peer.PeerServer`."""

    @property
    def measured(self) -> list[int]:
        """The processes on the CPU under test."""
        ...

    @property
    def beside(self) -> list[int]:
        """Processes of the server that have the other CPU."""
        ...

    def join(self, count: int, name: str) -> list[socket.socket]: ...

    def said(self) -> str: ...


class Relay:
    """A server with `viewers` sockets on it, and the receiver that drains them."""

    def __init__(
        self, plan: Plan, server: Server, stack: ExitStack, *, text_bytes: int, under_way: int
    ) -> None:
        """`under_way`: danmaku at once that keep the server busy without two in one frame."""
        self._plan = plan
        self._server = server
        self.text_bytes = text_bytes
        self.under_way = under_way
        senders = server.join(SENDERS, "sender")
        self._pids = server.measured
        before = resident_bytes(self._pids)
        viewers = server.join(plan.viewers, "viewer")
        self.bytes_per_viewer = (resident_bytes(self._pids) - before) / plan.viewers
        self._receiver = stack.enter_context(receiver(plan, viewers + senders, SENDERS))

    def tell(self, *commands: str) -> None:
        """The receiver, before the first window: how this server is spoken to, what is said."""
        for command in commands:
            self._receiver.ask(command)

    def saturated(self, text_bytes: int = 0, under_way: int = 0) -> Sample:
        """One window, the next danmaku following the last; other than the side's own where told."""
        count = under_way or self.under_way
        return self._window(text_bytes or self.text_bytes, f"send {count} {count}", stamped=False)

    def paced(self) -> Sample:
        """One window of PACE danmaku a second, with latencies."""
        return self._window(self.text_bytes, f"pace {PACE}", stamped=True)

    def _window(self, text_bytes: int, begin: str, *, stamped: bool) -> Sample:
        """Raises ProgramFailed when some danmaku were refused, or none came."""
        receiver = self._receiver
        for command in (f"text {text_bytes}", f"latency {int(stamped)}", "awake 1", begin):
            receiver.ask(command)
        time.sleep(WARM_UP_S)
        foreign = Foreign(self._plan.placement)
        before, cpu, beside = receiver.ask(f"latency {int(stamped)}"), self._cpu(), self._cpu_beside()
        time.sleep(self._plan.seconds)
        after, cpu, beside = receiver.ask("snap"), self._cpu() - cpu, self._cpu_beside() - beside
        share = foreign.share(cpu)
        for command in ("stop", "latency 0", "awake 0"):
            receiver.ask(command)
        moved = {name: after[name] - before[name] for name in after}
        if moved["errors"] or moved["closed"] or not moved["danmaku_frames"]:
            raise ProgramFailed("receiver", f"{moved}; {receiver.complaints()}; {self._server.said()}")
        return Sample(
            count=moved["frames"],
            cpu_ns=cpu,
            wall_ns=moved["wall_ns"],
            foreign=share,
            extra={
                "bytes": float(moved["bytes"]),
                "frame_bytes": moved["bytes"] / max(1, moved["frames"]),
                "events_per_frame": moved["danmaku"] / moved["danmaku_frames"],
                "messages": float(moved["danmaku"] * self._plan.viewers),
                "beside_cpu_ns": float(beside),
                "stalls": float(moved["stalls"]),
                "receiver_cpu": moved["cpu_ns"] / moved["wall_ns"],
                **(_latency(after) if stamped else {}),
            },
        )

    def _cpu(self) -> int:
        return sum(cpu_ns(pid) for pid in self._pids)

    def _cpu_beside(self) -> int:
        return sum(cpu_ns(pid) for pid in self._server.beside)


def _latency(answer: Answer) -> dict[str, float]:
    names: Mapping[str, str] = {
        "p50_ms": "p50_us",
        "p99_ms": "p99_us",
        "max_ms": "max_us",
        "late_ms": "late_us",
    }
    return {"stamped": float(answer["stamped"])} | {to: answer[name] / 1000 for to, name in names.items()}


class Floor:
    """Bare send() of one same frame to as many sockets, drained by the same receiver."""

    def __init__(self, plan: Plan, command: list[str], stack: ExitStack) -> None:
        self._plan = plan
        near, far = _pairs(plan.viewers)
        fds = [link.fileno() for link in near]
        self._program = stack.enter_context(Program([*command, descriptors(fds)], fds, plan.placement.server))
        self._receiver = stack.enter_context(receiver(plan, far, 0))
        for link in near:
            link.close()

    def saturated(self, frame_bytes: int, per_second: float = 0) -> Sample:
        """One window of frames of that size, at once or at so many writes per second."""
        return self._window(frame_bytes, round(self._plan.viewers * 1e6 / per_second) if per_second else 0)

    def paced(self, frame_bytes: int) -> Sample:
        """One window of PACE rounds a second."""
        return self._window(frame_bytes, 1_000_000 // PACE)

    def _window(self, frame_bytes: int, period_us: int) -> Sample:
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
                "bytes": float(done["writes"] * frame_bytes),
                "frame_bytes": float(frame_bytes),
                "messages": float(done["writes"]),
                "blocked": float(done["blocked"]),
                "received": float(after["frames"] - before["frames"]),
                "receiver_cpu": (after["cpu_ns"] - before["cpu_ns"]) / (after["wall_ns"] - before["wall_ns"]),
            },
        )

    def _run(self, frame_bytes: int, seconds: float, period_us: int) -> Answer:
        return self._program.ask(f"run {frame_bytes} {round(seconds * 1000)} {period_us}", seconds + 10)


def receiver(plan: Plan, links: list[socket.socket], senders: int) -> Program:
    """Hands the sockets over, the senders' last: here they are closed."""
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


def last_ones(program: Program, expected: int) -> Answer:
    """The receiver's counters once every danmaku was seen by every viewer, or could have been."""
    give_up = time.monotonic() + LAST_ONES_S
    while True:
        answer = program.ask("snap")
        if answer["stamped"] >= expected or time.monotonic() > give_up:
            return answer
        time.sleep(0.02)
