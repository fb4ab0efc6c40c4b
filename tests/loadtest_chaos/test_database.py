"""The ledger's database of a run, made to stand still: a lock on the file, a cluster killed and stopped."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from loadtest.chaos.database import ClusterDatabase, Database, FileDatabase, database_for
from loadtest.chaos.schedule import Fault, Kind
from loadtest.postgres import Postgres, find_programs

pytestmark = pytest.mark.anyio


def fault(kind: Kind, lasts: float) -> Fault:
    return Fault(0, 0.0, "database", kind, lasts, 0)


async def answers(database: Database) -> bool:
    try:
        async with asyncio.timeout(0.5):
            return await database.rows("SELECT 1") == [(1,)]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def until(database: Database, state: bool) -> None:
    async with asyncio.timeout(30):
        while await answers(database) is not state:
            await asyncio.sleep(0.02)


async def test_a_file_is_locked_for_writers(tmp_path: Path) -> None:
    database = FileDatabase(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db", timeout=0)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE orders (status TEXT)")
        striking = asyncio.create_task(database.strike(fault(Kind.LOCK, 0.5)))
        refused = False
        async with asyncio.timeout(10):
            while not refused:
                try:
                    with other:
                        other.execute("INSERT INTO orders VALUES ('paid')")
                except sqlite3.OperationalError:
                    refused = True
                await asyncio.sleep(0.01)
        assert not striking.done()
        assert await database.rows("SELECT 1") == [(1,)]
        await striking
        other.execute("DELETE FROM orders")
        with other:
            other.execute("INSERT INTO orders VALUES ('paid')")
    assert await database.rows("SELECT status FROM orders") == [("paid",)]


async def test_a_cluster_is_killed_and_stopped() -> None:
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    with closing(ClusterDatabase(Postgres(programs))) as database:
        assert await answers(database)
        killing = asyncio.create_task(database.strike(fault(Kind.KILL, 0.5)))
        stopping = asyncio.create_task(database.strike(fault(Kind.STOP, 1.0)))  # waits for its turn
        await until(database, False)
        await killing
        await stopping
        await until(database, True)


def test_what_is_asked_for_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.chaos.database.find_programs", lambda: None)
    assert isinstance(database_for("auto"), FileDatabase)
    assert isinstance(database_for("sqlite"), FileDatabase)
    with pytest.raises(ValueError, match="not installed"):
        database_for("postgresql")
