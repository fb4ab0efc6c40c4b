"""The `miaodan` command."""

from __future__ import annotations

import importlib.metadata
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from schemas.codes import Role as TokenRole
from server.flags import FLAGS, load_settings, settings_flags
from server.ops import configuration
from server.ops.collector import importing
from server.ops.logs import configure_logs
from server.orders.database import ledger_url, parse_url
from server.orders.errors import BadDatabaseUrl, LedgerError
from server.processes.listener import CannotListen, url_of
from server.processes.lock import DataDirInUse
from server.processes.pretended import sandbox_listener, sandbox_options
from server.processes.serve import Role, resolved_settings, serve
from server.processes.supervisor import StartFailed
from server.sandbox.options import SandboxOptions
from server.settings import SANDBOX, Settings, is_http
from server.trust.certificate import BadCertificate, check_certificate
from server.trust.origins import Origins
from server.trust.tokens import BadKey, Tokens, load_key
from server.trust.words import BadWordList, Words
from server.valkey import StoreUnavailable

EXPECTED = (DataDirInUse, CannotListen, StartFailed, BadKey, BadWordList, StoreUnavailable, OSError)
"""What goes wrong on a healthy installation: said in a sentence, without a traceback."""

FILE = click.Path(dir_okay=False, path_type=Path)


def check_settings(settings: Settings) -> None:
    """What a value alone does not show: origins that are none, files that cannot be used, a database that
    no ledger can be kept in."""
    try:
        parse_url(ledger_url(settings.server))
    except BadDatabaseUrl as error:
        raise click.ClickException(str(error)) from error
    try:
        Origins(settings.server.allowed_origins)
    except ValueError as error:
        raise click.ClickException(f"server.allowed_origins: {error}") from error
    try:
        Words.from_settings(settings.danmaku)
    except BadWordList as error:
        raise click.ClickException(f"danmaku.blocked_words_file: {error}") from error
    try:
        check_certificate(settings.server.ssl_certfile, settings.server.ssl_keyfile)
    except BadCertificate as error:
        raise click.ClickException(f"server.{error.setting}: {error}") from error


def _version() -> str:
    try:
        return importlib.metadata.version("miaodan")
    except importlib.metadata.PackageNotFoundError:
        return "from a checkout that is not installed"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="miaodan")
def main() -> None:
    """A live-shopping room server."""


@main.command("serve")
@settings_flags(*FLAGS)
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.ALL.value,
    show_default=True,
    help="What to run here. A single role needs --redis-url and --provider.",
)
def serve_command(settings: Settings, role: str) -> None:
    """Serve rooms until SIGTERM: the store (unless --redis-url), the back office, the gateways."""
    chosen = Role(role)
    if chosen is not Role.ALL:
        if not settings.server.redis_url:
            raise click.UsageError("--role gateway and --role backoffice need the --redis-url they share")
        if settings.payments.provider == SANDBOX:
            raise click.UsageError(
                "--role gateway and --role backoffice need the --provider (payments.provider) they share: "
                "the URL of one, such as where `miaodan sandbox-psp` listens"
            )
    check_settings(settings)
    configure_logs(settings.server.log_format, settings.server.log_level, role="supervisor")
    try:
        sys.exit(serve(settings, chosen, _announce))
    except EXPECTED as error:
        raise click.ClickException(str(error)) from error


def _announce(url: str) -> None:
    click.echo(f"miaodan: listening on {url}")


@main.command("worker", hidden=True)
@click.option("--role", type=click.Choice(["gateway", "backoffice", "sandbox-psp"]), required=True)
@click.option("--index", type=int, default=0, help="Which of the workers, for people who look at ps.")
@click.option("--fd", type=int)
@click.option("--webhook-url", default="")
def worker_command(role: str, index: int, fd: int | None, webhook_url: str) -> None:
    """One child of `serve`, with the settings it was handed."""
    settings = resolved_settings()
    name = role if settings.server.workers == 1 or role != "gateway" else f"{role} {index}"
    configure_logs(settings.server.log_format, settings.server.log_level, role=name)
    if role == "sandbox-psp":
        options = sandbox_options(settings, webhook_url, certificate=settings.server.ssl_certfile)
        _pretend(options, socket.socket(fileno=fd))
    with importing():
        from server import app  # noqa: PLC0415 - heavy, and only a child's

    sys.exit(app.run_gateway(settings, fd) if role == "gateway" else app.run_backoffice(settings))


@main.command("sandbox-psp")
@settings_flags("data_dir", "log_format", "log_level")
@click.option("--host", default="127.0.0.1", show_default=True, help=FLAGS["host"][2])
@click.option("--port", type=click.IntRange(0, 65535), default=8470, show_default=True, help=FLAGS["port"][2])
@click.option("--webhook-url", default="", help="Where a shop takes notices: …/api/v1/payments/webhook.")
@click.option(
    "--webhook-certificate", default="", help="The one certificate (PEM) an https webhook may show."
)
@click.option("--key-file", type=FILE, help="API key of those who ask; without: DATA_DIR/provider.key.")
@click.option("--secret-file", type=FILE, help="Signs notices; without: DATA_DIR/webhook.key.")
def sandbox_command(
    settings: Settings,
    host: str,
    port: int,
    webhook_url: str,
    webhook_certificate: str,
    key_file: Path | None,
    secret_file: Path | None,
) -> None:
    """A payment provider that pretends: no money moves. For `serve --provider URL`, demos and tests.

    Speaks the HTTP API of docs/payments.md; its book is DATA_DIR/sandbox.db.
    """
    configure_logs(settings.server.log_format, settings.server.log_level, role="sandbox-psp")
    try:
        if webhook_url and not is_http(webhook_url):
            raise click.UsageError(f"--webhook-url: {webhook_url!r} is no http(s) URL")
        options = sandbox_options(
            settings,
            webhook_url,
            key_file=key_file,
            secret_file=secret_file,
            certificate=webhook_certificate,
        )
        listener = sandbox_listener(host, port)
        click.echo("miaodan sandbox-psp: payments are pretended, no money moves", err=True)
        click.echo(f"miaodan sandbox-psp: listening on {url_of(listener)}")
        _pretend(options, listener)
    except EXPECTED as error:
        raise click.ClickException(str(error)) from error


def _pretend(options: SandboxOptions, listener: socket.socket) -> NoReturn:
    """Until SIGTERM."""
    from server.sandbox.book import BookUnusable  # noqa: PLC0415
    from server.sandbox.run import run_sandbox  # noqa: PLC0415 - heavy, and only here

    try:
        sys.exit(run_sandbox(options, listener))
    except BookUnusable as error:
        raise click.ClickException(str(error)) from error


@main.command("demo")
@click.option("--host", default="127.0.0.1", show_default=True, help=FLAGS["host"][2])
@click.option("--port", type=click.IntRange(0, 65535), default=8460, show_default=True, help=FLAGS["port"][2])
@click.option("--viewers", type=click.IntRange(0, 20_000), default=50, show_default=True)
@click.option("--seconds", type=click.FloatRange(0), default=0, help="How long; 0: until Ctrl-C.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help=FLAGS["workers"][2])
@click.option("--data-dir", help="Keep the data here; without: a directory that goes afterwards.")
def demo_command(
    host: str, port: int, viewers: int, seconds: float, workers: int, data_dir: str | None
) -> None:
    """A live room with products, a flash sale and simulated viewers, and an audit at the end."""
    from server import demo  # noqa: PLC0415

    sys.exit(
        demo.run(host=host, port=port, viewers=viewers, seconds=seconds, workers=workers, data_dir=data_dir)
    )


@main.command("token")
@settings_flags("data_dir")
@click.option("--user", required=True, help="The user's id.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in TokenRole if role is not TokenRole.GUEST]),
    default=TokenRole.VIEWER.value,
    show_default=True,
)
@click.option("--room", help="The one room it is good for; without: any.")
@click.option("--name", help="The name others see; without: the user's id.")
@click.option("--ttl", type=click.IntRange(min=1), default=86_400, show_default=True, help="Seconds.")
def token_command(
    settings: Settings, user: str, role: str, room: str | None, name: str | None, ttl: int
) -> None:
    """Print a token signed with this installation's key."""
    try:
        tokens = Tokens(load_key(Path(settings.server.data_dir)))
        signed = tokens.sign(
            user, TokenRole(role), now=time.time_ns() // 1_000_000, ttl_ms=ttl * 1000, name=name, room=room
        )
    except (BadKey, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(signed)


@main.command("audit")
@settings_flags("data_dir", "redis_url", "database_url")
@click.option(
    "--repair", "mend", is_flag=True, help="Mend the store from the ledger; sales stop for the moment."
)
def audit_command(settings: Settings, mend: bool) -> None:
    """Prove that every unit is available, held or sold, and that store and ledger agree.

    Order by order: records, holds, requests, payments, refunds, pools. Beside a running server, or alone.
    Where the server has a --database-url, give it here too: no ledger is made.
    Prints JSON. Exits 1 and names the pools on stderr where they do not agree; 2 where there is nothing to
    audit or it cannot be done.

    With --repair what disagrees is written anew from the ledger, then audited again: 0 where all is well
    now, 1 where something is left, 2 where outbox entries are parked (see `miaodan ledger parked`) or
    the ledger is not this store's.
    """
    from redis.exceptions import RedisError  # noqa: PLC0415

    from server.orders.fence import FenceLost  # noqa: PLC0415
    from server.orders.repair import RepairRefused, WrongLedger  # noqa: PLC0415
    from server.processes.auditing import NoLedger, NothingToAudit, audit, repair  # noqa: PLC0415

    configure_logs(settings.server.log_format, "warning", role="audit")
    refusals = (NothingToAudit, NoLedger, RepairRefused, WrongLedger, FenceLost)
    try:
        report = repair(settings) if mend else audit(settings)
    except (*EXPECTED, *refusals, RedisError, LedgerError, BadDatabaseUrl) as error:
        click.echo(f"miaodan: no {'repair' if mend else 'audit'}: {error}", err=True)
        sys.exit(2)
    click.echo(report.to_json())
    for problem in report.problems:
        click.echo(f"miaodan: pool {problem.pool}: {problem.message}", err=True)
    sys.exit(0 if report.ok else 1)


@main.group("ledger")
def ledger_group() -> None:
    """What is written for good."""


@ledger_group.group("parked")
def parked_group() -> None:
    """Outbox entries that could not be written to the ledger, each for a person to look at."""


def _on_parked(work: Callable[[], object]) -> None:
    """Print what it returns as JSON; exit code 1 and a sentence where it cannot be done."""
    from server.processes.parking import NothingParked  # noqa: PLC0415

    try:
        click.echo(msgspec.json.format(msgspec.json.encode(work())))
    except (NothingParked, LedgerError, BadDatabaseUrl, OSError) as error:
        raise click.ClickException(str(error)) from error


@parked_group.command("list")
@settings_flags("data_dir", "database_url")
def parked_list(settings: Settings) -> None:
    """Print them as a JSON array: id, fields, and the error that stood in the way."""
    from server.processes import parking  # noqa: PLC0415

    configure_logs(settings.server.log_format, "warning", role="ledger")
    _on_parked(lambda: parking.listed(settings))


@parked_group.command("retry")
@settings_flags("data_dir", "database_url")
@click.argument("ids", nargs=-1, required=True)
def parked_retry(settings: Settings, ids: tuple[str, ...]) -> None:
    """Write the entries IDS again, as after an upgrade; what still cannot be written stays. `all`: all."""
    from server.processes import parking  # noqa: PLC0415

    configure_logs(settings.server.log_format, "warning", role="ledger")
    refused: list[parking.ParkedEntry] = []

    def retry() -> object:
        written, left = parking.retry(settings, ids)
        refused.extend(left)
        return written

    _on_parked(retry)
    for entry in refused:
        click.echo(f"miaodan: {entry.id} stays parked: {entry.error}", err=True)
    sys.exit(1 if refused else 0)


@parked_group.command("drop")
@settings_flags("data_dir", "database_url")
@click.argument("ids", nargs=-1, required=True)
def parked_drop(settings: Settings, ids: tuple[str, ...]) -> None:
    """Forget the entries IDS, which will never be in the ledger; prints them a last time."""
    from server.processes import parking  # noqa: PLC0415

    configure_logs(settings.server.log_format, "warning", role="ledger")
    _on_parked(lambda: parking.drop(settings, ids))


@main.command("schema")
@click.argument("document", type=click.Choice(["asyncapi", "openapi"]))
def schema_command(document: str) -> None:
    """Print the document of the sockets (asyncapi) or of the HTTP API (openapi)."""
    from schemas import asyncapi, documents, openapi  # noqa: PLC0415

    made = asyncapi.document() if document == "asyncapi" else openapi.document()
    click.echo(documents.render(made), nl=False)


@main.group("config")
def config_group() -> None:
    """The settings."""


@config_group.command("check")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
def config_check(file: Path | None) -> None:
    """Whether FILE and the environment make settings that can serve."""
    check_settings(load_settings(file, {}))
    click.echo(f"{file or 'the environment'}: fine")


@config_group.command("default")
def config_default() -> None:
    """Print a settings file with every setting, its default and what it does."""
    click.echo(configuration.default_toml(), nl=False)


@config_group.command("env")
def config_env() -> None:
    """Print every environment variable with its default and what it does."""
    click.echo(configuration.environment(), nl=False)


if __name__ == "__main__":
    main(prog_name="miaodan")
