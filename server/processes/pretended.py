"""The sandbox provider as `serve` runs it beside itself: where it listens, whom it tells, with which keys."""

from __future__ import annotations

import socket
from pathlib import Path

from server.processes.listener import listen
from server.sandbox.options import BOOK_FILE, SandboxOptions
from server.settings import Settings
from server.trust.tokens import PROVIDER_KEY_FILE, WEBHOOK_KEY_FILE, load_key

WEBHOOK_PATH = "/api/v1/payments/webhook"
_SEND_BUFFER = 256 * 1024
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not listened on


def sandbox_listener(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Opened by the supervisor, so that a sandbox started again is where the one before was.

    Raises CannotListen.
    """
    return listen(host, port, send_buffer=_SEND_BUFFER)


def webhook_url(host: str, port: int, *, tls: bool) -> str:
    """Where notices go: to the gateways on `host`, over loopback where they listen on any address.

    >>> webhook_url("::", 8460, tls=False)
    'http://[::1]:8460/api/v1/payments/webhook'
    """
    host = _ANY.get(host, host)
    where = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{where}:{port}{WEBHOOK_PATH}"


def sandbox_options(
    settings: Settings,
    webhook_url: str,
    *,
    key_file: Path | None = None,
    secret_file: Path | None = None,
    certificate: str = "",
) -> SandboxOptions:
    """Book and keys under the data directory, the keys made when absent. Raises BadKey.

    A file that is given is stronger than the settings.
    """
    payments, data_dir = settings.payments, Path(settings.server.data_dir)
    return SandboxOptions(
        book=data_dir / BOOK_FILE,
        api_key=_secret(key_file, payments.provider_key, data_dir / PROVIDER_KEY_FILE),
        webhook_secret=_secret(secret_file, payments.webhook_secret, data_dir / WEBHOOK_KEY_FILE),
        webhook_url=webhook_url,
        webhook_certificate=certificate,
        latency_ms=payments.sandbox_latency_ms,
    )


def _secret(given: Path | None, setting: str, default: Path) -> str:
    if given is None and setting:
        return setting
    file = given if given is not None else default
    return load_key(file.parent, file.name)
