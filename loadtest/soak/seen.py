"""What a soak did not see, and what no fault excuses: a line each. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from loadtest.chaos.targets import Strike
from loadtest.soak.lag import CAUGHT_UP_S, PATIENCE_S, Recovery, over
from loadtest.soak.samples import ROLES, Sample, named

GAP_S = 30.0
"""So long nothing may be known of a process or a number: a killed process comes back within seconds."""


def _runs(role: str) -> Callable[[Sample], bool]:
    return lambda sample: any(one.role == role for one in sample.processes)


READ: dict[str, Callable[[Sample], bool]] = {
    **{named(role): _runs(role) for role in ROLES},
    "viewers' sockets": lambda sample: sample.connections is not None,
    "tasks": lambda sample: sample.tasks is not None,
    "orders": lambda sample: sample.orders is not None,
    "the ledger's lag": lambda sample: sample.lag_s is not None,
}


def late_recoveries(recoveries: Sequence[Recovery]) -> list[str]:
    """A line for each fault after which the ledger was late, or was not seen to come back."""
    return [
        f"ledger lag after fault {one.number}: "
        + (f"{one.after_s:.1f} s" if one.after_s is not None else f"not within {one.watched_s:.0f} s")
        + f" until below {CAUGHT_UP_S:g} s, "
        + (f"{PATIENCE_S:g} s are allowed" if one.watched_s >= PATIENCE_S else "and then the next fault came")
        for one in recoveries
        if one.broken
    ]


def behind(samples: Sequence[Sample], strikes: Sequence[Strike]) -> list[str]:
    """A line for the longest lag that no fault excuses: before the first one, or longer than
    `lag.PATIENCE_S` after the one before."""
    excused = [(strike.at, over(strike) + PATIENCE_S) for strike in strikes]
    lags = [
        (sample.lag_s, sample.at)
        for sample in samples
        if sample.lag_s is not None and not any(begin <= sample.at <= end for begin, end in excused)
    ]
    worst, at = max(lags, default=(0.0, 0.0))
    return [f"ledger lag: {worst:.1f} s at {at:.0f} s, far from any fault"] if worst >= CAUGHT_UP_S else []


def unread(samples: Sequence[Sample], seconds: float) -> list[str]:
    """A line for whatever was not read for longer than a fault excuses, to the end of the run."""
    found = []
    for name, read in READ.items():
        times = [0.0, *(sample.at for sample in samples if read(sample)), seconds]
        gap, at = max((after - before, before) for before, after in pairwise(times))
        if gap > GAP_S:
            found.append(f"{name}: not read for {gap:.0f} s from {at:.0f} s on, {GAP_S:g} s are allowed")
    return found


def missed(strikes: Sequence[Strike]) -> list[str]:
    """Faults that could not be carried out: then less was shown than was said."""
    return [
        f"fault {one.fault.number} ({one.fault.target} {one.fault.kind.value}): {one.done}"
        for one in strikes
        if one.done.startswith("missed")
    ]
