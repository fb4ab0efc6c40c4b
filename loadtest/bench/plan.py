"""How a run is made: what every benchmark needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench.machine import Placement


@dataclass(frozen=True)
class Plan:
    """`seconds` is one window, `repeat` how many each side gets; programs are command lines.

    `paced_seconds` is the open loop of orders.
    `floor` and `joiners` are None where there is no compiler. `peers` are keys of `peer.PEERS`. `say`
    takes a line of progress, `plot` is where the cost curve is drawn.
    """

    placement: Placement
    folder: Path
    seconds: float
    paced_seconds: float
    repeat: int
    viewers: int
    seed: int
    receiver: list[str]
    floor: list[str] | None
    buyers: list[str]
    joiners: list[str] | None
    say: Callable[[str], None]
    peers: tuple[str, ...] = ()
    plot: Path | None = None
