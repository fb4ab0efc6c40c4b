"""`python -m loadtest.capacity`: what this machine carries, and what more would need.

Exit codes: 0 done (what could not be measured is told and left out), 1 nothing usable, 2 bad options
or a result that could not be written.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from msgspec import Struct

from loadtest.bench.native import ProgramFailed
from loadtest.capacity.assumptions import Assumptions
from loadtest.capacity.costs import Costs, costs
from loadtest.capacity.document import NoMarkers, figures, replaced
from loadtest.capacity.model import Model, model
from loadtest.capacity.plot import draw
from loadtest.capacity.points import Measured
from loadtest.capacity.projection import CASES, Needs, needs, projected
from loadtest.capacity.run import QUICK, USUAL, Size, measure
from loadtest.places import file_can_be, folder_can_be

OUTPUT = Path("build/capacity.json")
WIDEST = 1_000
"""Times more or less than usual, beyond which an assumption is a slip of the hand."""
SHORTEST_S = 0.001
"""A loop of orders shorter than that was none."""


class Report(Struct):
    """What is written as JSON: everything measured and everything that follows."""

    measured: Measured
    model: Model
    costs: Costs | None
    assumptions: Assumptions
    needs: list[Needs]


class Kept(Struct):
    """What of such a JSON counts when it is read again: the rest follows from it."""

    measured: Measured


def report(measured: Measured, given: Assumptions) -> Report:
    """What follows from a measurement."""
    fitted = model(measured)
    known = costs(measured, fitted, given)
    needed = []
    if known is not None:
        needed = [needs(case, known, given) for case in CASES if projected(case, known)]
    return Report(measured, fitted, known, given, needed)


def _numbers(text: str) -> list[int]:
    found = sorted({int(part) for part in text.split(",")})
    if found[0] < 1:
        raise ValueError
    return found


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.capacity", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, for tests: says nothing")
    parser.add_argument("--viewers", type=_numbers, help="of one room, e.g. 500,2000,5000,10000")
    parser.add_argument("--danmaku", type=_numbers, help="a second, e.g. 5,20,50")
    parser.add_argument("--storm", type=_numbers, help="a second, in the smallest room too, e.g. 200,500")
    parser.add_argument("--orders", type=_numbers, help="a second, e.g. 500,1000,2000")
    parser.add_argument("--buyers", type=int, help="sockets that order (1000)")
    parser.add_argument("--seconds", type=float, help="length of a window (4)")
    parser.add_argument("--orders-seconds", type=float, help="length of an open loop of orders (8)")
    parser.add_argument("--repeat", type=int, help="windows of each rate of danmaku (2)")
    parser.add_argument(
        "--output", type=Path, help="where the JSON goes (build/capacity.json; with --from nowhere)"
    )
    parser.add_argument("--images", type=Path, default=Path("build"), help="folder of the plots")
    parser.add_argument("--document", type=Path, help="rewrite the figures between this document's markers")
    parser.add_argument("--from", dest="source", type=Path, help="measure nothing: take such a JSON")
    parser.add_argument(
        "--assume", action="append", default=[], metavar="NAME=VALUE", help="another assumption; repeatable"
    )
    options = parser.parse_args(arguments)
    given = [options.buyers, options.seconds, options.orders_seconds, options.repeat]
    if any(number is not None and number < 0.1 for number in given):
        parser.error("--buyers, --seconds, --orders-seconds and --repeat from 1, seconds from 0.1")
    try:
        options.assumptions = _assumed(options.assume)
    except (ValueError, msgspec.ValidationError) as error:
        parser.error(f"--assume takes NAME=VALUE of the table of assumptions: {error}")
    if not all(number is None or math.isfinite(number) for number in given):
        parser.error("sizes and seconds are finite numbers")
    if options.output is None and options.source is None:
        options.output = OUTPUT
    if options.output is not None and not file_can_be(options.output):
        parser.error(f"--output: {options.output} is no file that can be written")
    if not folder_can_be(options.images):
        parser.error(f"--images: {options.images} is no folder that can be written to")
    if options.document is not None:
        _check_document(parser, options.document)
    options.kept = None if options.source is None else _kept(parser, options.source)
    return options


def _kept(parser: argparse.ArgumentParser, source: Path) -> Measured:
    try:
        found = msgspec.json.decode(source.read_bytes(), type=Kept).measured
    except (OSError, ValueError, RecursionError) as error:
        parser.error(f"--from: {source} cannot be read: {error}")
    for one in found.orders:
        if one.elapsed_s < SHORTEST_S:
            parser.error(f"--from: {source}: elapsed_s of {one.per_second:,} orders/s is {one.elapsed_s:g}")
    return found


def _check_document(parser: argparse.ArgumentParser, document: Path) -> None:
    """Before anything is measured: minutes of work are not to end at a missing marker."""
    try:
        replaced(document.read_text("utf-8"), "")
    except (OSError, ValueError, NoMarkers) as error:
        parser.error(f"--document: {error}")
    if not file_can_be(document):
        parser.error(f"--document: {document} cannot be written")


def _assumed(pairs: Sequence[str]) -> Assumptions:
    """Raises ValueError, msgspec.ValidationError."""
    wanted = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in Assumptions.__struct_fields__:
            raise ValueError(f"no assumption {name}")
        number = float(value)
        if not 0 <= number < math.inf or (number == 0 and name not in ("spare_nodes", "replicas")):
            raise ValueError(f"{name} has to be above 0")
        if name.endswith(("_utilisation", "_share")) and number > 1:
            raise ValueError(f"{name} is a share, at most 1")
        usual = getattr(Assumptions(), name)
        least, most = usual / WIDEST, usual * WIDEST
        if number and not least <= number <= most:
            raise ValueError(f"{name} is {number:g}, and may be {least:g} to {most:g}")
        wanted[name] = value
    found = msgspec.convert(wanted, Assumptions, strict=False)
    processes, cores = found.gateways_per_node, found.cores_per_node
    if processes > cores:
        raise ValueError(f"gateways_per_node={processes}, a core each, is above cores_per_node={cores}")
    return found


def _size(options: argparse.Namespace) -> Size:
    size = QUICK if options.quick else USUAL
    names = ("viewers", "danmaku", "storm", "orders", "buyers", "seconds", "orders_seconds", "repeat")
    return replace(size, **{name: getattr(options, name) for name in names if getattr(options, name)})


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _measured(options: argparse.Namespace) -> Measured:
    kept: Measured | None = options.kept
    if kept is not None:
        return kept
    return measure(_size(options), options.output.parent, _say)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, fit, draw, write; the exit code."""
    options = _options(arguments)
    try:
        measured = _measured(options)
    except (ProgramFailed, OSError) as error:
        _say(f"nothing could be measured: {error}")
        return 1
    found = report(measured, options.assumptions)
    try:
        return _told(measured, found, options)
    except (OSError, ValueError, RecursionError) as error:
        _say(f"not everything could be written: {error}")
        return 2


def _told(measured: Measured, found: Report, options: argparse.Namespace) -> int:
    """Raises OSError, ValueError, RecursionError where it cannot be written."""
    written: list[Path] = []
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        written.append(options.output)
    text = figures(measured, found.model, found.costs, found.assumptions, found.needs)
    if not measured.trusted and not measured.held:
        _say(f"nothing usable was measured, see {options.output or options.source}")
        return 1
    print(text)
    try:
        written += draw(measured, found.model, options.images)
    except ImportError as error:
        _say(f"no plots: {error} (pip install 'miaodan[bench]')")
    if options.document is not None:
        options.document.write_text(replaced(options.document.read_text("utf-8"), text), "utf-8")
        written.append(options.document)
    _say(f"written: {', '.join(str(path) for path in written)}; left out: {len(measured.failures)}")
    return 0


if __name__ == "__main__":
    # These unwind like a Ctrl-C: the servers it started are stopped.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
