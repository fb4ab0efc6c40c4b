"""The flags that override settings, for every command that takes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from server.settings import Settings, SettingsError, load

FLAGS: dict[str, tuple[str, Any, str]] = {
    "host": ("server.host", str, "Address to listen on."),
    "port": ("server.port", int, "Port to listen on; 0 takes any free one."),
    "workers": ("server.workers", int, "Gateway processes."),
    "data_dir": ("server.data_dir", str, "Token key, embedded store and ledger."),
    "ssl_certfile": ("server.ssl_certfile", str, "Certificate chain (PEM), to serve https and wss."),
    "ssl_keyfile": ("server.ssl_keyfile", str, "The certificate's private key (PEM)."),
    "redis_url": ("server.redis_url", str, "A Valkey or Redis instead of the embedded one."),
    "database_url": ("server.database_url", str, "The ledger: postgresql://… instead of SQLite."),
    "provider": ("payments.provider", str, "URL of a payment provider, or sandbox: one that pretends."),
    "log_format": ("server.log_format", str, "console or json."),
    "log_level": ("server.log_level", str, "debug, info, warning, error or critical."),
}

Command = Callable[..., None]


def settings_flags(*names: str) -> Callable[[Command], Command]:
    """Flags that override settings; the command gets `settings` instead of them."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(config: Path | None, **given: Any) -> None:
            flags = {FLAGS[name][0]: given.pop(name) for name in names}
            command(settings=load_settings(config, flags), **given)

        decorated: Command = run
        for name in reversed(names):
            _, kind, told = FLAGS[name]
            decorated = click.option(f"--{name.replace('_', '-')}", name, type=kind, help=told)(decorated)
        config = click.Path(dir_okay=False, path_type=Path)
        return click.option("--config", type=config, envvar="MIAODAN_CONFIG", help="Settings file (TOML).")(
            decorated
        )

    return decorate


def load_settings(config: Path | None, flags: dict[str, object]) -> Settings:
    """The settings in force, or every problem on stderr and exit code 2."""
    try:
        return load(config, os.environ, flags)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"miaodan: {problem}", err=True)
        sys.exit(2)
