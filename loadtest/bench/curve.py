"""What a delivered frame costs the gateway: over viewers, and over rooms.

Each danmaku is a tick of its room (`tick_ms` is 1): it costs something once, and something for every
socket of the room. CPU time of an idle window on the same sockets (presence, sweeps) is taken off.

- over viewers: one room, a fixed rate; the cost of a tick is a line.
- over rooms, the same work: rooms of one size, and one rate for all rooms together, so that ticks and
  frames are the same whether they fall on one room or on a thousand.
- over rooms, spread thin: the same viewers in more and more rooms, and a rate for each. What a tick
  costs once falls on fewer and fewer frames. Told, not judged.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from statistics import median

from loadtest.bench.crowd import settle
from loadtest.bench.machine import Foreign, cpu_ns
from loadtest.bench.native import Program, ProgramFailed
from loadtest.bench.plan import Plan
from loadtest.bench.plot import draw
from loadtest.bench.points import Curves, Point, tick_line
from loadtest.bench.results import Ratio, Sample, Section, side, usable
from loadtest.bench.sides import receiver
from loadtest.bench.stage import OPEN_DOORS
from loadtest.bench.target import Server

VIEWERS = (0.01, 0.1, 0.3, 1.0)
"""Of the viewers asked for, in one room."""
ROOMS = (1, 10, 100, 1_000)
THIN = 0.1
"""Of the viewers asked for, spread over all rooms."""
PER_ROOM = 4
"""Danmaku a second."""
TOGETHER = 400
"""Danmaku a second, over all rooms of the same work."""
TEXT_BYTES = 100
WARM_UP_S = 0.5
SETTINGS = {**OPEN_DOORS, "MIAODAN_FANOUT__TICK_MS": "1"}
SPREAD_RATIO = 2.0
"""How much more a frame may cost with a thousand rooms: their sockets are no longer in the caches."""


def _point(plan: Plan, viewers: int, rooms: int, per_second: int) -> Point:
    """On a server of its own, so that nothing is left of a larger one."""
    plan.say(f"curve: {viewers:,} viewers in {rooms:,} rooms, {per_second:,} danmaku a second")
    with ExitStack() as stack:
        server = stack.enter_context(Server(plan.placement, SETTINGS, plan.folder))
        program = stack.enter_context(receiver(plan, _links(server, viewers, rooms), rooms))
        for line in (f"text {TEXT_BYTES}", "awake 1"):
            program.ask(line)
        settle([server.gateway])
        start, cpu = time.monotonic_ns(), cpu_ns(server.gateway)
        time.sleep(plan.seconds)
        idle = (cpu_ns(server.gateway) - cpu) / (time.monotonic_ns() - start)
        program.ask(f"pace {per_second}")
        time.sleep(WARM_UP_S)
        samples = [_sample(plan, server, program) for _ in range(plan.repeat)]
        return Point(viewers, rooms, per_second, idle, samples)


def _links(server: Server, viewers: int, rooms: int) -> list[socket.socket]:
    """Sockets of the viewers, room by room, then of a speaker for each room."""
    links: list[socket.socket] = []
    speakers: list[socket.socket] = []
    for number in range(rooms):
        server.open_room()
        links += server.join(viewers * (number + 1) // rooms - viewers * number // rooms, "viewer")
        speakers += server.join(1, "speaker")
    return links + speakers


def _sample(plan: Plan, server: Server, program: Program) -> Sample:
    """One window; raises ProgramFailed when a danmaku was refused, or none came."""
    foreign, before, cpu = Foreign(plan.placement), program.ask("snap"), cpu_ns(server.gateway)
    time.sleep(plan.seconds)
    after, cpu = program.ask("snap"), cpu_ns(server.gateway) - cpu
    moved = {name: after[name] - before[name] for name in after}
    if moved["errors"] or moved["closed"] or not moved["frames"] or not moved["sent"]:
        raise ProgramFailed("receiver", f"{moved}; {program.complaints()}; {server.said()}")
    return Sample(
        count=moved["frames"],
        cpu_ns=cpu,
        wall_ns=moved["wall_ns"],
        foreign=foreign.share(cpu),
        extra={"danmaku": float(moved["sent"]), "receiver_cpu": moved["cpu_ns"] / moved["wall_ns"]},
    )


def measure(plan: Plan) -> Section:
    """Every configuration in turn; the plot is written when the plan names a file for it."""
    if plan.viewers < 2:
        raise ProgramFailed("curve", "a line needs two points: ask for 2 viewers or more")
    sizes = sorted({max(1, round(share * plan.viewers)) for share in VIEWERS})
    thin = max(1, round(THIN * plan.viewers))
    rooms = [count for count in ROOMS if count <= thin]
    each = plan.viewers // rooms[-1]
    curves = Curves(
        [_point(plan, size, 1, PER_ROOM) for size in sizes],
        [_point(plan, each * count, count, TOGETHER) for count in rooms],
        [_point(plan, thin, count, PER_ROOM * count) for count in rooms],
    )
    if plan.plot is not None:
        draw(curves, plan.plot)
        plan.say(f"curve: {plan.plot}")
    return section(curves)


def section(curves: Curves) -> Section:
    """Lines, ratios and a table of all points."""
    line = tick_line(curves)
    few, many = curves.same_work[0], curves.same_work[-1]
    thick, thin = curves.thin[0], curves.thin[-1]
    ratios = [
        Ratio("R squared of a tick's cost over viewers", line.r_squared, 0.98),
        Ratio(
            f"{SPREAD_RATIO:g} x CPU per frame in {few.rooms:,} room / in {many.rooms:,}, the same work",
            SPREAD_RATIO * few.frame_us / many.frame_us,
            1.0,
        ),
        Ratio(
            f"CPU per frame, spread thin over {thin.rooms:,} rooms / in one", thin.frame_us / thick.frame_us
        ),
    ]
    facts: dict[str, float | int | str] = {
        "us of a tick per viewer": round(line.slope, 2),
        "us of a tick at no viewers": round(line.intercept),
        "viewers of a room in the same work": many.viewers // many.rooms,
    }
    heading = ["curve: viewers", "rooms", "danmaku/s", "frames/s", "us per frame", "us per tick", "idle CPU"]
    points = [one for series in curves for one in series]
    grid = [heading, *(_row(one) for one in points)]
    sides = [side(f"{one.viewers:,} viewers, {one.rooms:,} rooms", one.samples) for one in points]
    return Section("curve", "frames", sides, ratios, facts, grid=grid)


def _row(one: Point) -> list[str]:
    rate = median(sample.per_second for sample in usable(one.samples))
    return [
        f"{one.viewers:,}",
        f"{one.rooms:,}",
        f"{one.danmaku_per_second:,}",
        f"{rate:,.0f}",
        f"{one.frame_us:.2f}",
        f"{one.tick_us:,.0f}",
        f"{one.idle_share:.1%}",
    ]
