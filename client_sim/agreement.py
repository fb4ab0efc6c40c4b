"""Whether all viewers believe the same: one place in the log, one shelf, one stock, one countdown."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from client_sim.histogram import Histogram
from client_sim.session import ClientSession

SKEW_PAIRS = 5_000


@dataclass(frozen=True)
class Agreement:
    """Viewers by what they hold. `digests` and `stocks` count per position and fingerprint."""

    positions: Counter[tuple[str, int]]
    digests: Counter[tuple[str, int, str]]
    stocks: Counter[str]
    problems: list[str] = field(default_factory=list)

    @property
    def agreed(self) -> bool:
        return not self.problems

    def document(self) -> dict[str, Any]:
        return {
            "agreed": self.agreed,
            "positions": [
                {"epoch": epoch, "seq": seq, "viewers": n}
                for (epoch, seq), n in self.positions.most_common(20)
            ],
            "digests": [
                {"epoch": epoch, "seq": seq, "digest": digest, "viewers": count}
                for (epoch, seq, digest), count in self.digests.most_common(20)
            ],
            "stocks": [{"stock": stock, "viewers": n} for stock, n in self.stocks.most_common(5)],
        }


def compare(sessions: Sequence[ClientSession]) -> Agreement:
    """Hold the replicas of live sessions against each other."""
    positions: Counter[tuple[str, int]] = Counter()
    digests: Counter[tuple[str, int, str]] = Counter()
    stocks: Counter[str] = Counter()
    for session in sessions:
        place = (session.epoch or "", session.seq)
        positions[place] += 1
        digests[(*place, session.replica.digest())] += 1
        stock = session.replica.stock()
        stocks[" ".join(f"{name}={left}" for name, left in sorted(stock.items()))] += 1
    problems = []
    if len(positions) > 1:
        places = ", ".join(f"{n} at {epoch}/{seq}" for (epoch, seq), n in positions.most_common(5))
        problems.append(f"viewers stand at {len(positions)} places of the log: {places}")
    torn = len(digests) - len(positions)
    if torn:
        problems.append(f"viewers at the same place hold {torn} different shelves")
    if len(stocks) > 1:
        problems.append(f"viewers were told {len(stocks)} different stocks")
    return Agreement(positions, digests, stocks, problems)


def countdown_skew(zeros: Sequence[float], into: Histogram, random_source: random.Random) -> None:
    """Record how far apart two viewers see one zero, for random pairs; `zeros` in true milliseconds."""
    if len(zeros) < 2:
        return
    for _ in range(min(SKEW_PAIRS, len(zeros) * 8)):
        one, other = random_source.sample(range(len(zeros)), 2)
        into.record(abs(zeros[one] - zeros[other]))
