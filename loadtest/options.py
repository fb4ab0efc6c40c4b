"""Command-line options of the load test, beside Locust's own."""

from __future__ import annotations

import argparse
from typing import Any, Protocol

from client_sim.address import Address
from client_sim.api import Api
from client_sim.tokens import TokenSource, token_source
from client_sim.wire import Encoding


class Options(Protocol):
    """What `add` puts into Locust's parsed options."""

    room: str
    token_key: str | None
    demo_tokens: bool
    codec: str
    sale_stock: int
    sale_every: float
    sale_starts_in: float
    sale_duration: float
    per_user_limit: int
    pay: bool
    danmaku_every: float
    duplicate_share: float
    greedy_share: float
    max_error_rate: float
    max_order_p99_ms: float
    max_delivery_p99_ms: float
    max_skew_p99_ms: float
    audit_wait: float
    fail_on_audit: bool
    host: str


def add(parser: Any) -> None:
    """Add them to Locust's parser."""
    room = parser.add_argument_group("Miaodan room")
    room.add_argument("--room", default="", help="The room; without it a new one is made for this run.")
    room.add_argument("--token-key", default=None, help="Sign tokens with the server's token.key.")
    room.add_argument("--demo-tokens", action="store_true", help="Take tokens from a demo server (default).")
    room.add_argument("--codec", default="json", choices=["json", "msgpack"], help="Encoding of the sockets.")
    sales = parser.add_argument_group("Miaodan sales, in a room the host user runs")
    sales.add_argument("--sale-stock", type=int, default=30, help="Units in each flash sale.")
    sales.add_argument("--sale-every", type=float, default=12.0, help="Seconds between flash sales.")
    sales.add_argument("--sale-starts-in", type=float, default=5.0, help="Seconds of countdown.")
    sales.add_argument("--sale-duration", type=float, default=5.0, help="Seconds a sale stays open.")
    sales.add_argument("--per-user-limit", type=int, default=2, help="Units per buyer and sale.")
    people = parser.add_argument_group("Miaodan people")
    people.add_argument("--pay", action="store_true", help="Buyers pay at once.")
    people.add_argument(
        "--danmaku-every", type=float, default=10.0, help="Seconds between danmaku of one viewer."
    )
    people.add_argument(
        "--duplicate-share", type=float, default=0.1, help="Share of orders that is sent twice."
    )
    people.add_argument("--greedy-share", type=float, default=0.3, help="Share of buyers who want more.")
    limits = parser.add_argument_group("Miaodan thresholds; 0 switches one off")
    limits.add_argument("--max-error-rate", type=float, default=0.0, help="Failed requests / all requests.")
    limits.add_argument("--max-order-p99-ms", type=float, default=0.0, help="Order to accepted, p99.")
    limits.add_argument("--max-delivery-p99-ms", type=float, default=0.0, help="Danmaku, publish to receive.")
    limits.add_argument("--max-skew-p99-ms", type=float, default=0.0, help="Countdown skew of two viewers.")
    limits.add_argument("--audit-wait", type=float, default=20.0, help="Seconds the ledger may lag.")
    limits.add_argument(
        "--fail-on-audit",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Exit with 1 when the ledger is not what clients were told.",
    )


def address_of(options: Options) -> Address:
    """Where the server is, from Locust's `--host`; raises ValueError."""
    return Address.parse(options.host or "http://127.0.0.1:8460")


def tokens_of(options: Options) -> TokenSource:
    return token_source(Api(address_of(options)), options.token_key, None)


def encoding_of(options: Options) -> Encoding:
    return Encoding(options.codec)
