"""Command-line options of the load test, beside Locust's own; `docs/load.md` explains them."""

from __future__ import annotations

import math
from typing import Any, Protocol

from client_sim.address import Address
from client_sim.api import Api
from client_sim.tokens import TokenSource, token_source
from client_sim.wire import Encoding
from loadtest.scenarios import BASE, SCENARIOS, settle

USER_PREFIX = "load-"
"""How the ids of this load test's users begin."""
PER_SWARM = 10_000
"""Viewers one swarm process is given where nobody says how many swarms there are to be."""


class Options(Protocol):
    """What `add` and `complete` put into Locust's parsed options."""

    scenario: str
    room: str
    token_key: str | None
    demo_tokens: bool
    codec: str
    people: int
    people_rate: float
    seconds: float
    server: str
    swarm_viewers: int
    swarms: int
    swarm_rate: float
    swarm_danmaku_rate: float
    churn_rate: float
    drop_every: float
    drop_share: float
    order_rate: float
    spread_ms: float
    danmaku_every: float
    host_rate: float
    sale_stock: int
    sale_every: float
    sale_starts_in: float
    sale_duration: float
    per_user_limit: int
    pay: str
    duplicate_share: float
    greedy_share: float
    thresholds: str | None
    threshold: list[str] | None
    report: str | None
    audit_wait: float
    audit: bool


_NUMBERS: dict[str, tuple[tuple[str, type, str], ...]] = {
    "Miaodan swarm: viewers in a process of their own, who only watch": (
        ("swarm_viewers", int, "How many; 0 starts no swarm."),
        ("swarms", int, "Swarm processes they are divided among (default: one per 10,000)."),
        ("swarm_rate", float, "Joins a second of all swarms together."),
        ("swarm_danmaku_rate", float, "Danmaku a second from swarm viewers."),
        ("churn_rate", float, "Swarm viewers a second who leave or lose their network."),
        ("drop_every", float, "Seconds between reconnect storms; 0: none."),
        ("drop_share", float, "Share of all sockets a storm cuts."),
    ),
    "Miaodan people": (
        ("order_rate", float, "Orders a second from the shelf, all buyers together, whatever the answers."),
        ("spread_ms", float, "Buyers order within this long after a sale's zero."),
        ("danmaku_every", float, "Seconds between danmaku of one talker."),
        ("duplicate_share", float, "Share of accepted orders that is sent a second time."),
        ("greedy_share", float, "Share of buyers who want more than they got."),
    ),
    "Miaodan host, in a room this run makes": (
        ("host_rate", float, "Commands a second: mount, update, pin, sort, announce, unmount."),
        ("sale_stock", int, "Units in each flash sale."),
        ("sale_every", float, "Seconds between flash sales; 0: none."),
        ("sale_starts_in", float, "Seconds of countdown."),
        ("sale_duration", float, "Seconds a sale stays open."),
        ("per_user_limit", int, "Units per buyer and sale."),
    ),
}


def add(parser: Any) -> None:
    """Add them to Locust's parser. What has no default here gets the scenario's, see `complete`."""
    room = parser.add_argument_group("Miaodan scenario and room")
    room.add_argument(
        "--scenario",
        default="evening",
        choices=sorted(SCENARIOS),
        help="Who comes and what they do; it gives -u, -r, -t and the options below their defaults.",
    )
    room.add_argument("--room", default="", help="The room; without it a new one is made for this run.")
    room.add_argument("--token-key", default=None, help="Sign tokens with the server's token.key.")
    room.add_argument("--demo-tokens", action="store_true", help="Take tokens from a demo server (default).")
    room.add_argument("--codec", default="json", choices=["json", "msgpack"], help="Encoding of the sockets.")
    for title, options in _NUMBERS.items():
        group = parser.add_argument_group(title)
        for name, kind, what in options:
            usual = f" Usually {BASE[name]}." if name in BASE else ""
            group.add_argument(f"--{name.replace('_', '-')}", type=kind, default=None, help=what + usual)
    parser.add_argument(
        "--pay",
        nargs="?",
        const="tap",
        default=None,
        choices=["tap", "later", "never"],
        help="Buyers pay with the order's own tap (--pay alone), once it is accepted (usual), or never.",
    )
    _add_verdict(parser.add_argument_group("Miaodan verdict"))


def _add_verdict(verdict: Any) -> None:
    verdict.add_argument(
        "--thresholds", default=None, help="A TOML file of limits instead of loadtest/thresholds.toml."
    )
    verdict.add_argument(
        "--threshold",
        action="append",
        default=None,
        help="One limit by itself, e.g. order.p99_ms=50; inf switches it off. May be repeated.",
    )
    verdict.add_argument(
        "--report",
        default=None,
        help="Write the report here (HTML, and JSON beside it); with --html X.html it is X-verdict.html.",
    )
    verdict.add_argument("--audit-wait", type=float, default=20.0, help="Seconds the ledger may lag.")
    verdict.add_argument(
        "--no-audit", dest="audit", action="store_false", help="Do not compare with the ledger."
    )


def complete(parsed: Any) -> None:
    """Fill in from the scenario what the command line left open; where it is judged, not in workers."""
    settings = vars(parsed)
    settle(settings, SCENARIOS[parsed.scenario])
    if settings["swarms"] is None:
        settings["swarms"] = math.ceil(settings["swarm_viewers"] / PER_SWARM)
    if not settings["swarm_viewers"]:
        settings["swarms"] = 0
    # Locust sends workers what is not its own: -u, -r, -t and --host travel under these names.
    settings["people"] = int(settings["num_users"])
    settings["people_rate"] = float(settings["spawn_rate"])
    settings["seconds"] = float(settings["run_time"])
    settings["server"] = settings["host"] or "http://127.0.0.1:8460"


def address_of(options: Options) -> Address:
    """Where the server is, from Locust's `--host`; raises ValueError."""
    return Address.parse(options.server)


def tokens_of(options: Options) -> TokenSource:
    return token_source(Api(address_of(options)), options.token_key, None)


def encoding_of(options: Options) -> Encoding:
    return Encoding(options.codec)
