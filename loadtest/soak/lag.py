"""How long after each fault the ledger was behind. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from loadtest.chaos.schedule import Kind
from loadtest.chaos.targets import Strike
from loadtest.soak.samples import Sample

CAUGHT_UP_S = 2.0
"""A ledger that lags less has caught up."""
PATIENCE_S = 30.0
"""It has so long for that, from the end of a fault. `/ready` says `degraded` beyond as much lag."""


SETTLE_S = 20.0
"""After a fault's end memory may still rise to the mark of that moment."""
SETTLE_SHARE = 1 / 30
"""But no more than this share of a short run is left out for it."""


class Recovery(Struct, frozen=True):
    """After one fault. `worst_s`: the longest lag that was read. `after_s`: from the fault's end until the
    lag was below `CAUGHT_UP_S` and stayed there; None where the next fault or the end came sooner.
    """

    number: int
    worst_s: float
    after_s: float | None
    watched_s: float

    @property
    def broken(self) -> bool:
        """It did not come back, or not in time. Where the next fault came first nobody knows whether it
        would have: that is no pass."""
        return self.after_s is None or self.after_s > PATIENCE_S


def over(strike: Strike) -> float:
    """When a fault ended: a kill at once, a stop when the process went on."""
    return strike.at + (strike.fault.lasts if strike.fault.kind is Kind.STOP else 0.0)


def recoveries(samples: Sequence[Sample], strikes: Sequence[Strike]) -> list[Recovery]:
    """One per fault, in order. Between samples nothing is known: a return is noted at the sample that shows
    it. While nobody could read the lag it has not returned."""
    found = []
    ordered = sorted(strikes, key=lambda strike: strike.at)
    end = samples[-1].at if samples else 0.0
    for number, strike in enumerate(ordered):
        until = ordered[number + 1].at if number + 1 < len(ordered) else end
        begin = over(strike)
        seen = [sample for sample in samples if strike.at <= sample.at <= until]
        worst = max((sample.lag_s for sample in seen if sample.lag_s is not None), default=0.0)
        found.append(Recovery(strike.fault.number, worst, _returned(seen, begin), max(0.0, until - begin)))
    return found


def _returned(seen: Sequence[Sample], begin: float) -> float | None:
    """Seconds from `begin` to the first sample after which all are caught up; None: the last is not."""
    back: float | None = None
    for sample in seen:
        if sample.lag_s is None or sample.lag_s >= CAUGHT_UP_S:
            back = None
        elif back is None:
            back = sample.at
    if back is None:
        return None
    away = any(sample.lag_s is None or sample.lag_s >= CAUGHT_UP_S for sample in seen)
    return max(0.0, back - begin) if away else 0.0


def worst_and_median(found: Sequence[Recovery]) -> tuple[float, float]:
    """Seconds until the ledger had caught up, over the faults after which it did."""
    after = [one.after_s for one in found if one.after_s is not None]
    return (max(after), median(after)) if after else (0.0, 0.0)


def disturbed_by(samples: Sequence[Sample], strikes: Sequence[Strike]) -> list[tuple[float, float]]:
    """From second to second: each fault, and the time after it in which its step comes."""
    settle_s = min(SETTLE_S, samples[-1].at * SETTLE_SHARE) if samples else 0.0
    return [(strike.at, over(strike) + settle_s) for strike in strikes]
