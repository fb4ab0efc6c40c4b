"""`python -m loadtest.soak`: a long evening with churn, sales and faults, after which nothing may have grown.

Exit codes: 0 all flat and correct, 1 a promise was broken, 2 wrong options, or the run could not be made.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import secrets
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec

from loadtest.bench.target import ServerFailed
from loadtest.places import file_can_be
from loadtest.soak.faults import usual_count
from loadtest.soak.judge import MEMORY_BOUND
from loadtest.soak.levels import COUNT_BOUND
from loadtest.soak.picture import draw
from loadtest.soak.report import Bounds, NoPlace, Report, markdown, placed, table
from loadtest.soak.run import Options, run
from loadtest.soak.samples import WARM_ORDERS
from loadtest.soak.verdict import judged

SECONDS = 1_200.0
SHORTEST_S = 20.0
SALE_EVERY_S = 60.0
ORDER_RATE = 40.0
"""Eight times the scenario's: a process that was killed has its caches full again within minutes."""
SHOWN = 20
OUTPUT = Path("build/soak.json")


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; a wrong one ends with 2 and a line that says what was expected."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load (1200)")
    parser.add_argument("--faults", type=int, help="kills and stops; one in two minutes when not given")
    parser.add_argument("--seed", type=int, help="of the faults; drawn and printed when not given")
    parser.add_argument("--viewers", type=int, default=1_000, help="in the swarm (1000)")
    parser.add_argument("--users", type=int, default=200, help="Locust users: buyers and talkers (200)")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between readings (2)")
    parser.add_argument(
        "--memory-bound",
        type=float,
        default=MEMORY_BOUND,
        help=f"MiB per ten minutes that are no leak ({MEMORY_BOUND:g})",
    )
    parser.add_argument(
        "--count-bound",
        type=float,
        default=COUNT_BOUND,
        help=f"descriptors or tasks per ten minutes that are no leak ({COUNT_BOUND:g})",
    )
    parser.add_argument("--order-rate", type=float, default=ORDER_RATE, help="from the shelf, a second (40)")
    parser.add_argument(
        "--warm-orders",
        type=float,
        default=WARM_ORDERS,
        help=f"of each process's life are left out of its slope, as its first quarter is ({WARM_ORDERS:g})",
    )
    parser.add_argument(
        "--from", dest="source", type=Path, help="run nothing: judge such a JSON again, by these bounds"
    )
    parser.add_argument("--output", type=Path, help="where the JSON goes (build/soak.json; --from: nowhere)")
    parser.add_argument("--plot", type=Path, help="draw the curves there (PNG; needs the extra `bench`)")
    parser.add_argument("--document", type=Path, help="write the section between this document's markers")
    given = parser.parse_args(arguments)
    if given.output is None and given.source is None:
        given.output = OUTPUT
    bounds = (given.memory_bound, given.count_bound)
    numbers = (given.seconds, given.every, *bounds, given.order_rate, given.warm_orders)
    if not all(math.isfinite(number) for number in numbers):
        parser.error("seconds, rates and bounds are finite numbers")
    files = [file.absolute() for file in (given.output, given.plot, given.document) if file]
    others = [given.source.absolute()] if given.source and given.source != given.output else []
    if len({*files, *others}) < len(files) + len(others):
        parser.error("--output, --plot, --document and --from are files of their own")
    for file in (given.output, given.plot):
        if file is not None and not file_can_be(file):
            parser.error(f"{file} cannot be written")
    if given.seconds < SHORTEST_S:
        parser.error(f"--seconds from {SHORTEST_S:g}")
    if given.viewers < 1 or given.users < 4 or (given.faults is not None and given.faults < 1):
        parser.error("--viewers and --faults from 1, --users from 4")
    if not 0 < given.every <= given.seconds / 20 or min(bounds) <= 0:
        parser.error(
            "--every above 0 and at most a twentieth of --seconds, --memory-bound and --count-bound above 0"
        )
    if given.order_rate <= 0 or given.warm_orders < 0:
        parser.error("--order-rate above 0, --warm-orders from 0")
    if given.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install 'miaodan[bench]'")
    if given.document:
        try:
            placed(given.document.read_text("utf-8"), "", str(given.document))
        except (OSError, UnicodeDecodeError, NoPlace) as error:
            parser.error(f"--document: {error}")
    return given


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def write(report: Report, given: argparse.Namespace) -> None:
    """JSON, picture, section. Raises OSError, NoPlace."""
    if given.output:
        document = msgspec.json.format(msgspec.json.encode(report), indent=1)
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_bytes(document + b"\n")
    if given.plot:
        draw(report, given.plot)
    if given.document:
        picture = os.path.relpath(given.plot, given.document.parent) if given.plot else ""
        text = given.document.read_text("utf-8")
        given.document.write_text(placed(text, markdown(report, picture), str(given.document)), "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run or read, judge, write, print; the exit code."""
    given = options_of(arguments)
    bounds = Bounds(memory=given.memory_bound, count=given.count_bound, warm_orders=given.warm_orders)
    if given.source:
        try:
            report = judged(msgspec.json.decode(given.source.read_bytes(), type=Report), bounds)
            code = _told(report, given.output)
        except (OSError, ValueError, RecursionError) as error:
            _say(f"--from {given.source}: {error}")
            return 2
        except (KeyError, TypeError, AttributeError) as error:
            _say(f"--from {given.source}: its `load` is not a document of Locust's run ({error!r})")
            return 2
        return _written(report, given, code)
    output: Path = given.output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=output.parent))
    options = chosen(given)
    _say(options.replay)
    try:
        report = judged(run(options, folder, output.with_name(f"{output.stem}-load.html"), _say), bounds)
    except (ServerFailed, TimeoutError, ValueError, OSError) as error:
        _say(f"the soak could not be made: {error}; what there is lies in {folder}")
        return 2
    except Exception:  # a mistake of ours is no verdict on the server
        traceback.print_exc()
        return 2
    code = _written(report, given, _told(report, given.output))
    if code:
        _say(f"logs and data lie in {folder}")
    else:
        shutil.rmtree(folder)
    return code


def _written(report: Report, given: argparse.Namespace, code: int) -> int:
    """The exit code, 2 where something could not be written."""
    try:
        write(report, given)
    except (OSError, NoPlace) as error:
        _say(f"not written: {error}")
        return 2
    return code


def chosen(given: argparse.Namespace) -> Options:
    """What is to be run."""
    return Options(
        seed=secrets.randbits(31) if given.seed is None else given.seed,
        seconds=given.seconds,
        faults=given.faults or usual_count(given.seconds),
        viewers=given.viewers,
        users=given.users,
        sale_every=min(SALE_EVERY_S, max(12.0, given.seconds / 5)),
        every=given.every,
        order_rate=given.order_rate,
    )


def _told(report: Report, where: Path | None) -> int:
    """Print the result, all of it where it goes to no file; the exit code."""
    print(table(report))
    shown = SHOWN if where else len(report.broken)
    for line in report.broken[:shown]:
        _say(f"BROKEN {line}")
    if len(report.broken) > shown:
        _say(f"BROKEN and {len(report.broken) - shown} more, see {where}")
    return 1 if report.broken else 0


if __name__ == "__main__":
    # These unwind like a Ctrl-C: what was started is stopped.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
