"""`python -m loadtest.chaos`: buyers at full speed, faults at random, then every promise against the books.

Exit codes: 0 every promise held, 1 a promise was broken, 2 the run could not be made.
"""

from __future__ import annotations

import argparse
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
from loadtest.chaos.report import table
from loadtest.chaos.run import Options, run
from loadtest.chaos.shopkeeper import NotMounted
from loadtest.postgres import ClusterFailed

SECONDS = 600.0
FAULTS_PER_SECOND = 0.22
LEAST_FAULTS = 12


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of faults")
    parser.add_argument("--faults", type=int, help=f"{FAULTS_PER_SECOND:g} a second when not given")
    parser.add_argument("--seed", type=int, help="of the faults and the people; drawn when not given")
    parser.add_argument("--buyers", type=int, default=40)
    parser.add_argument("--database", choices=("auto", "postgresql", "sqlite"), default="auto")
    parser.add_argument("--output", type=Path, default=Path("build/chaos.json"), help="where the JSON goes")
    parser.add_argument(
        "--keep", action="store_true", help="keep journal and data also when all promises held"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    options = parser.parse_args(arguments)
    if options.seconds < 1 or options.buyers < 1 or (options.faults is not None and options.faults < 1):
        parser.error("--seconds, --buyers and --faults from 1")
    return options


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write, print; the exit code."""
    given = _arguments(arguments)
    options = Options(
        seed=secrets.randbits(31) if given.seed is None else given.seed,
        seconds=given.seconds,
        faults=given.faults or max(LEAST_FAULTS, round(given.seconds * FAULTS_PER_SECOND)),
        buyers=given.buyers,
        database=given.database,
    )
    _say(options.replay)
    output: Path = given.output
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=output.parent)).absolute()
    try:
        report = run(options, folder, _say)
    except (ServerFailed, ClusterFailed, NotMounted, TimeoutError, ValueError, OSError) as error:
        _say(f"the chaos run could not be made: {error}; what there is lies in {folder}")
        return 2
    except Exception:  # a mistake of ours is no verdict on the server
        traceback.print_exc()
        return 2
    document = msgspec.json.format(msgspec.json.encode(report), indent=2)
    output.write_bytes(document + b"\n")
    print(document.decode() if given.json else table(report))
    for line in report.broken:
        _say(f"BROKEN {line}")
    if report.broken or given.keep:
        _say(f"journal, logs and data lie in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if report.broken else 0


if __name__ == "__main__":
    # A SIGTERM unwinds like a Ctrl-C: the servers it started are stopped.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
