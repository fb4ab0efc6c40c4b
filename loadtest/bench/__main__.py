"""`python -m loadtest.bench`: fan-out and orders beside their floors, in one run.

Exit codes: 0 all targets met, 1 a ratio under its target, 2 the run could not be made.
"""

from __future__ import annotations

import argparse
import math
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from client_sim.api import ApiError
from loadtest.bench import curve, fanout, joins, memory, orders, room
from loadtest.bench.machine import facts, place
from loadtest.bench.native import ProgramFailed
from loadtest.bench.peer import PEERS
from loadtest.bench.plan import Plan
from loadtest.bench.prepare import programs_in, raise_descriptor_limit
from loadtest.bench.render import markdown, table
from loadtest.bench.results import Report, Section
from loadtest.bench.store import StoreFailed
from loadtest.bench.target import ServerFailed


class Benchmark(NamedTuple):
    """`viewers`, `seconds` of a window: unless told; `descriptors`: open files of one process per viewer."""

    measure: Callable[[Plan], Section]
    viewers: int
    descriptors: float
    seconds: float = 3.0


BENCHMARKS = {
    # Two windows for each of a dozen sides: short ones.
    "fanout": Benchmark(fanout.measure, 1_000, 3, 1.2),
    # Three groups of buyers, and the sixth side is the open loop.
    "orders": Benchmark(orders.measure, 1_000, 3, 2.0),
    "joins": Benchmark(joins.measure, 5_000, 1),
    "memory": Benchmark(memory.measure, 10_000, 1),
    "room": Benchmark(room.measure, 10_000, 1),
    # A speaker for each room, and a room for every tenth viewer.
    "curve": Benchmark(curve.measure, 10_000, 1.1, 2.0),
}
USUAL = ("fanout", "orders")
"""What is measured when nothing is chosen."""
PACED_S = {False: 10.0, True: 60.0}
"""The open loop of orders, without and with `--all`."""
SPARE_DESCRIPTORS = 200


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, help="length of one window (fanout 1.2, curve 2, others 3)")
    parser.add_argument("--paced", type=float, help="length of the open loop of orders (10, with --all 60)")
    parser.add_argument("--repeat", type=int, default=5, help="windows of each side (5)")
    usual = ", ".join(f"{name} {one.viewers}" for name, one in BENCHMARKS.items())
    parser.add_argument("--viewers", type=int, default=None, help=f"sockets of a room ({usual})")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--only", choices=sorted(BENCHMARKS), help="one benchmark alone")
    chosen.add_argument("--all", action="store_true", help=f"all of them, not just {' and '.join(USUAL)}")
    known = ",".join(PEERS)
    parser.add_argument("--peers", default="all", help=f"other servers beside: all, none, or some of {known}")
    parser.add_argument("--seed", type=int, default=None, help="of mask keys; drawn when not given")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"), help="where the JSON goes")
    parser.add_argument("--plot", type=Path, help="draw the curve into this PNG")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    shown.add_argument("--markdown", action="store_true", help="print Markdown instead of the table")
    options = parser.parse_args(arguments)
    given = [options.repeat] + [number for number in (options.viewers,) if number is not None]
    lengths = [seconds for seconds in (options.seconds, options.paced) if seconds is not None]
    if min(lengths, default=1.0) < 0.1 or min(given) < 1:
        parser.error("--seconds and --paced from 0.1, --repeat and --viewers from 1")
    names = {"all": list(PEERS), "none": []}.get(options.peers, options.peers.split(","))
    if unknown := [name for name in names if name not in PEERS]:
        parser.error(f"--peers knows {known}, all and none, not {', '.join(unknown)}")
    options.peers = tuple(names)
    return options


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _chosen(options: argparse.Namespace) -> dict[str, int]:
    """Which benchmarks, and with how many viewers."""
    names = [options.only] if options.only else list(BENCHMARKS if options.all else USUAL)
    return {name: options.viewers or BENCHMARKS[name].viewers for name in names}


def _plan(options: argparse.Namespace, folder: Path) -> Plan:
    placement = place()
    os.sched_setaffinity(0, placement.others)
    programs = programs_in(folder, _say)
    seed = secrets.randbits(31) if options.seed is None else options.seed
    return Plan(
        placement=placement,
        folder=folder,
        seconds=0.0,
        paced_seconds=options.paced or PACED_S[options.all],
        repeat=options.repeat,
        viewers=max(_chosen(options).values()),
        seed=seed,
        receiver=programs.receiver,
        floor=programs.floor,
        buyers=programs.buyers,
        joiners=programs.joiners,
        say=_say,
        peers=options.peers,
        plot=options.plot,
    )


def run(options: argparse.Namespace) -> Report:
    """One run. Raises what the benchmarks raise."""
    started, start = datetime.now(UTC), time.monotonic()
    chosen = _chosen(options)
    seconds = {name: options.seconds or BENCHMARKS[name].seconds for name in chosen}
    sockets = max(BENCHMARKS[name].descriptors * count for name, count in chosen.items())
    raise_descriptor_limit(math.ceil(sockets) + SPARE_DESCRIPTORS)
    output: Path = options.output
    output.parent.mkdir(parents=True, exist_ok=True)
    own_cpus = os.sched_getaffinity(0)
    try:
        # Beside the output, not in /tmp: that may be a tmpfs, where an fsync is nothing.
        with tempfile.TemporaryDirectory(prefix="bench-", dir=output.parent) as folder:
            plan = _plan(options, Path(folder).absolute())
            sections = [
                BENCHMARKS[name].measure(replace(plan, viewers=count, seconds=seconds[name]))
                for name, count in chosen.items()
            ]
    finally:
        os.sched_setaffinity(0, own_cpus)
    said: dict[str, float | int | str] = {
        **{f"{name} seconds": length for name, length in seconds.items()},
        "repeat": plan.repeat,
        "viewers": ", ".join(f"{name} {count:,}" for name, count in chosen.items()),
        "seed": str(plan.seed),
        "cpu of the server": str(sorted(plan.placement.server)),
        "cpu of the rest": str(sorted(plan.placement.others)),
    }
    return Report(facts(), said, sections, f"{started:%Y-%m-%d %H:%M} UTC", time.monotonic() - start)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, print; the exit code."""
    options = _options(arguments)
    try:
        report = run(options)
    except (ServerFailed, ProgramFailed, StoreFailed, ApiError, OSError) as error:
        _say(f"the benchmark could not be run: {error}")
        return 2
    document = msgspec.json.format(msgspec.json.encode(report), indent=2)
    options.output.write_bytes(document + b"\n")
    if options.json:
        print(document.decode())
    else:
        print(markdown(report) if options.markdown else table(report))
    for ratio in report.missed:
        _say(f"{ratio.name} is {ratio.value:.2f}, under its target of {ratio.target:.2f}")
    return 1 if report.missed else 0


if __name__ == "__main__":
    # A SIGTERM unwinds like a Ctrl-C: the servers it started are stopped.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
