"""How a soak ended: plain values, as JSON, for a terminal, and for docs/capacity.md. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from msgspec import Struct

from loadtest.chaos.report import faults_by_kind
from loadtest.chaos.targets import Strike
from loadtest.soak.judge import MEGABYTE, MEMORY_BOUND, Growth
from loadtest.soak.lag import CAUGHT_UP_S, Recovery, worst_and_median
from loadtest.soak.levels import COUNT_BOUND, Level
from loadtest.soak.samples import ROLES, WARM_ORDERS, WARM_SHARE, Sample, lives, named

BEGIN, END = "<!-- soak:begin -->", "<!-- soak:end -->"


class Bounds(Struct, frozen=True, kw_only=True):
    """Per ten minutes that are no leak: `memory` in MiB, `count` in descriptors or tasks. `warm_orders`: of
    each life, left out."""

    memory: float = MEMORY_BOUND
    count: float = COUNT_BOUND
    warm_orders: float = WARM_ORDERS


class Report(Struct, kw_only=True):
    """One run. `load` is Locust's own document, empty where it left none: `load_exit` and `load_said` then
    say how it ended. `audit` is what `miaodan audit` said, `planned` the number of faults.

    What follows from `bounds` is filled in by `loadtest.soak.verdict`; `broken`: a line each.
    """

    machine: dict[str, str]
    seed: int
    seconds: float
    viewers: int
    users: int
    replay: str
    started_at: str
    took_s: float
    planned: int
    strikes: list[Strike]
    audit: dict[str, Any]
    load: dict[str, Any]
    load_exit: int
    load_said: str = ""
    tracebacks: list[str] = []
    """What the server logged with a traceback meanwhile: a breach each, faults or not."""
    samples: list[Sample]
    bounds: Bounds = Bounds()
    broken: list[str] = []
    growths: list[Growth] = []
    levels: list[Level] = []
    recoveries: list[Recovery] = []


class NoPlace(ValueError):
    """A document without the two markers. `name`: of the document."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} has no {BEGIN} followed by {END}"


def progress(sample: Sample, struck: int) -> str:
    """`   60 s  1,198 connections, 174 orders, ledger 0.1 s behind, 1 fault; MiB: gateway 105, ...`."""
    memory = ", ".join(f"{named(one.role)} {one.resident / MEGABYTE:.1f}" for one in sample.processes)
    lag = "unknown" if sample.lag_s is None else f"{sample.lag_s:.1f} s"
    return (
        f"{sample.at:7.0f} s  {_count(sample.connections)} connections, {_count(sample.orders)} orders,"
        f" ledger lag {lag}, {struck} faults; MiB: {memory}"
    )


def _count(number: float | None) -> str:
    return "?" if number is None else f"{number:,.0f}"


# ---- rows ---------------------------------------------------------------------------------------


def growth_row(growth: Growth) -> tuple[str, str, str, str, str, str, str]:
    """Role, slope, interval, bound, stretches and blocks, rise of a life and its bound, verdict."""
    kind, digits = ("KB per order", 2) if growth.per == "byte/order" else ("MiB per 10 min", 3)
    scale = 1 / 1000 if growth.per == "byte/order" else 1.0
    bound = f"{growth.bound * scale:g} {kind}"
    trend = growth.trend
    if trend is None:
        return named(growth.role), "-", "-", bound, "-", "-", growth.word
    return (
        named(growth.role),
        f"{trend.slope * scale:+.{digits}f} {kind}",
        f"{trend.low * scale:+.{digits}f} to {trend.high * scale:+.{digits}f}",
        bound,
        f"{trend.stretches}, {trend.blocks}",
        "-" if growth.per == "byte/order" else f"{growth.rise:+.2f} of {growth.rise_bound:.1f} MiB",
        growth.word,
    )


def level_row(level: Level) -> tuple[str, str, str, str, str, str]:
    """Name, after the warm-up, at the end, what may be more, the trend and its bound, verdict."""
    early, late = (("-" if value is None else f"{value:g}") for value in (level.early, level.late))
    slope = "-"
    if level.trend is not None:
        slope = f"{level.trend.slope:+.1f} ({level.trend.low:+.1f} to {level.trend.high:+.1f})"
    return level.name, early, late, f"+{level.bound:g}", f"{slope}, bound {level.trend_bound:g}", level.word


def cpu_shares(samples: Sequence[Sample]) -> dict[str, float]:
    """Of one CPU, by role: mean over the lives, each weighed by its length."""
    shares: dict[str, float] = {}
    for role in ROLES:
        used = lasted = 0.0
        for life in lives(samples):
            if life.role == role and life.ended > life.began:
                seconds = [one.cpu_s for sample in samples for one in sample.processes if one.pid == life.pid]
                used += seconds[-1] - seconds[0]
                lasted += life.ended - life.began
        if lasted:
            shares[role] = used / lasted
    return shares


def _sold(report: Report) -> str:
    orders = report.load.get("orders")
    if not orders:
        return "the load left no verdict"
    sales = orders["sales"]
    units, stock, oversold = (
        sum(sale[name] for sale in sales) for name in ("allocated", "stock", "oversold")
    )
    return (
        f"{len(sales)} flash sales, {units:,} of {stock:,} units sold in them,"
        f" {oversold} oversold; {orders['accepted']:,} of {orders['offered']:,}"
        f" orders accepted, {orders['paid']:,} paid, {orders['unanswered']} left without an answer"
    )


def _goals(report: Report) -> dict[str, float | None]:
    return {goal["name"]: goal["value"] for goal in report.load.get("goals", ())}


def _told(report: Report) -> str:
    """What the faults cost the clients: told, not promised."""
    goals = _goals(report)
    parts = [
        f"{words} {goals[name]:,.0f} ms"
        for name, words in (
            ("order.p99_ms", "order answered p99"),
            ("delivery.p99_ms", "danmaku delivered p99"),
            ("welcome.p99_ms", "hello to welcome p99"),
        )
        if goals.get(name) is not None
    ]
    if goals.get("errors.rate") is not None:
        parts.append(f"failed requests {(goals['errors.rate'] or 0) * 100:.3f} %")
    return ", ".join(parts)


def _lag(report: Report) -> str:
    worst, middle = worst_and_median(report.recoveries)
    most = max((one.worst_s for one in report.recoveries), default=0.0)
    return (
        f"below {CAUGHT_UP_S:g} s again {worst:.1f} s after a fault's end at worst, {middle:.1f} s in the"
        f" median; the longest lag read was {most:.1f} s"
    )


def _faults(report: Report) -> str:
    return ", ".join(f"{name} {count}" for name, count in faults_by_kind(report.strikes).items())


def _problems(report: Report) -> str:
    return "0 problems" if report.audit.get("exit") == 0 else "PROBLEMS"


def _cpu(report: Report) -> str:
    shares = cpu_shares(report.samples)
    return ", ".join(f"{named(role)} {share * 100:.1f} %" for role, share in shares.items())


# ---- rendered -----------------------------------------------------------------------------------


def table(report: Report) -> str:
    """For a terminal."""
    machine = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    lines = [
        machine,
        f"seed {report.seed}, {report.started_at}, {report.seconds:g} s of load in {report.took_s:.0f} s,"
        f" {report.viewers:,} swarm viewers, {report.users} users",
        "",
        *(
            f"memory of {row[0]:<17} {row[1]:<24} {row[2]:<20} bound {row[3]:<20} {row[5]:<20} {row[6]}"
            for row in map(growth_row, report.growths)
        ),
        *(
            f"{row[0]:<50} {row[1]:>6} -> {row[2]:>6}  ({row[3]} allowed), per 10 min {row[4]}  {row[5]}"
            for row in map(level_row, report.levels)
        ),
        "",
        f"faults: {len(report.strikes)} ({_faults(report)})",
        f"ledger lag: {_lag(report)}",
        f"sales: {_sold(report)}",
        f"clients: {_told(report)}",
        f"CPU: {_cpu(report)}",
        f"audit: {_problems(report)}",
        f"again: {report.replay}",
    ]
    return "\n".join(lines)


def _grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows)]


def markdown(report: Report, picture: str) -> str:
    """The section for docs/capacity.md; `picture`: its path from there, empty without one."""
    minutes, goals, warm = report.seconds / 60, _goals(report), report.bounds.warm_orders
    connections = [one.connections for one in report.samples if one.connections]
    online = fmean(connections) if connections else 0.0
    shown = [f"![Memory, descriptors, tasks, ledger lag, viewers and orders over time]({picture})", ""]
    outcome = "All of it held." if not report.broken else f"{len(report.broken)} promises were broken:"
    lines = [
        f"`{report.replay}`, {report.started_at}: {minutes:.3g} minutes, {online:,.0f} open sockets on"
        f" average, {report.users} Locust users among them; viewers come, go and lose their network all the"
        f" time. {report.machine.get('processor', '')}, {report.machine.get('cpus', '?')} CPUs, shared with"
        " the load generator.",
        "",
        *(shown if picture else []),
        f"Faults: {len(report.strikes)} ({_faults(report)}). {outcome}",
        "",
        *(f"- {line}" for line in report.broken),
        *([""] if report.broken else []),
        f"Memory, without the first {WARM_SHARE:.0%} and the first {warm:,.0f} orders of each"
        " process's life, in which caches fill. One slope over all stretches between"
        " faults, each with an intercept of its own; 95 % interval from block means (of counts: lower"
        " quartiles), widened by what correlation is left (`loadtest/soak/slope.py`)."
        " A fault may leave a step behind, as pools keep the"
        " size of the worst moment: *rise of a life* is from its warm-up to its end, steps included, beside"
        " what is allowed. *Flat* means that the whole interval lies below the bound: no leak larger than"
        " its upper end can have been there unseen. The store keeps every order by design and is"
        " judged per order.",
        "",
        *_grid(
            (
                "memory of",
                "slope",
                "95 % interval",
                "bound",
                "stretches, blocks",
                "rise of a life",
                "verdict",
            ),
            [growth_row(growth) for growth in report.growths],
        ),
        "",
        *_grid(
            (
                "count in the life that rose most",
                "after its warm-up",
                "at its end",
                "allowed",
                "per 10 min between faults",
                "verdict",
            ),
            [level_row(level) for level in report.levels],
        ),
        "",
        f"- **Ledger lag**: {_lag(report)}.",
        f"- **Sales**: {_sold(report)}.",
        f"- **Audit**: `miaodan audit` {_problems(report)}; Locust's checker:"
        f" {_count(goals.get('audit.problems'))} differences between what clients were told and the ledger,"
        f" {_count(goals.get('loss.events'))} events lost.",
        f"- **What clients noticed**, faults included: {_told(report)}.",
        f"- **CPU**, of one: {_cpu(report)}.",
    ]
    return "\n".join(lines)


def placed(document: str, section: str, name: str) -> str:
    """The document with `section` between the markers. Raises NoPlace."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace(name)
    return f"{before}{BEGIN}\n{section}\n{END}{after}"
