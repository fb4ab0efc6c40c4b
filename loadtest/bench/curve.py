"""What a delivered frame costs: over viewers of one room, and over rooms of as many viewers in all.

Every room gets danmaku at one fixed rate, so every one of its sockets gets as many frames a second
whatever the room's size and whatever else the gateway holds. CPU time of an idle window on the same
sockets (presence, sweeps, the store's answers) is taken off.

A danmaku costs the gateway something once (its way in, the publish, the tick of its room) and
something for each socket. Over viewers that is a line; its slope is a frame's cost. Over rooms the
first part, what is left when the frames are taken off, has to stay what it is: no tick may look at
other rooms.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import linear_regression, median

from msgspec import Struct

from loadtest.bench.crowd import settle
from loadtest.bench.machine import Foreign, cpu_ns
from loadtest.bench.native import ProgramFailed
from loadtest.bench.plan import Plan
from loadtest.bench.results import Ratio, Sample, Section, side
from loadtest.bench.sides import receiver
from loadtest.bench.target import Server

VIEWERS = (0.01, 0.1, 0.3, 1.0)
"""Of the viewers asked for, in one room."""
ROOMS = (1, 10, 100, 1_000)
ROOM_VIEWERS = 0.1
"""Of the viewers asked for, over all rooms together."""
PER_ROOM = 4
"""Danmaku a second: each is a tick of its room."""
TEXT_BYTES = 100
WARM_UP_S = 0.5
SETTINGS = {"MIAODAN_LIMITS__JOINS_PER_SECOND": "0", "MIAODAN_LIMITS__CONNECTIONS_PER_ADDRESS": "0"}


class Point(Struct):
    """One configuration: so many viewers in so many rooms, and a speaker in each.

    `idle_ns` and the samples' `cpu_ns` are nanoseconds of the gateway; frames are all that arrived.
    """

    viewers: int
    rooms: int
    idle_share: float
    samples: list[Sample]

    def _net(self, sample: Sample) -> float:
        return sample.cpu_ns - self.idle_share * sample.wall_ns

    @property
    def frame_us(self) -> float:
        """CPU per delivered frame."""
        return median(self._net(one) / one.count for one in self.samples) / 1000

    @property
    def danmaku_us(self) -> float:
        """CPU per danmaku, all its frames included."""
        return median(self._net(one) / one.extra["danmaku"] for one in self.samples) / 1000

    @property
    def frames_per_danmaku(self) -> float:
        return median(one.count / one.extra["danmaku"] for one in self.samples)


def _point(plan: Plan, viewers: int, rooms: int) -> Point:
    """A server of its own, so that nothing is left of a larger one."""
    with ExitStack() as stack:
        server = stack.enter_context(Server(plan.placement, SETTINGS, plan.folder))
        links, speakers = [], []
        for number in range(rooms):
            server.open_room()
            share = viewers * (number + 1) // rooms - viewers * number // rooms
            links += server.join(share, "viewer")
            speakers += server.join(1, "speaker")
        program = stack.enter_context(receiver(plan, links + speakers, rooms))
        program.ask(f"text {TEXT_BYTES}")
        settle([server.gateway])
        start, cpu = time.monotonic_ns(), cpu_ns(server.gateway)
        time.sleep(plan.seconds)
        idle = (cpu_ns(server.gateway) - cpu) / (time.monotonic_ns() - start)
        samples = []
        program.ask(f"pace {PER_ROOM * rooms}")
        time.sleep(WARM_UP_S)
        for _ in range(plan.repeat):
            foreign, before, cpu = Foreign(plan.placement), program.ask("snap"), cpu_ns(server.gateway)
            time.sleep(plan.seconds)
            after, cpu = program.ask("snap"), cpu_ns(server.gateway) - cpu
            moved = {name: after[name] - before[name] for name in after}
            if moved["errors"] or moved["closed"] or not moved["frames"]:
                raise ProgramFailed("receiver", f"{moved}; {program.complaints()}; {server.said()}")
            extra = {"danmaku": float(moved["sent"]), "receiver_cpu": moved["cpu_ns"] / moved["wall_ns"]}
            samples.append(
                Sample(
                    count=moved["frames"],
                    cpu_ns=cpu,
                    wall_ns=moved["wall_ns"],
                    foreign=foreign.share(cpu),
                    extra=extra,
                )
            )
        return Point(viewers, rooms, idle, samples)


class Line(Struct):
    """A least-squares line and the share of the variance it explains (R squared)."""

    slope: float
    intercept: float
    r_squared: float


def fit(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """Raises statistics.StatisticsError for fewer than two different `xs`."""
    slope, intercept = linear_regression(xs, ys)
    middle = sum(ys) / len(ys)
    total = sum((y - middle) ** 2 for y in ys)
    left = sum((y - slope * x - intercept) ** 2 for x, y in zip(xs, ys, strict=True))
    return Line(slope, intercept, 1.0 - left / total if total else 1.0)


def measure(plan: Plan) -> Section:
    """Every configuration on a server of its own."""
    sizes = sorted({max(1, round(share * plan.viewers)) for share in VIEWERS})
    spread = max(1, round(ROOM_VIEWERS * plan.viewers))
    over_viewers = []
    for size in sizes:
        plan.say(f"curve: {size} viewers in one room")
        over_viewers.append(_point(plan, size, 1))
    over_rooms = []
    for rooms in (count for count in ROOMS if count <= spread):
        plan.say(f"curve: {spread} viewers in {rooms} rooms")
        over_rooms.append(_point(plan, spread, rooms))
    return section(over_viewers, over_rooms)


def section(over_viewers: list[Point], over_rooms: list[Point]) -> Section:
    """Lines, ratios and the grid of both series."""
    line = fit([one.frames_per_danmaku for one in over_viewers], [one.danmaku_us for one in over_viewers])
    once = [one.danmaku_us - line.slope * one.frames_per_danmaku for one in over_rooms]
    few, many = over_rooms[0], over_rooms[-1]
    ratios = [
        Ratio("R squared of a tick's cost over viewers", line.r_squared, 0.98),
        Ratio(f"CPU per frame, {many.rooms:,} rooms / {few.rooms} room", many.frame_us / few.frame_us),
    ]
    facts: dict[str, float | int | str] = {
        "danmaku_per_room_and_second": PER_ROOM,
        "frame_us": round(line.slope, 2),
        "danmaku_once_us": round(line.intercept, 1),
    }
    facts |= {f"once_us_at_{one.rooms}_rooms": round(us, 1) for one, us in zip(over_rooms, once, strict=True)}
    heading = ["curve: viewers", "rooms", "frames/s", "CPU per frame us", "CPU per danmaku us", "idle CPU"]
    points = [*over_viewers, *over_rooms]
    sides = [side(f"{one.viewers:,} viewers, {one.rooms:,} rooms", one.samples) for one in points]
    return Section("curve", "frames", sides, ratios, facts, [], [heading, *(_row(one) for one in points)])


def _row(one: Point) -> list[str]:
    rate = median(sample.per_second for sample in one.samples)
    return [
        f"{one.viewers:,}",
        f"{one.rooms:,}",
        f"{rate:,.0f}",
        f"{one.frame_us:.2f}",
        f"{one.danmaku_us:,.0f}",
        f"{one.idle_share:.1%}",
    ]
