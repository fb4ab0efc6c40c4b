"""The ledger's tables come from the revisions, once, and an older ledger keeps its rows."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from server.orders.database import Database
from server.orders.errors import LedgerForeign, LedgerTooNew
from server.orders.ledger import Ledger
from server.orders.migrate import FIRST, configuration, migrate, revision
from server.orders.tables import VERSION_TABLE, metadata
from tests.orders.test_ledger import entry, record

pytestmark = pytest.mark.anyio

HEAD = ScriptDirectory.from_config(configuration()).get_current_head()


async def run(database: Database, statement: str) -> None:
    async with database.writing() as connection:
        await connection.execute(text(statement))


async def found(database: Database) -> str | None:
    async with database.reading() as connection:
        return await connection.run_sync(revision)


def drift(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_revisions_make_what_the_code_writes(ledger: Ledger) -> None:
    async with ledger.reading() as connection:
        assert await connection.run_sync(drift) == []
    assert await found(ledger.database) == HEAD


async def test_drift_would_be_seen(ledger: Ledger) -> None:
    await run(ledger.database, "ALTER TABLE orders ADD COLUMN colour INTEGER")
    await run(ledger.database, "DROP INDEX orders_by_time")
    async with ledger.reading() as connection:
        assert len(await connection.run_sync(drift)) == 2


async def test_a_ledger_from_before_revisions_keeps_its_rows(
    database_url: str, anyio_backend: str, ledger_before: None
) -> None:
    ledger = Ledger(database_url)
    assert await found(ledger.database) is None
    await ledger.start()
    assert await found(ledger.database) == HEAD
    assert await ledger.order(record(1).order) is not None
    async with ledger.reading() as connection:
        assert await connection.run_sync(drift) == []
    await ledger.stop()


@pytest.fixture
async def ledger_before(database_url: str, anyio_backend: str) -> None:
    """Tables as a server without revisions made them, those of the first revision, and an order of then."""
    first = ScriptDirectory.from_config(configuration()).get_revision(FIRST).module

    def make(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            first.upgrade()

    database = Database(database_url)
    async with database.writing() as connection:
        await connection.run_sync(make)
        await connection.execute(
            text(
                "INSERT INTO orders (order_id, room, user_id, request_id, sku, pool, quantity, price, amount,"
                " currency, status, version, reserved_at, expires_at, updated_at) VALUES (:order, 'r', 'ann',"
                " 'r1', 'lamp', 'sku/lamp', 1, 5, 5, 'CNY', 'reserved', 1, 1, 2, 1)"
            ),
            {"order": record(1).order},
        )
    await database.stop()


async def test_a_newer_ledger_is_refused_and_left_alone(ledger: Ledger) -> None:
    await run(ledger.database, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(LedgerTooNew) as caught:
        await ledger.start()
    assert str(caught.value) == (
        f"the ledger was written by a newer Miaodan (revision 9999, this one knows {HEAD}):"
        " install that one again"
    )
    assert await found(ledger.database) == "9999"


@pytest.mark.parametrize(
    "table", ["orders (id INTEGER PRIMARY KEY)", "stock_movements (id VARCHAR(160) PRIMARY KEY)"]
)
async def test_another_programs_tables_are_not_touched(
    database_url: str, anyio_backend: str, table: str
) -> None:
    database = Database(database_url)
    await run(database, f"CREATE TABLE {table}")
    with pytest.raises(LedgerForeign, match=f"a table '{table.split(maxsplit=1)[0]}' that is not Miaodan's"):
        await migrate(database)
    async with database.reading() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert names == [table.split(maxsplit=1)[0]], "nothing was made"
    await database.stop()


async def test_a_failed_revision_leaves_nothing_behind(
    database_url: str, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(database_url)

    def broken(*arguments: object) -> None:
        command_upgrade(*arguments)  # type: ignore[arg-type]
        raise RuntimeError("the power is gone")

    command_upgrade = command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", broken)
        with pytest.raises(RuntimeError):
            await migrate(database)
    async with database.reading() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []
    await migrate(database)
    assert await found(database) == HEAD
    await database.stop()


STARTER = """
import asyncio, sys
from server.orders.ledger import Ledger
ledger = Ledger(sys.argv[1])
sys.stdin.readline()
asyncio.run(ledger.start())
"""


async def test_processes_that_start_at_once_do_it_once(database_url: str, anyio_backend: str) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    said = [(await asyncio.to_thread(starter.communicate))[0] for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0, 0], said
    assert sum("the ledger's tables are up to date" in text for text in said) == 1, said
    ledger = Ledger(database_url)
    await ledger.write([entry(record(1))])
    assert await found(ledger.database) == HEAD
    await ledger.stop()
