"""The evenings a load test can play: who comes, how fast, what they do. Plain values, no Locust here.

A scenario is a set of defaults: whatever the command line says goes first. `shape` says how many people
are in the room at each second.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Shape = Callable[[float, int, float], int | None]
"""Seconds since the start, people at the peak, seconds of the run -> people now; None when it is over."""


def steady(second: float, peak: int, seconds: float) -> int | None:
    """Everybody comes, everybody stays."""
    return peak if second < seconds else None


def crowd(second: float, peak: int, seconds: float) -> int | None:
    """A third is early, the rest comes when word of the sale is out; at the end a third stays."""
    if second >= seconds:
        return None
    if seconds / 6 <= second < seconds * 5 / 6:
        return peak
    return max(1, peak // 3)


WAVE_S = 10.0


def waves(second: float, peak: int, seconds: float) -> int | None:
    """Everybody comes at once, nearly all leave again, and once more."""
    if second >= seconds:
        return None
    return peak if second % WAVE_S < WAVE_S * 0.6 else max(1, peak // 10)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`users`, `rate` and `seconds` are what Locust's `-u`, `-r` and `-t` say otherwise.

    `buyers` is the share of the users who buy, the others talk. `settings` are defaults of options.
    """

    name: str
    what: str
    users: int
    rate: float
    seconds: float
    buyers: float
    shape: Shape = steady
    settings: dict[str, Any] = field(default_factory=dict)


BASE: dict[str, Any] = {
    "swarm_viewers": 0,
    "swarm_rate": 500.0,
    "swarm_danmaku_rate": 10.0,
    "churn_rate": 0.0,
    "drop_every": 0.0,
    "drop_share": 0.0,
    "order_rate": 0.0,
    "spread_ms": 1_000.0,
    "danmaku_every": 10.0,
    "host_rate": 0.0,
    "sale_stock": 30,
    "sale_every": 12.0,
    "sale_starts_in": 5.0,
    "sale_duration": 5.0,
    "per_user_limit": 2,
    "duplicate_share": 0.1,
    "greedy_share": 0.3,
    "pay": "later",
}
"""What holds where a scenario says nothing."""

_ALL = (
    Scenario(
        name="evening",
        what="a steady room: people talk, buy from the shelf, and at the zero of a sale now and then",
        users=200,
        rate=50,
        seconds=60,
        buyers=1 / 3,
        settings={"order_rate": 5.0},
    ),
    Scenario(
        name="spike",
        what="a flash sale: every buyer orders one unit within a second of zero by the server's clock",
        users=500,
        rate=100,
        seconds=60,
        buyers=1.0,
        settings={
            "swarm_viewers": 2_000,
            "swarm_danmaku_rate": 20.0,
            "sale_stock": 100,
            "sale_every": 20.0,
            "per_user_limit": 1,
            "duplicate_share": 0.05,
            "greedy_share": 0.0,
        },
    ),
    Scenario(
        name="danmaku",
        what="a danmaku storm: everybody talks at once, and an order now and then must not wait for it",
        users=200,
        rate=50,
        seconds=60,
        buyers=1 / 10,
        settings={"danmaku_every": 1.0, "swarm_viewers": 500, "swarm_danmaku_rate": 100.0, "order_rate": 2.0},
    ),
    Scenario(
        name="joins",
        what="a join storm: people come in waves, as fast as they can",
        users=300,
        rate=300,
        seconds=60,
        buyers=1 / 10,
        shape=waves,
        settings={"swarm_viewers": 2_000, "swarm_rate": 1_000.0},
    ),
    Scenario(
        name="reconnects",
        what="a reconnect storm: now and then half of the sockets are cut at once and come back",
        users=200,
        rate=50,
        seconds=60,
        buyers=1 / 3,
        settings={"swarm_viewers": 1_000, "drop_every": 12.0, "drop_share": 0.5, "host_rate": 2.0},
    ),
    Scenario(
        name="mounting",
        what="a busy host: products come, change, move and go while people watch and buy",
        users=100,
        rate=50,
        seconds=60,
        buyers=1 / 3,
        settings={"host_rate": 10.0, "swarm_viewers": 500, "order_rate": 5.0},
    ),
    Scenario(
        name="soak",
        what="a long evening with people coming, going and losing their network, and a sale every minute",
        users=200,
        rate=50,
        seconds=1_200,
        buyers=1 / 3,
        settings={
            "swarm_viewers": 1_000,
            "churn_rate": 5.0,
            "order_rate": 5.0,
            "sale_every": 60.0,
            "host_rate": 0.2,
        },
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}


def settle(options: MutableMapping[str, Any], scenario: Scenario) -> None:
    """Fill in what the command line left open (None)."""
    defaults = {**BASE, **scenario.settings}
    defaults |= {"num_users": scenario.users, "spawn_rate": scenario.rate, "run_time": scenario.seconds}
    for name, value in defaults.items():
        if options.get(name) is None:
            options[name] = value


def shares(users: int, buyers: float, fixed: int) -> dict[str, int]:
    """How many of `users` people buy and how many talk, beside `fixed` others (host, swarms)."""
    people = max(users - fixed, 0)
    buying = min(people, round(people * buyers))
    return {"buyers": buying, "talkers": people - buying}
