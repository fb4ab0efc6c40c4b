"""Everything an operator can set, as one typed object.

Defaults < TOML file < environment (`MIAODAN_<SECTION>__<KEY>`) < command-line flags.
Durations end in `_ms`, sizes are bytes, rates are per second; a limit of 0 switches it off.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

PREFIX = "MIAODAN_"
SANDBOX = "sandbox"
"""As `payments.provider`: one that pretends, run by `serve`."""

Port = Annotated[int, Meta(ge=0, le=65535)]
MOST = 2**31 - 1
"""What a C `int` holds; as milliseconds 24 days, longer than any timer or timeout of a server."""
Natural = Annotated[int, Meta(ge=0, le=MOST)]
Positive = Annotated[int, Meta(ge=1, le=MOST)]
Bytes = Annotated[int, Meta(ge=1024, le=2**30)]
Rate = Annotated[float, Meta(ge=0, le=1e9)]


class ServerSettings(Struct, kw_only=True, frozen=True):
    """Where it listens and what it stands on."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` or `::` for all."""
    port: Port = 8460
    """0: any free one, which `serve` prints."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Gateway processes; they share the port."""
    data_dir: str = "miaodan-data"
    """Holds `token.key`, the embedded store and the SQLite ledger."""
    redis_url: str = ""
    """Empty: the embedded Valkey under `data_dir`."""
    database_url: str = ""
    """Empty: SQLite under `data_dir`; else `postgresql://USER:PASSWORD@HOST/DATABASE` (options `sslmode`,
    `host`, `port`) or `sqlite:////PATH`."""
    ssl_certfile: str = ""
    """Certificate chain (PEM), with which a gateway serves https and wss. Read when it starts."""
    ssl_keyfile: str = ""
    """Its private key (PEM, without a password)."""
    allowed_origins: list[str] = []
    """Browser origins admitted to the sockets and the API besides the server's own; `["*"]` admits all."""
    drain_ms: Natural = 5_000
    """How long SIGTERM lets viewers leave before the process goes."""
    demo: bool = False
    """Serve the demonstration's sign-in: anybody may have a token."""
    log_format: Literal["console", "json"] = "console"
    """`console` or `json`."""
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    """`debug`, `info`, `warning`, `error` or `critical`."""


class GatewaySettings(Struct, kw_only=True, frozen=True):
    """The door: sockets and their heartbeat."""

    hello_timeout_ms: Positive = 5_000
    """A socket without a `hello` for this long is closed with 4506."""
    heartbeat_ms: Positive = 25_000
    """How often a client is asked to say something."""
    heartbeat_grace_ms: Natural = 35_000
    """A socket that said nothing for `heartbeat_ms + heartbeat_grace_ms` is closed with 4002."""
    max_connections: Positive = 20_000
    """Per worker; beyond it 4003."""
    sockets_per_user: Positive = 8
    """In one room on one worker; the oldest beyond it is closed with 4505."""
    preframed: bool = True
    """Write ready-made frames past ASGI `send`; false is the portable path."""


class FanoutSettings(Struct, kw_only=True, frozen=True):
    """Telling everybody, and what a slow viewer may cost."""

    tick_ms: Positive = 50
    """Under load a room flushes once per tick; a quiet room flushes at once."""
    state_ms: Positive = 200
    """Under load numbers alone (online, likes, stock) flush this often; a stock of 0 goes with the tick."""
    chat_budget: Annotated[int, Meta(ge=0, le=100_000)] = 100
    """Danmaku per room and flush that everybody gets; the rest is sampled away and counted."""
    chat_bytes: Bytes = 32 * 1024
    """Bytes of text in them at most."""
    frame_bytes: Bytes = 64 * 1024
    """Bytes of events in one frame; a flush of more goes out as several frames."""
    deflate: bool = True
    """Offer permessage-deflate: one compressed frame serves all who negotiated it."""
    deflate_threshold: Natural = 512
    """Bytes from which a frame for everybody is compressed."""
    sender: Literal["auto", "compiled", "python"] = "auto"
    """`compiled` writes a frame to all sockets in one call, `auto` where it was built; not with TLS."""
    soft_mark: Bytes = 64 * 1024
    """Bytes in a viewer's user-space buffer above which chat is dropped and state merged."""
    hard_mark: Bytes = 512 * 1024
    """Bytes above which a viewer is closed with 4001; not below `soft_mark`."""
    slow_timeout_ms: Positive = 20_000
    """A viewer above the soft mark for this long is closed with 4001 whatever its buffer holds."""
    socket_buffer: Bytes = 64 * 1024
    """SO_SNDBUF of a viewer's socket."""


class RoomSettings(Struct, kw_only=True, frozen=True):
    """What is remembered of a room."""

    log_length: Positive = 10_000
    """Events a room's log keeps in the store."""
    ring_length: Positive = 1_024
    """Events a room keeps in each gateway for resume."""
    presence_ms: Positive = 1_000
    """How often a gateway reports how many watch a room."""
    chat_queue: Positive = 4_096
    """Danmaku a gateway holds for a room until its next publish; beyond it `rate_limited`."""


class OrderSettings(Struct, kw_only=True, frozen=True):
    """Stock, holds and the order queue."""

    partitions: Annotated[int, Meta(ge=1, le=100)] = 16
    """How many parts stock and orders are kept in. Not to be changed once there are orders."""
    batch: Positive = 256
    """Orders in one Lua call at most."""
    queue: Positive = 20_000
    """Orders that may wait per partition in one gateway; beyond it `rate_limited`."""
    pool_queue: Positive = 4_096
    """Orders that may wait for one product or sale in one gateway; beyond it `rate_limited`."""
    local_ms: Natural = 500
    """How long `sold_out` and `not_open` are repeated without asking the store; after it one order asks, and
    after twice as long every one. 0: the store is always asked."""
    hold_ms: Positive = 120_000
    """How long a buyer has to pay (`expires_at`)."""
    payment_grace_ms: Natural = 15_000
    """How long the hold outlives that, for a payment under way; more than `payments.timeout_ms`."""
    store_timeout_ms: Positive = 5_000
    """A reservation that takes longer is `unknown_outcome`."""
    request_ttl_ms: Positive = 7 * 86_400_000
    """How long a `request_id` is remembered after its user's last order in the room."""
    sweep_ms: Positive = 250
    """How often the back office looks for holds past their deadline."""
    refund_window_ms: Positive = 7 * 86_400_000
    """How long after shipping a buyer may ask for a refund."""
    refund_approval_ms: Positive = 2 * 3_600_000
    """How long the host may approve or decline one of shipped goods; then it is approved by itself."""
    clock_ms: Positive = 20
    """How often the back office looks for sales that are due."""


class PaymentSettings(Struct, kw_only=True, frozen=True):
    """The payment provider."""

    provider: str = "sandbox"
    """`sandbox`: `serve` runs one beside itself, which pretends; else the URL of a provider that speaks the
    API of docs/payments.md."""
    provider_key: str = ""
    """Its API key; empty: `provider.key` under `data_dir`, made when absent."""
    timeout_ms: Positive = 10_000
    """How long a request to it may take; what it did after that is asked for later."""
    webhook_secret: str = ""
    """HMAC key of the provider's notices; empty: a key made under `data_dir`."""
    webhook_tolerance_ms: Natural = 300_000
    """How far a notice's timestamp may be from now."""
    poll_ms: Positive = 2_000
    """When the back office asks after a charge that nobody ended; later ever more seldom."""
    one_tap_cap: Natural = 0
    """Minor units that one user may pay with one tap within `one_tap_window_ms`; 0: any amount."""
    one_tap_window_ms: Positive = 86_400_000
    """How long a payment by one tap counts."""
    sandbox_latency_ms: Natural = 50
    """How long the sandbox that `serve` runs takes to answer, until it is told otherwise."""


class LimitSettings(Struct, kw_only=True, frozen=True):
    """How often; 0 switches a limit off."""

    danmaku_per_second: Rate = 2.0
    """Per user, over all of their sockets of one worker."""
    orders_per_second: Rate = 5.0
    """Per user, over all of their sockets of one worker."""
    likes_per_second: Rate = 20.0
    """Per user, over all of their sockets of one worker."""
    commands_per_second: Rate = 50.0
    """Per socket, all commands together."""
    connections_per_address: Natural = 0
    """Open WebSockets of one client address on one worker; beyond it 4003. Plain HTTP does not count."""
    joins_per_second: Rate = 2_000.0
    """Hellos per worker, and as many at once; beyond it 4003, with a time to come back for each."""


class DanmakuSettings(Struct, kw_only=True, frozen=True):
    """What may not be said."""

    blocked_words: list[str] = []
    """A danmaku that holds one of these is refused."""
    blocked_words_file: str = ""
    """One word or phrase a line, UTF-8."""


class PageSettings(Struct, kw_only=True, frozen=True):
    """The viewer page and the host console."""

    media_sources: list[str] = msgspec.field(default_factory=lambda: ["https:"])
    """From where a page may load streams, besides its own server: sources of a Content-Security-Policy, as
    `https://live.example.com`, `https://*.example.com` or `https:` (all of https); `[]`: nowhere else."""


_HOST = r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\]"
_MEDIA_SOURCE = re.compile(rf"https?:(//({_HOST})(:([0-9]{{1,5}}|\*))?(/[A-Za-z0-9._~/-]*)?)?")
"""CSP's scheme-source and host-source, less what could end the directive (`;`, `,`, spaces) or a keyword."""


class Settings(Struct, kw_only=True, frozen=True):
    server: ServerSettings = msgspec.field(default_factory=ServerSettings)
    gateway: GatewaySettings = msgspec.field(default_factory=GatewaySettings)
    fanout: FanoutSettings = msgspec.field(default_factory=FanoutSettings)
    rooms: RoomSettings = msgspec.field(default_factory=RoomSettings)
    orders: OrderSettings = msgspec.field(default_factory=OrderSettings)
    payments: PaymentSettings = msgspec.field(default_factory=PaymentSettings)
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)
    danmaku: DanmakuSettings = msgspec.field(default_factory=DanmakuSettings)
    pages: PageSettings = msgspec.field(default_factory=PageSettings)


class SettingsError(Exception):
    """Settings that cannot serve. `problems`: one sentence each, naming the source and section.key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class Setting(NamedTuple):
    """One of them: where it is set and what it takes."""

    section: str
    key: str
    type: Any
    default: Any

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"{PREFIX}{self.section}__{self.key}".upper()


def all_settings() -> Iterator[Setting]:
    """Every setting, in the order of the file."""
    for section in msgspec.structs.fields(Settings):
        defaults = section.type()
        for field in msgspec.structs.fields(section.type):
            yield Setting(section.name, field.name, field.type, getattr(defaults, field.name))


def load(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """The settings in force. `flags`: `{"server.port": 0}`; None means not given.

    Raises SettingsError with everything that is wrong, also where a later source overrides it.
    """
    known = {f"{setting.section}.{setting.key}": setting for setting in all_settings()}
    chosen: dict[str, dict[str, Any]] = {setting.section: {} for setting in known.values()}
    problems: list[str] = []
    for source, name, raw in _sources(file, environ or {}, flags or {}, problems):
        setting = known.get(name)
        if setting is None:
            close = difflib.get_close_matches(name, known, 1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            problems.append(f"{source}: {name} is not a setting{hint}")
            continue
        try:
            chosen[setting.section][setting.key] = _convert(raw, setting.type, source.startswith(PREFIX))
        except ValueError as error:
            problems.append(f"{source}: {name}: {error}")
    if not problems:
        settings = msgspec.convert(chosen, Settings)
        problems += _contradictions(settings)
        if not problems:
            return settings
    raise SettingsError(problems)


def _contradictions(settings: Settings) -> Iterator[str]:
    """What is wrong between settings that are right by themselves."""
    if settings.fanout.hard_mark < settings.fanout.soft_mark:
        yield "fanout.hard_mark must not be below fanout.soft_mark"
    provider = settings.payments.provider
    if provider != SANDBOX and not is_http(provider):
        yield f"payments.provider: {provider!r} is neither {SANDBOX!r} nor the http(s) URL of a provider"
    if settings.orders.payment_grace_ms <= settings.payments.timeout_ms:
        yield "orders.payment_grace_ms must be more than payments.timeout_ms"
    for source in settings.pages.media_sources:
        if not _MEDIA_SOURCE.fullmatch(source):
            yield (
                f"pages.media_sources: {source!r} is not a source such as 'https:', "
                "'https://live.example.com' or 'https://*.example.com:8443'"
            )
    if bool(settings.server.ssl_certfile) != bool(settings.server.ssl_keyfile):
        given, missing = ("certfile", "keyfile") if settings.server.ssl_certfile else ("keyfile", "certfile")
        yield f"server.ssl_{given} needs server.ssl_{missing} beside it"


def is_http(text: str) -> bool:
    """Whether it is an http or https URL with a host."""
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        return False


def _sources(
    file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object], problems: list[str]
) -> Iterator[tuple[str, str, object]]:
    """(source, section.key, value), the weakest first."""
    if file is not None:
        for section, table in _read(file, problems).items():
            if isinstance(table, dict):
                yield from ((str(file), f"{section}.{key}", value) for key, value in table.items())
            else:
                problems.append(f"{file}: {section} stands outside of any [section]")
    for variable, text in sorted(environ.items()):
        section, separator, key = variable.removeprefix(PREFIX).partition("__")
        if variable.startswith(PREFIX) and separator:
            yield variable, f"{section}.{key}".lower(), text
    for name, value in flags.items():
        if value is not None:
            yield f"--{name.partition('.')[2].replace('_', '-')}", name, value


def _read(file: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{file}: {error.strerror if isinstance(error, OSError) else error}")
        return {}


def _convert(raw: object, type_: Any, textual: bool) -> Any:
    """`raw` as the setting's type; raises ValueError. `textual`: it came as text, as in the environment."""
    if textual and type_ == list[str]:
        text = str(raw).strip()
        if not text.startswith("["):
            return [part.strip() for part in text.split(",") if part.strip()]
        return msgspec.json.decode(text, type=list[str])
    if get_origin(type_) is Literal and raw not in get_args(type_):
        raise ValueError(f"{raw!r} is none of {', '.join(get_args(type_))}")
    value = msgspec.convert(raw, type_, strict=not textual)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("Expected a finite number")
    return value
