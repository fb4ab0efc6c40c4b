"""The ledger's database of a run: a PostgreSQL cluster of its own, or the server's SQLite file.

Both are read with plain SQL, and both can be made to stand still.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from loadtest.chaos.schedule import Fault, Kind
from loadtest.postgres import Postgres, find_programs

Row = tuple[Any, ...]
BUSY_S = 10.0
READ_S = 120.0


class Database(Protocol):
    """What a run does with its ledger."""

    name: str
    faults: Sequence[Kind]

    def url(self) -> str:
        """`server.database_url`; empty for the server's own SQLite file."""
        ...

    async def strike(self, fault: Fault) -> str:
        """Carry one fault out, to its end; what happened. Raises OSError, sqlite3.Error."""
        ...

    async def mend(self) -> None:
        """Whatever was done to it: it runs again."""
        ...

    async def rows(self, statement: str) -> Sequence[Row]:
        """Raises OSError, sqlite3.Error, asyncpg errors."""
        ...

    def close(self) -> None: ...


def database_for(choice: str, data_dir: Path | None = None) -> Database:
    """`auto`: PostgreSQL where it is installed. Raises ValueError where it was asked for and is not.

    `data_dir` is where the server will keep its SQLite file; it may be named later, see `FileDatabase`.
    """
    programs = find_programs() if choice != "sqlite" else None
    if programs is not None:
        return ClusterDatabase(Postgres(programs))
    if choice == "postgresql":
        raise ValueError("PostgreSQL is not installed (Debian: apt install postgresql)")
    return FileDatabase(data_dir)


class ClusterDatabase:
    """A PostgreSQL of the run's own. From the main thread, whose death it notices."""

    name = "postgresql"
    faults: Sequence[Kind] = (Kind.KILL, Kind.STOP)

    def __init__(self, cluster: Postgres) -> None:
        self._cluster = cluster
        self._turn = asyncio.Lock()
        try:
            cluster.start()
            self._database = cluster.new_database()
        except BaseException:
            cluster.close()
            raise

    def url(self) -> str:
        return self._cluster.url(self._database)

    async def strike(self, fault: Fault) -> str:
        async with self._turn:  # one that is down cannot be stopped
            if fault.kind is Kind.KILL:
                self._cluster.kill()
                await asyncio.sleep(fault.lasts)
                self._cluster.launch()
                return "all of it, started again"
            self._cluster.pause()
            try:
                await asyncio.sleep(fault.lasts)
            finally:
                self._cluster.resume()
            return "all of it"

    async def mend(self) -> None:
        self._cluster.resume()
        if not self._cluster.running:
            self._cluster.launch()

    async def rows(self, statement: str) -> Sequence[Row]:
        async with asyncio.timeout(READ_S):
            connection = await asyncpg.connect(self.url(), timeout=BUSY_S)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

    def close(self) -> None:
        self._cluster.close()


class FileDatabase:
    """The server's `ledger.db`. `data_dir` is set once the server's is known."""

    name = "sqlite"
    faults: Sequence[Kind] = (Kind.LOCK,)

    def __init__(self, data_dir: Path | None = None) -> None:
        self.data_dir = data_dir

    def url(self) -> str:
        return ""

    async def strike(self, fault: Fault) -> str:
        with closing(await asyncio.to_thread(self._locked)) as connection:
            await asyncio.sleep(fault.lasts)
            with suppress(sqlite3.Error):
                connection.rollback()
        return "its write lock was held"

    def _locked(self) -> sqlite3.Connection:
        connection = self._open()
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self) -> sqlite3.Connection:
        if self.data_dir is None:
            raise RuntimeError("the server's data directory is not known yet")
        return sqlite3.connect(
            self.data_dir / "ledger.db", timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )

    async def mend(self) -> None:
        """Nothing holds a lock longer than its fault."""

    async def rows(self, statement: str) -> Sequence[Row]:
        def read() -> list[Row]:
            with closing(self._open()) as connection:
                return connection.execute(statement).fetchall()

        return await asyncio.to_thread(read)

    def close(self) -> None:
        """The file goes with the server's data directory."""
