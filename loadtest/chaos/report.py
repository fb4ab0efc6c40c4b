"""How a chaos run ended: plain values, written as JSON, rendered as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from loadtest.chaos.schedule import Kind
from loadtest.chaos.targets import Strike
from loadtest.stress.verdict import breach_lines

Figures = dict[str, int | float | str]
KEPT = 1_000


class Promise(Struct):
    """One promise. `breaches`: one sentence each; `skipped`: why it could not be checked."""

    name: str
    words: str
    breaches: list[str] = []
    skipped: str = ""

    @property
    def held(self) -> bool:
        return not self.breaches


class Report(Struct, kw_only=True):
    """One run. The same seed, seconds, faults and targets plan the same faults again."""

    machine: dict[str, str]
    seed: int
    seconds: float
    buyers: int
    rooms: int
    database: str
    targets: dict[str, list[Kind]]
    replay: str
    figures: Figures
    promises: list[Promise]
    strikes: list[Strike]
    tracebacks: list[str]
    """What the server logged with a traceback meanwhile: kinds and how often. No promise, worth a look."""
    started_at: str
    took_s: float

    @property
    def broken(self) -> list[str]:
        """One line per breach, the promise first."""
        return [line for promise in self.promises for line in breach_lines(promise.name, promise.breaches)]


def promise(name: str, words: str, breaches: Sequence[str], skipped: str = "") -> Promise:
    """A promise with what was found; of very many breaches the first are kept and the rest counted."""
    kept = list(breaches[:KEPT])
    if len(breaches) > KEPT:
        kept.append(f"and {len(breaches) - KEPT} more")
    return Promise(name, words, kept, skipped)


def faults_by_kind(strikes: Sequence[Strike]) -> Figures:
    """How often each target was struck, by kind; what was missed apart."""
    counted: Counter[str] = Counter()
    for strike in strikes:
        missed = strike.done.startswith("missed")
        counted["missed" if missed else f"{strike.fault.target} {strike.fault.kind.value}"] += 1
    return dict(sorted(counted.items()))


def strike_line(strike: Strike) -> str:
    """`  12.345 s  stop gateway for 0.51 s: process 17`."""
    fault = strike.fault
    how_long = "" if fault.kind is Kind.KILL else f" for {fault.lasts:g} s"
    return f"{strike.at:8.3f} s  {fault.kind.value} {fault.target}{how_long}: {strike.done}"


def table(report: Report) -> str:
    """For a terminal: figures, faults, a line per promise."""
    machine = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    struck = ", ".join(f"{name} {count}" for name, count in faults_by_kind(report.strikes).items())
    lines = [
        machine,
        f"seed {report.seed}, {report.started_at}, {report.seconds:g} s of faults in {report.took_s:.0f} s,"
        f" ledger in {report.database}",
        f"faults: {len(report.strikes)} ({struck})",
        *(_figure(name, value) for name, value in report.figures.items()),
        "",
    ]
    for one in report.promises:
        word = "not checked" if one.skipped else "held" if one.held else f"BROKEN ({len(one.breaches)})"
        lines.append(f"{one.name:<12} {word:<14} {one.skipped or one.words}")
    return "\n".join([*lines, "", f"again: {report.replay}"])


def _figure(name: str, value: float | str) -> str:
    text = f"{value:,}" if isinstance(value, int | float) else value
    return f"  {name.replace('_', ' '):<34} {text}"
