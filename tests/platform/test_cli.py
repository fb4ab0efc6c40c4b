"""The command line, without a server."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import stat
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schemas.codes import Role
from schemas.documents import load as load_document
from server.cli import main
from server.settings import Settings, load
from server.trust.tokens import Tokens, load_key
from tests.postgres import Postgres


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, list(arguments))


def test_token_makes_the_key_and_prints_the_token_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    result = run(
        "token", "--user", "u1", "--role", "host", "--room", "r1", "--name", "安", "--data-dir", str(data)
    )
    assert result.exit_code == 0
    assert stat.S_IMODE((data / "token.key").stat().st_mode) == 0o600
    identity = Tokens(load_key(data)).verify(result.output.removesuffix("\n"), time.time_ns() // 1_000_000)
    assert (identity.user, identity.name, identity.role, identity.room) == ("u1", "安", Role.HOST, "r1")
    again = run("token", "--user", "u2", "--ttl", "5", MIAODAN_SERVER__DATA_DIR=str(data))
    identity = Tokens(load_key(data)).verify(again.output.strip(), time.time_ns() // 1_000_000)
    assert identity.role is Role.VIEWER
    assert identity.expires_at <= (time.time() + 6) * 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--role", "king"], "'king' is not one of"),
        (["--role", "guest"], "'guest' is not one of"),
        (["--ttl", "0"], "--ttl"),
        (["--ttl", "soon"], "--ttl"),
        (["--room", "a b"], "a room id has"),
        (["--user", ""], "a user id has"),
    ],
)
def test_what_makes_no_token(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = run("token", "--user", "u1", "--data-dir", str(tmp_path), *arguments)
    assert result.exit_code != 0
    assert said in result.stderr
    assert result.stdout == ""


def test_an_unusable_key(tmp_path: Path) -> None:
    (tmp_path / "token.key").write_text("")
    result = run("token", "--user", "u1", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert "token.key: must hold the secret" in result.stderr


def test_config_default_and_env_make_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "miaodan.toml"
    file.write_text(run("config", "default").output)
    assert load(file) == Settings()
    assert "\nMIAODAN_SERVER__PORT=8460\n" in run("config", "env").output
    result = run("config", "check", str(file))
    assert (result.exit_code, result.output) == (0, f"{file}: fine\n")


def test_config_check_names_everything_wrong(tmp_path: Path) -> None:
    file = tmp_path / "miaodan.toml"
    file.write_text("[server]\nport = 'x'\n[orders]\nbacth = 1\n")
    result = run("config", "check", str(file), MIAODAN_LIMITS__LIKES_PER_SECOND="-1")
    assert result.exit_code == 2
    assert "server.port: Expected `int`" in result.stderr
    assert "did you mean orders.batch?" in result.stderr
    assert "MIAODAN_LIMITS__LIKES_PER_SECOND: limits.likes_per_second" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[server]\nallowed_origins = ['shop.example']",
            "server.allowed_origins: 'shop.example' is not an origin",
        ),
        (
            "[server]\ndatabase_url = 'mysql://u:s3cret@h/d'",
            "server.database_url: the ledger is kept in SQLite or PostgreSQL, not mysql",
        ),
        ("[danmaku]\nblocked_words_file = '/no/such/file'", "danmaku.blocked_words_file: /no/such/file"),
        (
            "[server]\nssl_certfile = '/no/such.pem'\nssl_keyfile = '/no/key.pem'",
            "server.ssl_certfile: /no/such.pem: No such file",
        ),
    ],
)
def test_config_check_looks_behind_the_values(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "miaodan.toml"
    file.write_text(text)
    for arguments in (["config", "check", str(file)], ["serve", "--config", str(file)]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert said in result.stderr


def test_a_ledger_that_cannot_serve_is_one_sentence(tmp_path: Path, postgres: Postgres) -> None:
    """And no sentence has the password."""
    url = postgres.url(postgres.new_database())
    newer = tmp_path / "newer.db"
    with contextlib.closing(sqlite3.connect(newer)) as made:
        made.execute("CREATE TABLE ledger_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        made.execute("INSERT INTO ledger_version VALUES ('9999')")
        made.commit()
    for given, said in (
        (url.replace("s3cret", "secret"), "server.database_url refuses: password authentication failed"),
        (url.replace("/ledger", "/no_ledger"), "does not exist"),
        ("sqlite:////no/such/ledger.db", "unable to open database file"),
        (f"sqlite:///{newer}", "written by a newer Miaodan (revision 9999, this one knows "),
    ):
        result = run("serve", "--port", "0", "--data-dir", str(tmp_path), MIAODAN_SERVER__DATABASE_URL=given)
        assert result.exit_code == 1
        assert result.stderr.count("Error:") == 1 and said in result.stderr
        assert "the ledger did not start" in result.stderr
        assert "word@" not in result.output and "word%40" not in result.output


@pytest.mark.parametrize("name", ["asyncapi", "openapi"])
def test_schema_prints_the_document(name: str) -> None:
    result = run("schema", name)
    assert result.exit_code == 0
    assert json.loads(result.output) == json.loads(load_document(name))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--port", "99999"], "--port: server.port: Expected `int` <= 65535"),
        (["serve", "--workers", "0"], "--workers: server.workers: Expected `int` >= 1"),
        (["ledger", "parked", "drop"], "Missing argument"),
        (["serve", "--role", "gateway"], "need the --redis-url"),
        (["serve", "--role", "gateway", "--redis-url", "redis://127.0.0.1:1"], "(payments.provider)"),
        (["serve", "--provider", "paypal"], "payments.provider: 'paypal' is neither"),
        (["sandbox-psp", "--webhook-url", "shop"], "--webhook-url: 'shop' is no http(s) URL"),
        (["sandbox-psp", "--port", "65536"], "--port"),
        (["serve", "--config", "/no/such.toml"], "/no/such.toml: No such file"),
    ],
)
def test_serve_refuses_before_it_starts_anything(tmp_path: Path, arguments: list[str], said: str) -> None:
    data = tmp_path / "data"
    result = run(*arguments, MIAODAN_SERVER__DATA_DIR=str(data))
    assert result.exit_code == 2
    assert said in result.stderr
    assert not data.exists()


def test_help_and_version() -> None:
    said = run("--help").output
    assert all(name in said for name in ("serve", "demo", "token", "audit", "ledger", "schema", "config"))
    assert "sandbox-psp" in said
    assert "worker" not in said
    assert run("--version").output.startswith("miaodan, version ")
    for flag in ("--host", "--port", "--workers", "--data-dir", "--redis-url", "--database-url", "--config"):
        assert flag in run("serve", "--help").output
