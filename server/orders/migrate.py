"""Bringing a ledger's tables to this code's revision, once, whoever starts first.

Under a lock, in the transaction that does it: SQLite's write lock, or an advisory lock of PostgreSQL.
A process killed in the middle leaves the ledger as it was.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from server.orders import migrations
from server.orders.database import Database
from server.orders.errors import LedgerForeign, LedgerTooNew
from server.orders.tables import VERSION_TABLE

log = structlog.get_logger("miaodan.orders")

FIRST = "0001"
"""The revision of ledgers made before there were revisions."""
_LOOK_SECONDS, _UPGRADE_SECONDS = 5.0, 600.0
_FIRST_KEYS = {
    "orders": ("order_id",),
    "order_history": ("order_id", "version"),
    "stock_movements": ("id",),
    "payment_notices": ("event",),
    "parked_entries": ("stream", "entry"),
}
_LOCK = 0x6D69616F64616E
"""Of pg_advisory_xact_lock: one number that all of Miaodan's processes know."""


def configuration() -> Config:
    """alembic's, for the revisions that come with this code; no file is read."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def migrate(database: Database) -> None:
    """Make what is missing, bring up to date what is there. Raises LedgerError."""
    config = configuration()
    await database.check()
    async with database.reading(_LOOK_SECONDS) as connection:
        current = await connection.run_sync(revision)
    if current != ScriptDirectory.from_config(config).get_current_head():
        async with database.writing(_UPGRADE_SECONDS) as connection:
            await connection.run_sync(_upgrade, config)


async def is_made(database: Database) -> bool:
    """Whether a ledger is kept there; nothing is made, not even SQLite's file. Raises LedgerError."""
    if not database.is_there():
        return False
    await database.check()
    async with database.reading(_LOOK_SECONDS) as connection:
        return await connection.run_sync(lambda plain: inspect(plain).has_table("orders"))


def revision(connection: Connection) -> str | None:
    """The ledger's; None before its first."""
    return MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()


def _upgrade(connection: Connection, config: Config) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    known = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    current = revision(connection)
    if current == known[0]:
        return  # another process was first
    if current is not None and current not in known:
        raise LedgerTooNew(current, known[0])
    config.attributes["connection"] = connection
    if current is None and _made_before_revisions(connection):
        command.stamp(config, FIRST)
    command.upgrade(config, "head")
    log.info("the ledger's tables are up to date", revision=known[0], before=current or "none")


def _made_before_revisions(connection: Connection) -> bool:
    """Whether the first revision's tables are there. Raises LedgerForeign where they are another's."""
    found = inspect(connection)
    there = [name for name in found.get_table_names() if name in _FIRST_KEYS]
    for name in sorted(there):
        keys = tuple(found.get_pk_constraint(name)["constrained_columns"])
        if len(there) != len(_FIRST_KEYS) or keys != _FIRST_KEYS[name]:
            raise LedgerForeign(name)
    return bool(there)
