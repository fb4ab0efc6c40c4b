"""Everything an operator can set, as one typed object.

Defaults < TOML file < environment (`MIAODAN_<SECTION>__<KEY>`) < command-line flags.
Durations end in `_ms`, sizes are bytes, rates are per second; a limit of 0 switches it off.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct


class ServerSettings(Struct, kw_only=True, frozen=True):
    """Where it listens and what it stands on."""

    host: str = "127.0.0.1"
    port: int = 8460
    workers: int = 1
    data_dir: str = "miaodan-data"
    redis_url: str = ""
    """Empty: the embedded Valkey under `data_dir`."""
    database_url: str = ""
    """Empty: SQLite under `data_dir`."""
    allowed_origins: list[str] = []
    """Browser origins admitted to the sockets besides the server's own; `["*"]` admits all."""
    drain_ms: int = 5_000
    """How long SIGTERM lets viewers leave before the process goes."""
    demo: bool = False
    log_format: str = "console"
    """`console` or `json`."""
    log_level: str = "info"


class GatewaySettings(Struct, kw_only=True, frozen=True):
    hello_timeout_ms: int = 5_000
    heartbeat_ms: int = 25_000
    heartbeat_grace_ms: int = 35_000
    """A socket that said nothing for `heartbeat_ms + heartbeat_grace_ms` is closed with 4002."""
    max_connections: int = 20_000
    """Per worker; beyond it 4003."""
    sockets_per_user: int = 8
    """In one room on one worker; the oldest beyond it is closed with 4505."""
    preframed: bool = True
    """Write ready-made frames past ASGI `send`; false is the portable path."""


class FanoutSettings(Struct, kw_only=True, frozen=True):
    tick_ms: int = 50
    """Under load a room flushes once per tick; a quiet room flushes at once."""
    chat_budget: int = 100
    """Danmaku per room and flush that everybody gets; the rest is sampled away and counted."""
    soft_mark: int = 64 * 1024
    """Bytes in a viewer's user-space buffer above which chat is dropped and state merged."""
    hard_mark: int = 512 * 1024
    """Bytes above which a viewer is closed with 4001."""
    slow_timeout_ms: int = 20_000
    """A viewer above the soft mark for this long is closed with 4001 whatever its buffer holds."""
    socket_buffer: int = 64 * 1024
    """SO_SNDBUF of a viewer's socket."""


class RoomSettings(Struct, kw_only=True, frozen=True):
    log_length: int = 10_000
    """Events a room's log keeps in the store."""
    ring_length: int = 1_024
    """Events a room keeps in each gateway for resume."""
    presence_ms: int = 1_000
    chat_queue: int = 4_096
    """Danmaku a gateway holds for a room until its next publish; beyond it `rate_limited`."""


class OrderSettings(Struct, kw_only=True, frozen=True):
    partitions: int = 16
    batch: int = 256
    """Orders in one Lua call at most."""
    queue: int = 20_000
    """Orders that may wait per partition in one gateway; beyond it `rate_limited`."""
    hold_ms: int = 120_000
    """How long an unpaid hold stands."""
    store_timeout_ms: int = 5_000
    """A reservation that takes longer is `unknown_outcome`."""
    request_ttl_ms: int = 7 * 86_400_000
    """How long a `request_id` is remembered after its user's last order in the room."""
    sweep_ms: int = 250
    clock_ms: int = 20
    """How often the back office looks for sales that are due."""


class PaymentSettings(Struct, kw_only=True, frozen=True):
    webhook_secret: str = ""
    """HMAC key of the provider's notices; empty: a key made under `data_dir`."""
    webhook_tolerance_ms: int = 300_000
    sandbox_latency_ms: int = 50


class LimitSettings(Struct, kw_only=True, frozen=True):
    danmaku_per_second: float = 2.0
    orders_per_second: float = 5.0
    likes_per_second: float = 20.0
    commands_per_second: float = 50.0
    connections_per_address: int = 0
    joins_per_second: float = 0.0


class DanmakuSettings(Struct, kw_only=True, frozen=True):
    blocked_words: list[str] = []
    blocked_words_file: str = ""
    """One word or phrase a line, UTF-8."""


class Settings(Struct, kw_only=True, frozen=True):
    server: ServerSettings = msgspec.field(default_factory=ServerSettings)
    gateway: GatewaySettings = msgspec.field(default_factory=GatewaySettings)
    fanout: FanoutSettings = msgspec.field(default_factory=FanoutSettings)
    rooms: RoomSettings = msgspec.field(default_factory=RoomSettings)
    orders: OrderSettings = msgspec.field(default_factory=OrderSettings)
    payments: PaymentSettings = msgspec.field(default_factory=PaymentSettings)
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)
    danmaku: DanmakuSettings = msgspec.field(default_factory=DanmakuSettings)
