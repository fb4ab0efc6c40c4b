"""Which database a URL names, and what its errors become."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import text

from server.orders.database import Database, ledger_url, parse_url
from server.orders.errors import BadDatabaseUrl, LedgerRefused, LedgerUnavailable, Unwritable
from server.orders.ledger import Ledger
from server.settings import ServerSettings
from tests.postgres import PASSWORD, Postgres

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:////x/y.db", "sqlite+aiosqlite:////x/y.db"),
        ("sqlite+aiosqlite:////x/y.db", "sqlite+aiosqlite:////x/y.db"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg://u:***@h/d"),
        ("postgres://u@h:5433/d", "postgresql+asyncpg://u@h:5433/d"),
        ("postgresql+asyncpg://h/d?sslmode=require", "postgresql+asyncpg://h/d?ssl=require"),
        ("postgresql://u@/d?host=/run/postgresql", "postgresql+asyncpg://u@/d?host=%2Frun%2Fpostgresql"),
    ],
)
def test_what_a_ledger_is_kept_in(given: str, used: str) -> None:
    assert parse_url(given).render_as_string(hide_password=True) == used


def test_the_default_is_a_file_in_the_data_directory(tmp_path: Path) -> None:
    strange = tmp_path / "a b?c%d"
    assert parse_url(ledger_url(ServerSettings(data_dir=str(strange)))).database == f"{strange}/ledger.db"
    assert ledger_url(ServerSettings(database_url="postgresql://h/d")) == "postgresql://h/d"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:s3cret@h/d", "kept in SQLite or PostgreSQL, not mysql"),
        ("postgresql+psycopg2://u:s3cret@h/d", "through asyncpg, not psycopg2"),
        ("sqlite+pysqlite:////x.db", "through aiosqlite, not pysqlite"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("postgresql://u:s3cret@h", "names no database"),
        ("postgresql://u:s3cret@h/d?sslmod=require", "the option 'sslmod' is not one of host, port"),
        ("postgresql://u:s3cret@h/d?sslmode=yes", r"ssl \(or sslmode\) is one of disable"),
        ("postgresql://u:s3cret@h:port/d", "expected postgresql://USER"),
        ("host=h password=s3cret", "expected postgresql://USER"),
    ],
)
def test_what_it_is_not_kept_in(url: str, said: str) -> None:
    with pytest.raises(BadDatabaseUrl, match=said) as caught:
        Database(url)
    assert str(caught.value).startswith("server.database_url: ")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [(("word", "wort"), "password authentication failed"), (("/ledger", "/no_ledger"), "does not exist")],
)
async def test_a_server_that_refuses(
    postgres: Postgres, anyio_backend: str, change: tuple[str, str], said: str
) -> None:
    ledger = Ledger(postgres.url(postgres.new_database()).replace(*change))
    with pytest.raises(LedgerRefused, match=said) as caught:
        await ledger.start()
    assert PASSWORD not in str(caught.value)
    await ledger.stop()


async def test_nobody_there(tmp_path: Path, anyio_backend: str) -> None:
    for url in (f"postgresql://u:s3cret@/d?host={tmp_path}", "postgresql://u:s3cret@127.0.0.1:1/d"):
        ledger = Ledger(url)
        with pytest.raises(LedgerUnavailable) as caught:
            await ledger.start()
        assert "s3cret" not in str(caught.value)
        await ledger.stop()


async def test_a_server_that_hangs_is_not_waited_for(postgres: Postgres, anyio_backend: str) -> None:
    ledger = Ledger(postgres.url(postgres.new_database()))
    await ledger.start()
    postgres.pause()
    try:
        started = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="did not answer in time"):
            async with ledger.database.reading(0.2) as connection:
                await connection.execute(text("SELECT 1"))
        assert time.monotonic() - started < 10, "the cut connection is let go of"
    finally:
        postgres.resume()
    await ledger.ping()
    postgres.pause()
    try:
        started = time.monotonic()
        await ledger.stop()
        assert time.monotonic() - started < 10, "nor is its goodbye waited for"
    finally:
        postgres.resume()


async def test_connections_of_a_killed_server_are_replaced(postgres: Postgres, anyio_backend: str) -> None:
    ledger = Ledger(postgres.url(postgres.new_database()))
    await ledger.start()
    await ledger.ping()
    postgres.kill()
    try:
        with pytest.raises(LedgerUnavailable):
            await ledger.ping()
    finally:
        postgres.start()
    await ledger.ping()
    await ledger.stop()


async def test_whose_fault_it_is(ledger: Ledger) -> None:
    async with ledger.database.writing() as connection:
        await connection.execute(text("CREATE TABLE small (n INTEGER NOT NULL UNIQUE)"))
    for statement in ("INSERT INTO small VALUES (NULL)", "INSERT INTO small VALUES (1), (1)"):
        with pytest.raises(Unwritable):
            async with ledger.database.writing() as connection:
                await connection.execute(text(statement))
    with pytest.raises(LedgerUnavailable):
        async with ledger.database.writing() as connection:
            await connection.execute(text("INSERT INTO gone VALUES (1)"))
