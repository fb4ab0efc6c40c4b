"""What the benchmark found: samples, sides, verdicts. Plain values, written as JSON.

CPU times are those of the process under test; a rate "per core" is a count divided by them.
"""

from __future__ import annotations

from statistics import median

from msgspec import Struct, field

FANOUT_TARGET = 0.75
FANOUT_STRETCH = 0.95
PEER_TARGET = 1.0
COALESCED_TARGET = 5.0
"""Million delivered messages per core and second."""
ORDERS_TARGET = 0.40
HOLDS_TARGET = 25_000
REFUSALS_TARGET = 50_000
PACE_PER_SECOND = 5_800
"""Five hundred million orders a day."""
ORDER_P99_MS = 80
LEDGER_LAG_S = 2
FOREIGN_SHARE = 0.05
DISTURBED_SHARE = 0.15
SPREAD = 0.20


class Sample(Struct, kw_only=True):
    """One window. `count` is socket writes or holds; times in nanoseconds.

    `foreign` is the share of the window in which the CPU under test worked for somebody else.
    """

    count: int
    cpu_ns: int
    wall_ns: int
    foreign: float = 0.0
    extra: dict[str, float] = {}

    @property
    def per_core(self) -> float:
        return self.count * 1e9 / max(1, self.cpu_ns)

    @property
    def per_second(self) -> float:
        return self.count * 1e9 / max(1, self.wall_ns)


class Spread(Struct):
    """Median, least and most of some samples' figure."""

    median: float
    least: float
    most: float


def spread(values: list[float]) -> Spread:
    """Raises ValueError when there are none."""
    if not values:
        raise ValueError("no samples")
    return Spread(median(values), min(values), max(values))


def usable(samples: list[Sample]) -> list[Sample]:
    """Those in which others had little of the CPU under test; all when there is no such one."""
    return [one for one in samples if one.foreign <= DISTURBED_SHARE] or samples


def paired(ours: list[Sample], theirs: list[Sample]) -> Spread:
    """Ours over theirs, per core and turn by turn: a machine that gets slower does so for both."""
    pairs = list(zip(ours, theirs, strict=True))
    calm = [pair for pair in pairs if max(one.foreign for one in pair) <= DISTURBED_SHARE]
    return spread([one.per_core / other.per_core for one, other in calm or pairs])


class Side(Struct):
    """One thing measured several times. All but the samples follow from the `usable` ones among them.

    `figures`: what else is known of it, by the keys of the section's `columns`.
    """

    name: str
    samples: list[Sample]
    per_core: Spread
    per_second: Spread
    noisy: bool
    used: int
    figures: dict[str, Spread] = {}


def side(name: str, samples: list[Sample]) -> Side:
    """Noisy: others worked on its CPU, or the windows lie far apart."""
    used = usable(samples)
    per_core = spread([sample.per_core for sample in used])
    foreign = max(sample.foreign for sample in used) > FOREIGN_SHARE
    apart = per_core.most - per_core.least > SPREAD * per_core.median
    per_second = spread([one.per_second for one in used])
    return Side(name, samples, per_core, per_second, foreign or apart, len(used))


class Ratio(Struct):
    """`value` against `target` (None: told, not judged); `stretch` is hoped for, not judged.

    `over`: the turns whose median `value` is, where it is one.
    """

    name: str
    value: float
    target: float | None = None
    stretch: float | None = None
    over: Spread | None = None

    @property
    def met(self) -> bool:
        return self.target is None or self.value >= self.target


class Section(Struct):
    """One benchmark: what it counted, its sides, its ratios, what a reader has to know.

    `grid` is a table of its own, its heading first, for what is not a rate per core.
    `columns`: headings of its sides' further figures.
    """

    name: str
    unit: str
    sides: list[Side]
    ratios: list[Ratio]
    facts: dict[str, float | int | str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    grid: list[list[str]] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)


class Report(Struct):
    """One run."""

    machine: dict[str, str]
    options: dict[str, float | int | str]
    sections: list[Section]
    started_at: str
    took_s: float

    @property
    def missed(self) -> list[Ratio]:
        """Ratios under their targets."""
        return [ratio for section in self.sections for ratio in section.ratios if not ratio.met]
