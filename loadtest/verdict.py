"""From figures and limits to a verdict: passed, failed, or limited by the generator. Plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from loadtest.thresholds import Thresholds


class Status(str, Enum):
    """`generator_limited` is no pass: the figures are the generator's, not the server's."""

    PASSED = "passed"
    FAILED = "failed"
    GENERATOR_LIMITED = "generator_limited"


@dataclass(frozen=True)
class Goal:
    """One figure beside its limit. `value` None: nothing measured. `timing`: a slow generator spoils it."""

    name: str
    what: str
    value: float | None
    limit: float
    unit: str = ""
    timing: bool = False

    @property
    def held(self) -> bool:
        return self.value is None or self.value <= self.limit

    def line(self) -> str:
        """The reason in one line, where it is broken."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name}: {self.what} is {self.value or 0:.6g}{unit}, the limit is {self.limit:.6g}{unit}"


@dataclass(frozen=True)
class Verdict:
    """`reasons`: one line per broken promise of the server; `limits`: why the generator is to blame."""

    status: Status
    goals: list[Goal]
    reasons: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 0 if self.status is Status.PASSED else 1


TIMINGS = (
    ("order", "order tapped to answered, p99"),
    ("paid", "order tapped to paid, p99"),
    ("delivery", "danmaku published to received, p99"),
    ("connect", "connecting, p99"),
    ("welcome", "hello to welcome, p99"),
    ("skew", "countdown skew of two viewers, p99"),
)
EXACT = (
    ("errors", "rate", "failed requests of all requests"),
    ("loss", "events", "sequenced events lost, doubled or out of order"),
    ("loss", "viewers", "swarm viewers missing"),
    ("sales", "oversold", "units sold that did not exist"),
    ("sales", "unsold", "units unsold in a sale called sold out"),
    ("audit", "problems", "differences between clients and ledger"),
)
GENERATOR = (
    ("lateness_p99_ms", "arrivals sent late, p99", "ms"),
    ("loop_lag_p99_ms", "event loop woken late, p99", "ms"),
    ("cpu_p90", "busiest process of the generator, CPU p90", ""),
)


def decide(
    thresholds: Thresholds, figures: Mapping[str, float | None], problems: Sequence[str] = ()
) -> Verdict:
    """`figures` by the names the TOML file has (`order.p99_ms`); `problems` fail a run by themselves."""
    goals = [
        Goal(
            f"{name}.p99_ms",
            what,
            figures.get(f"{name}.p99_ms"),
            getattr(thresholds, name).p99_ms,
            "ms",
            True,
        )
        for name, what in TIMINGS
    ]
    goals += [
        Goal(f"{section}.{name}", what, figures.get(f"{section}.{name}"), _limit(thresholds, section, name))
        for section, name, what in EXACT
    ]
    health = [
        Goal(
            f"generator.{name}",
            what,
            figures.get(f"generator.{name}"),
            _limit(thresholds, "generator", name),
            unit,
        )
        for name, what, unit in GENERATOR
    ]
    broken = [goal for goal in goals if not goal.held]
    limits = [goal.line() for goal in health if not goal.held]
    # A slow generator explains a slow figure, never a lost order.
    hard = bool(problems) or any(not goal.timing for goal in broken)
    if hard or (broken and not limits):
        status = Status.FAILED
    else:
        status = Status.GENERATOR_LIMITED if limits else Status.PASSED
    return Verdict(status, [*goals, *health], [*problems, *(goal.line() for goal in broken)], limits)


def _limit(thresholds: Thresholds, section: str, name: str) -> float:
    return float(getattr(getattr(thresholds, section), name))
