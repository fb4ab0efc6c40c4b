"""Which fault strikes a soak when: the chaos tool's plan, thin and even over the run's middle. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from loadtest.chaos.schedule import Fault, plan
from loadtest.chaos.targets import PROCESSES

EVERY_S = 120.0
"""About one fault in so many seconds."""
FIRST_SHARE, LAST_SHARE = 0.12, 0.85
"""The crowd comes first, and after the last fault there is time to see that nothing stayed behind."""


def usual_count(seconds: float) -> int:
    """One every two minutes, two at least."""
    return max(2, round(seconds / EVERY_S))


def planned(seed: int, seconds: float, count: int, targets: Sequence[str]) -> list[Fault]:
    """`count` kills and stops, in order of time, in seconds since the load began.

    Each has a slot of its own and strikes in its middle half: half a slot of peace at least lies between
    two faults, in which lag and memory can come back. Raises ValueError without targets or faults.
    """
    begin, window = FIRST_SHARE * seconds, (LAST_SHARE - FIRST_SHARE) * seconds
    slot = window / count if count else 0.0
    found = []
    for fault in plan(seed, window, count, dict.fromkeys(targets, PROCESSES)):
        inside = fault.at - fault.number * slot
        at = begin + fault.number * slot + slot / 4 + inside / 2
        found.append(structs.replace(fault, at=round(at, 3)))
    return found
