"""`python -m loadtest.stress`: a stress suite that checks itself, scenario after scenario.

Exit codes: 0 every promise held, 1 a promise was broken, 2 the run could not be made.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadtest.bench.machine import facts
from loadtest.bench.target import ServerFailed
from loadtest.stress.suite import SCENARIOS, play
from loadtest.stress.verdict import Report, row, table


def _setting(text: str) -> tuple[str, str]:
    """The environment variable of `section.key=value`."""
    name, equals, value = text.partition("=")
    section, dot, key = name.partition(".")
    if not (equals and dot and section and key):
        raise argparse.ArgumentTypeError(f"expected SECTION.KEY=VALUE, got {text!r}")
    return f"MIAODAN_{section}__{key}".upper(), value


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.stress", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", choices=sorted(SCENARIOS), action="append", help="one scenario (repeatable)"
    )
    parser.add_argument("--viewers", type=int, help="in each scenario; its own number when not given")
    parser.add_argument("--seconds", type=float, help="of load in each scenario; its own when not given")
    parser.add_argument("--seed", type=int, help="of everything random; drawn and printed when not given")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="SECTION.KEY=VALUE",
        help="a setting of the server, e.g. fanout.sender=python (repeatable)",
    )
    parser.add_argument("--output", type=Path, default=Path("build/stress.json"), help="where the JSON goes")
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    parser.add_argument("--list", action="store_true", help="say what there is, and what each promises")
    options = parser.parse_args(arguments)
    if options.viewers is not None and options.viewers < 10:
        parser.error("--viewers from 10")
    if options.seconds is not None and options.seconds < 1:
        parser.error("--seconds from 1")
    return options


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> Report:
    """Play what was asked for. Raises ServerFailed, OSError."""
    seed = secrets.randbits(31) if options.seed is None else options.seed
    _say(f"seed {seed}")
    started, begin = datetime.now(UTC), time.monotonic()
    output: Path = options.output
    output.parent.mkdir(parents=True, exist_ok=True)
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="stress-", dir=output.parent) as folder:
        for name in options.only or SCENARIOS:
            verdict = play(
                SCENARIOS[name],
                Path(folder).absolute(),
                seed,
                viewers=options.viewers,
                seconds=options.seconds,
                settings=dict(options.set),
                say=_say,
            )
            _say(row(verdict))
            verdicts.append(verdict)
    return Report(
        machine=facts(),
        seed=seed,
        settings=dict(options.set),
        verdicts=verdicts,
        started_at=f"{started:%Y-%m-%d %H:%M} UTC",
        took_s=round(time.monotonic() - begin, 1),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, write, print; the exit code."""
    options = _options(arguments)
    if options.list:
        for scenario in SCENARIOS.values():
            print(f"{scenario.name:<10} {scenario.promise}")
        return 0
    try:
        report = run(options)
    except (ServerFailed, OSError) as error:
        _say(f"the stress suite could not be run: {error}")
        return 2
    document = msgspec.json.format(msgspec.json.encode(report), indent=2)
    options.output.write_bytes(document + b"\n")
    print(document.decode() if options.json else table(report))
    for line in report.broken:
        _say(f"BROKEN {line}")
    return 1 if report.broken else 0


if __name__ == "__main__":
    # A SIGTERM unwinds like a Ctrl-C: the servers it started are stopped.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
