"""Which fault comes when: planned from a seed before anything runs. Sans-I/O."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct

LONGEST_S = 8.0
SHORTEST_S = 0.1
PICKS = 1 << 16


class Kind(str, Enum):
    """What is done to a target. `lock`: somebody else holds the database's write lock; `mood`: the payment
    provider fails, delays, repeats, reorders and drops."""

    KILL = "kill"
    STOP = "stop"
    LOCK = "lock"
    MOOD = "mood"


class Fault(Struct, frozen=True):
    """One fault. `at` and `lasts` are seconds: since the faults began, and for how long it stands.

    `pick` chooses among several processes of one kind: number `pick % count`, by process id.
    """

    number: int
    at: float
    target: str
    kind: Kind
    lasts: float
    pick: int


def plan(seed: int, seconds: float, count: int, targets: Mapping[str, Sequence[Kind]]) -> list[Fault]:
    """`count` faults over `seconds`, in order of time. The same arguments give the same plan.

    Every kind of every target comes as often as any other (give or take one); each fault has a slot of
    its own in time, so there is no long quiet stretch, but stops may overlap what follows them.
    """
    if not targets or count < 1:
        raise ValueError("expected at least one target and one fault")
    chance = random.Random(seed)
    pairs = [(target, kind) for target in sorted(targets) for kind in targets[target]]
    deck: list[tuple[str, Kind]] = []
    while len(deck) < count:
        chance.shuffle(pairs)
        deck += pairs
    slot = seconds / count
    longest = min(LONGEST_S, max(1.0, seconds / 8))
    faults = []
    for number, (target, kind) in enumerate(deck[:count]):
        at = (number + chance.random()) * slot
        # As many stops between 0.1 and 1 s as between 1 and 10: short ones reorder, long ones time out.
        lasts = math.exp(chance.uniform(math.log(SHORTEST_S), math.log(longest)))
        faults.append(Fault(number, round(at, 3), target, kind, round(lasts, 3), chance.randrange(PICKS)))
    return faults
