"""One large room as it is on an evening: chat, a moving stock, a talking host, and orders meanwhile.

Everything is an open loop: danmaku, restocks, the host's changes and orders come when they are due,
whatever was answered. Latencies are those of every (viewer, danmaku) pair, from the moment before
the danmaku's send() to the read that found it on the viewer's socket, and of every order, from when
it was due to its reply. The server has its default ticks.

Beside it, as in the fan-out, bare send() of frames of the same size: what one round over the room
takes at best on this machine, and so what no latency can be under.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from statistics import median

from loadtest.bench.crowd import settle
from loadtest.bench.cues import Cues, Told
from loadtest.bench.machine import Foreign, cpu_ns
from loadtest.bench.native import Program, ProgramFailed
from loadtest.bench.plan import Plan
from loadtest.bench.results import Ratio, Sample, Section, paired, side, spread, usable
from loadtest.bench.sides import Floor, last_ones, receiver
from loadtest.bench.stage import OPEN_DOORS, buying, furnished, restocking, talking
from loadtest.bench.target import Server

MOST_MS = 80.0
SPEAKERS = 10
DANMAKU_PER_SECOND = 50
TEXT_BYTES = 100
BUYERS = 4
ORDERS_PER_SECOND = 20
RESTOCK_S = 0.05
HOST_S = 1.0
FLOOR_SOCKETS = 9_000
"""The floor needs two open files for each. With a tenth of them a write costs it a third less: what the
kernel keeps of a socket is in the CPU's cache then."""
WARM_UP_S = 2.0


class Evening:
    """The server, the viewers' receiver, and the people with cues."""

    def __init__(self, plan: Plan, stack: ExitStack) -> None:
        self._plan = plan
        self._server = stack.enter_context(Server(plan.placement, OPEN_DOORS, plan.folder))
        control = stack.enter_context(furnished(self._server))
        buyers = self._server.join(BUYERS, "buyer")
        for link in buyers:
            stack.enter_context(closing(link))
        links = self._server.join(plan.viewers, "viewer") + self._server.join(SPEAKERS, "speaker")
        self._receiver: Program = stack.enter_context(receiver(plan, links, SPEAKERS))
        self._receiver.ask(f"text {TEXT_BYTES}")
        self._cues = [talking(control, HOST_S), restocking(control, RESTOCK_S)]
        self._cues += [
            buying(link, BUYERS / ORDERS_PER_SECOND, f"buyer{number}") for number, link in enumerate(buyers)
        ]
        settle(self._server.gateways)

    @contextmanager
    def going_on(self) -> Iterator[Cues]:
        """Everybody does what they do; at the end what was asked has been answered."""
        with Cues(self._cues) as cues:
            self._receiver.ask("awake 1")
            self._receiver.ask(f"pace {DANMAKU_PER_SECOND}")
            try:
                yield cues
            finally:
                self._receiver.ask("stop")
                self._receiver.ask("awake 0")
        if cues.unanswered or any(told.refused for told in cues.told):
            refused = [told.refused[:2] for told in cues.told if told.refused]
            raise ProgramFailed(
                "cues", f"{cues.unanswered} without an answer, {refused}; {self._server.said()}"
            )

    def sample(self) -> Sample:
        """One window, and the time until its last danmaku arrived everywhere."""
        receiver = self._receiver
        with self.going_on() as cues:
            time.sleep(WARM_UP_S)
            before = receiver.ask("latency 1")
            known = [len(told.micros) for told in cues.told]
            foreign, cpu = Foreign(self._plan.placement), self._cpu()
            time.sleep(self._plan.seconds)
            after, cpu = receiver.ask("snap"), self._cpu() - cpu
            share = foreign.share(cpu)
            expected = (receiver.ask("stop")["sent"] - before["sent"]) * self._plan.viewers
            end = last_ones(self._receiver, expected)
            orders = _micros(cues.told[2:], known[2:])
        receiver.ask("latency 0")
        if end["errors"] or end["closed"]:
            raise ProgramFailed("receiver", f"{end}; {receiver.complaints()}; {self._server.said()}")
        return Sample(
            count=after["frames"] - before["frames"],
            cpu_ns=cpu,
            wall_ns=after["wall_ns"] - before["wall_ns"],
            foreign=share,
            extra={
                "p50_ms": end["p50_us"] / 1000,
                "p99_ms": end["p99_us"] / 1000,
                "max_ms": end["max_us"] / 1000,
                "frame_bytes": (after["bytes"] - before["bytes"])
                / max(1, after["frames"] - before["frames"]),
                "not_delivered": float(expected - end["stamped"]),
                "orders": float(len(orders)),
                "order_p50_ms": orders[len(orders) // 2] / 1000,
                "order_p99_ms": orders[int(0.99 * len(orders))] / 1000,
                "danmaku_late_ms": end["late_us"] / 1000,
                "receiver_cpu": (after["cpu_ns"] - before["cpu_ns"]) / (after["wall_ns"] - before["wall_ns"]),
            },
        )

    def _cpu(self) -> int:
        return sum(cpu_ns(pid) for pid in self._server.gateways)


def _micros(told: list[Told], known: list[int]) -> list[int]:
    """Latencies that came since `known` of each were there, in order of size."""
    return sorted(micros for one, skip in zip(told, known, strict=True) for micros in one.micros[skip:])


def measure(plan: Plan) -> Section:
    """Window after window of one evening."""
    with ExitStack() as stack:
        plan.say(f"room: starting a server, joining {plan.viewers} viewers")
        evening = Evening(plan, stack)
        few = replace(plan, viewers=min(plan.viewers, FLOOR_SOCKETS))
        floor = Floor(few, plan.floor, stack) if plan.floor is not None else None
        samples: list[Sample] = []
        bare: list[Sample] = []
        for turn in range(plan.repeat):
            plan.say(f"room: {turn + 1} of {plan.repeat}")
            samples.append(evening.sample())
            if floor is not None:
                bare.append(floor.saturated(round(samples[-1].extra["frame_bytes"])))
    return _section(plan, samples, bare)


def _within(name: str, millis: list[float]) -> Ratio:
    """Windows' milliseconds against the most there may be."""
    over = spread([MOST_MS / one for one in millis])
    return Ratio(name, over.median, 1.0, over=over)


def _section(plan: Plan, samples: list[Sample], bare: list[Sample]) -> Section:
    used = usable(samples)
    middle = {name: median(one.extra[name] for one in used) for name in samples[0].extra}
    worst = {name: max(one.extra[name] for one in used) for name in samples[0].extra}
    ratios = [
        _within("80 ms / p99 publish to receive", [one.extra["p99_ms"] for one in used]),
        _within("80 ms / p99 order to acknowledgement", [one.extra["order_p99_ms"] for one in used]),
    ]
    sides = [side("default ticks", samples)]
    if bare:
        sides.append(side("floor", bare))
        over = paired(samples, bare)
        ratios.append(Ratio("room / floor, per core", over.median, over=over))
    names = ("p50_ms", "p99_ms", "max_ms", "order_p50_ms", "order_p99_ms")
    facts: dict[str, float | int | str] = {"viewers": plan.viewers, "danmaku_per_second": DANMAKU_PER_SECOND}
    facts |= {name: f"{middle[name]:.1f} (worst window {worst[name]:.1f})" for name in names}
    facts |= {
        "orders": round(sum(one.extra["orders"] for one in samples)),
        "not_delivered": round(sum(one.extra["not_delivered"] for one in samples)),
        "gateway_cpu": round(median(one.cpu_ns / one.wall_ns for one in used), 2),
        "receiver_cpu": round(middle["receiver_cpu"], 2),
        "frame_bytes": round(middle["frame_bytes"]),
        "flushes_per_second": round(sides[0].per_second.median / (plan.viewers + SPEAKERS), 1),
        "ms_of_a_flush": round((plan.viewers + SPEAKERS) * 1000 / sides[0].per_core.median, 1),
    }
    if bare:
        facts["ms_of_a_bare_round"] = round((plan.viewers + SPEAKERS) * 1000 / sides[1].per_core.median, 1)
    return Section("room", "frames", sides, ratios, facts)
