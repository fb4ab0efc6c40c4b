"""One run: options in, everything measured out. A point that fails is told and left out."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from loadtest.bench.machine import facts, filesystem, place
from loadtest.bench.plan import Plan
from loadtest.bench.prepare import programs_in, raise_descriptor_limit
from loadtest.capacity import fanout, orders
from loadtest.capacity.fanout import SPEAKERS
from loadtest.capacity.points import Ceiling, FanoutPoint, JoinPoint, Measured, OrdersPoint

SPARE_DESCRIPTORS = 300


@dataclass(frozen=True)
class Size:
    """How much is measured: windows in seconds, rates a second."""

    viewers: list[int]
    danmaku: list[int]
    storm: list[int]
    """Rates for the smallest room alone: a large one cannot carry them to everybody on this machine."""
    orders: list[int]
    buyers: int
    seconds: float
    orders_seconds: float
    repeat: int


USUAL = Size(
    [500, 2_000, 5_000, 10_000],
    [5, 20, 50],
    [200, 500],
    [500, 1_000, 2_000, 4_000, 6_000, 8_000],
    1_000,
    4,
    8,
    2,
)
QUICK = Size([20], [5, 20], [40], [50, 100, 200], 12, 0.3, 0.5, 1)
"""Says nothing about the machine: for tests."""


def measure(size: Size, folder: Path, say: Callable[[str], None]) -> Measured:
    """Fan-out, then orders. `folder` is where the servers' data lies meanwhile: not a tmpfs, where an
    fsync is nothing. Raises ProgramFailed when the programs cannot be built or files are too few, OSError."""
    started, start = datetime.now(UTC), time.monotonic()
    raise_descriptor_limit(max(*size.viewers, 3 * size.buyers) + SPEAKERS + SPARE_DESCRIPTORS)
    folder.mkdir(parents=True, exist_ok=True)
    own_cpus = os.sched_getaffinity(0)
    try:
        with tempfile.TemporaryDirectory(prefix="capacity-", dir=folder) as inside:
            plan = _plan(size, Path(inside).absolute(), say)
            measured = Measured(
                machine={**facts(), "file system": filesystem(Path(inside))},
                options=_said(size, plan),
                started_at=f"{started:%Y-%m-%d %H:%M} UTC",
            )

            def told(one: FanoutPoint | JoinPoint | OrdersPoint | Ceiling) -> None:
                match one:
                    case FanoutPoint():
                        measured.fanout.append(one)
                    case JoinPoint():
                        measured.joins.append(one)
                    case OrdersPoint():
                        measured.orders.append(one)
                    case Ceiling():
                        measured.ceilings.append(one)

            def failed(reason: str) -> None:
                measured.failures.append(reason)
                say(f"left out: {reason}")

            os.sched_setaffinity(0, plan.placement.others)
            fanout.measure(plan, _grid(size), told, failed)
            orders.measure(plan, size.orders, told, failed)
    finally:
        os.sched_setaffinity(0, own_cpus)
    measured.took_s = time.monotonic() - start
    return measured


def _grid(size: Size) -> dict[int, list[int]]:
    """Danmaku a second by viewers of the room; 0 is the room at rest."""
    grid = {viewers: [0, *size.danmaku] for viewers in size.viewers}
    grid[min(grid)] += size.storm
    return grid


def _plan(size: Size, folder: Path, say: Callable[[str], None]) -> Plan:
    programs = programs_in(folder, say)
    return Plan(
        placement=place(),
        folder=folder,
        seconds=size.seconds,
        paced_seconds=size.orders_seconds,
        repeat=size.repeat,
        viewers=size.buyers,
        seed=secrets.randbits(31),
        receiver=programs.receiver,
        floor=None,
        buyers=programs.buyers,
        joiners=None,
        say=say,
    )


def _said(size: Size, plan: Plan) -> dict[str, str]:
    def listed(numbers: list[int]) -> str:
        return ", ".join(f"{one:,}" for one in numbers)

    return {
        "viewers": listed(size.viewers),
        "danmaku a second": listed(size.danmaku),
        "danmaku a second, smallest room too": listed(size.storm),
        "windows": f"{size.repeat} of {size.seconds:g} s",
        "orders a second": listed(size.orders),
        "open loop of orders": f"{size.orders_seconds:g} s by {size.buyers:,} buyers",
        "cpu of the gateway": str(sorted(plan.placement.server)),
        "cpu of the rest": str(sorted(plan.placement.others)),
    }
