"""What `miaodan serve` runs, from the settings."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import msgspec
import structlog
from msgspec.structs import replace

import server
from server.ops import metrics
from server.orders.database import ledger_url
from server.orders.errors import BadDatabaseUrl, LedgerError, LedgerUnavailable
from server.orders.ledger import Ledger
from server.processes.listener import listen, url_of
from server.processes.lock import DataDirLock
from server.processes.parts import Part, Program, Store
from server.processes.pretended import sandbox_listener, webhook_url
from server.processes.remote import greet
from server.processes.supervisor import StartFailed, Supervisor
from server.settings import SANDBOX, Settings
from server.trust.tokens import load_key
from server.valkey import EmbeddedValkey

log = structlog.get_logger("miaodan.supervisor")

GOODBYE_SECONDS = 10.0
"""How long a gateway may take beside `drain_ms`: half a second for last words, five for what waits for the
store, two for answers under way, the rest to stop its parts."""

RESOLVED_VARIABLE = "MIAODAN_RESOLVED"
"""In a child's environment: the settings in force, as JSON."""


class Role(Enum):
    """What one `serve` runs."""

    ALL = "all"
    GATEWAY = "gateway"
    BACKOFFICE = "backoffice"


def serve(settings: Settings, role: Role, on_listening: Callable[[str], None]) -> int:
    """Until SIGTERM or SIGINT; the exit code. `on_listening` gets the URL once connections are taken.

    Raises DataDirInUse, CannotListen, BadKey, StartFailed, StoreUnavailable, OSError.
    """
    data_dir = Path(settings.server.data_dir)
    with DataDirLock(data_dir, shared=role is not Role.ALL) as lock:
        load_key(data_dir)
        asyncio.run(_open_ledger(settings))
        listener = None
        if role is not Role.BACKOFFICE:
            # A killed supervisor's gateways drain before they let the port go.
            patience = settings.server.drain_ms / 1000 + GOODBYE_SECONDS if lock.unclean else 0.0
            listener = listen(
                settings.server.host,
                settings.server.port,
                send_buffer=settings.fanout.socket_buffer,
                patience=patience,
            )
        try:
            asyncio.run(_supervise(settings, role, data_dir, listener, on_listening))
        finally:
            if listener is not None:
                listener.close()
    return 0


async def _open_ledger(settings: Settings) -> None:
    """Once before anything is started, so that its tables are there and up to date.

    What cannot be opened is one sentence then, not a loop of crashes. A database on its own server may
    be away: orders are taken all the same, and the back office makes up for it. Raises StartFailed.
    """
    try:
        ledger = Ledger(ledger_url(settings.server))
        try:
            await ledger.start()
        except LedgerUnavailable as error:
            if not ledger.database.remote:
                raise
            log.warning("starting without the ledger, degraded until it is back", reason=error.reason)
        finally:
            await ledger.stop()
    except (LedgerError, BadDatabaseUrl) as error:
        raise StartFailed("ledger", str(error)) from error


async def _supervise(
    settings: Settings,
    role: Role,
    data_dir: Path,
    listener: socket.socket | None,
    on_listening: Callable[[str], None],
) -> None:
    # Roles that run alone may share a data directory.
    own = role.value if role is Role.ALL else f"{role.value}-{os.getpid()}"
    numbers = metrics.Numbers(data_dir / "metrics" / own)
    pretended = sandbox_listener() if settings.payments.provider == SANDBOX else None
    if pretended is not None:
        log.warning("payments are pretended: no money moves", setting="payments.provider")
        payments = replace(settings.payments, provider=url_of(pretended))
        settings = replace(settings, payments=payments)
    environment = _environment(settings, numbers)
    stages: list[list[Part]] = []
    if settings.server.redis_url:
        await greet(settings.server.redis_url)
    else:
        stages.append([Store(EmbeddedValkey(data_dir))])
    if pretended is not None and listener is not None:
        url = webhook_url(*listener.getsockname()[:2], tls=bool(settings.server.ssl_certfile))
        command = _worker("sandbox-psp", "--fd", str(pretended.fileno()), "--webhook-url", url)
        fds = (pretended.fileno(),)
        stages.append([Program("sandbox-psp", command, environment=environment, pass_fds=fds)])
    if role is not Role.GATEWAY:
        stages.append(
            [Program("backoffice", _worker("backoffice"), environment=environment, stop_timeout=20.0)]
        )
    if listener is not None:
        stages.append(
            [
                Program(
                    f"gateway {index}",
                    _worker("gateway", "--index", str(index), "--fd", str(listener.fileno())),
                    environment=environment,
                    pass_fds=(listener.fileno(),),
                    stop_timeout=settings.server.drain_ms / 1000 + GOODBYE_SECONDS,
                )
                for index in range(settings.server.workers)
            ]
        )

    def started() -> None:
        if listener is not None:
            on_listening(url_of(listener, "https" if settings.server.ssl_certfile else "http"))

    try:
        await Supervisor(stages, on_started=started, on_exit=numbers.ended).run()
    finally:
        if pretended is not None:
            pretended.close()
        shutil.rmtree(numbers.directory, ignore_errors=True)


def _worker(role: str, *options: str) -> list[str]:
    return [sys.executable, "-P", "-m", "server", "worker", "--role", role, *options]


def _environment(settings: Settings, numbers: metrics.Numbers) -> dict[str, str]:
    """A child's: the same settings, the same code, numbers counted together."""
    code = str(Path(server.__file__).parent.parent)
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": f"{code}{os.pathsep}{path}" if path else code,
        RESOLVED_VARIABLE: msgspec.json.encode(settings).decode(),
        metrics.MULTIPROCESS_VARIABLE: str(numbers.directory),
    }


def resolved_settings() -> Settings:
    """What `_environment` handed to this process."""
    return msgspec.json.decode(os.environ[RESOLVED_VARIABLE], type=Settings)
