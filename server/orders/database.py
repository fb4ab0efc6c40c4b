"""The ledger's database: which one a URL names, its connections, what goes wrong with it.

SQLite in WAL mode, `synchronous=FULL`: what was committed survives a power cut. PostgreSQL through
asyncpg, where each operation has a bound: a server that hangs is unavailable, not waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from server.orders.errors import BadDatabaseUrl, LedgerRefused, LedgerUnavailable, Unwritable
from server.settings import ServerSettings

_BUSY_MS = 10_000
_CONNECT_SECONDS = 5.0
_GOODBYE_SECONDS = 2.0
_POOL, _POOL_SECONDS = 5, 5.0
_WRITES = "miaodan_writes"
_OPTIONS = frozenset({"host", "port", "ssl", "sslmode"})
"""What a PostgreSQL URL may say after its `?`."""
_SSL = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_ENTRY_STATES = ("22", "23")
"""SQLSTATE classes that are the row's fault: data exception, integrity constraint violation."""
_FINAL_STATES = ("28", "3D", "42501")
"""SQLSTATEs that waiting does not mend: not admitted, no such database, not allowed."""


def ledger_url(settings: ServerSettings) -> str:
    """Where the ledger is: `database_url`, else SQLite under the data directory."""
    if settings.database_url:
        return settings.database_url
    # Quoted: a `?` or `%` in a path is no syntax of the URL's.
    return f"sqlite+aiosqlite:///{quote(str(Path(settings.data_dir).absolute()))}/ledger.db"


def parse_url(text: str) -> URL:
    """With the driver we use. Raises BadDatabaseUrl, whose sentence never holds the URL itself."""
    try:
        url = make_url(text)
        kind, _, driver = url.drivername.partition("+")
    except (ArgumentError, ValueError):
        raise BadDatabaseUrl(
            "expected postgresql://USER:PASSWORD@HOST/DATABASE or sqlite:////PATH"
            " (special characters of a password percent-encoded)"
        ) from None
    if kind == "sqlite":
        if driver not in ("", "aiosqlite"):
            raise BadDatabaseUrl(f"SQLite is used through aiosqlite, not {driver}: write sqlite:////PATH")
        if url.database in (None, "", ":memory:"):
            raise BadDatabaseUrl("several processes share the ledger: SQLite needs a file, sqlite:////PATH")
        return url.set(drivername="sqlite+aiosqlite")
    if kind not in ("postgresql", "postgres"):
        raise BadDatabaseUrl(f"the ledger is kept in SQLite or PostgreSQL, not {kind}")
    if driver not in ("", "asyncpg"):
        raise BadDatabaseUrl(f"PostgreSQL is used through asyncpg, not {driver}: write postgresql://…")
    if not url.database:
        raise BadDatabaseUrl("it names no database: postgresql://USER:PASSWORD@HOST/DATABASE")
    unknown = sorted(url.query.keys() - _OPTIONS)
    if unknown:
        known = ", ".join(sorted(_OPTIONS))
        raise BadDatabaseUrl(f"the option {unknown[0]!r} is not one of {known}")
    query = dict(url.query)
    if "sslmode" in query:  # libpq's name for what asyncpg calls ssl
        query["ssl"] = query.pop("sslmode")
    if query.get("ssl", "prefer") not in _SSL:
        raise BadDatabaseUrl(f"the option ssl (or sslmode) is one of {', '.join(_SSL)}")
    return url.set(drivername="postgresql+asyncpg", query=query)


class Database:
    """Connections to one database. What SQLAlchemy and the drivers raise becomes one of our errors."""

    def __init__(self, url: str) -> None:
        """`url`: e.g. `sqlite:////var/lib/miaodan/ledger.db`, `postgresql://HOST/DATABASE`.

        Raises BadDatabaseUrl.
        """
        parsed = parse_url(url)
        self.name = parsed.get_backend_name()
        self.remote = self.name != "sqlite"
        """Not a file of ours: it may be away for a while and come back."""
        self._engine: AsyncEngine
        if self.remote:
            self._engine = create_async_engine(
                parsed,
                connect_args={
                    "timeout": _CONNECT_SECONDS,
                    "server_settings": {"application_name": "miaodan"},
                },
                pool_size=_POOL,
                max_overflow=0,
                pool_timeout=_POOL_SECONDS,
                pool_pre_ping=True,
            )
        else:
            # The connection that wrote last has its pages still: any other has to read them again.
            self._engine = create_async_engine(parsed, pool_use_lifo=True)
            event.listen(self._engine.sync_engine, "connect", _prepare)
            event.listen(self._engine.sync_engine, "begin", _begin)

    async def check(self) -> None:
        """Raises LedgerUnavailable where SQLite's file cannot be opened.

        Found out without aiosqlite, whose thread outlives a connection that failed and complains where
        the loop has ended meanwhile.
        """
        if self.remote:
            return
        try:
            await asyncio.to_thread(_open, self._engine.url.database or "")
        except sqlite3.Error as error:
            raise LedgerUnavailable(str(error)) from error

    @property
    def place(self) -> str:
        """For people; without a password."""
        return str(self._engine.url.database) if not self.remote else self._engine.url.render_as_string()

    def is_there(self) -> bool:
        """Whether SQLite's file is there and not empty; a database on a server is asked, not looked for."""
        file = Path(self._engine.url.database or "")
        return self.remote or (file.is_file() and file.stat().st_size > 0)

    async def stop(self) -> None:
        """Close all connections; a server that does not say goodbye is left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS if self.remote else None):
                await self._engine.dispose()

    @asynccontextmanager
    async def reading(self, seconds: float | None = None) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the ledger, from its first read on.

        `seconds` bounds it where the database is PostgreSQL. Raises LedgerError.
        """
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.remote else {}
        async with self._transaction(seconds, options) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self, seconds: float | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end. Raises LedgerError, Unwritable."""
        try:
            async with self._transaction(seconds, {_WRITES: True}) as connection:
                yield connection
        except (OverflowError, UnicodeEncodeError) as error:  # SQLite's driver, of a value it cannot send
            raise Unwritable(str(error)) from error

    @asynccontextmanager
    async def _transaction(
        self, seconds: float | None, options: dict[str, Any]
    ) -> AsyncIterator[AsyncConnection]:
        try:
            # SQLite waits for its lock and nothing else, and that is bounded by busy_timeout.
            async with (
                asyncio.timeout(seconds if self.remote else None),
                self._engine.connect() as connection,
            ):
                await connection.execution_options(**options)
                async with connection.begin():
                    yield connection
        except TimeoutError as error:
            raise LedgerUnavailable("it did not answer in time") from error
        except OSError as error:
            raise LedgerUnavailable(error.strerror or str(error) or type(error).__name__) from error
        except SQLAlchemyError as error:
            raise _told(error) from error


def _told(error: SQLAlchemyError) -> Exception:
    """The error of ours that says what this one means."""
    origin = error.orig if isinstance(error, DBAPIError) else None
    # SQLAlchemy puts the driver's class before its message.
    reason = re.sub(r"^<class '[^']*'>: ", "", str(origin or error).strip().partition("\n")[0])
    state = getattr(origin, "sqlstate", None)
    if state is not None:
        if state.startswith(_ENTRY_STATES):
            return Unwritable(reason)
        if state.startswith(_FINAL_STATES):
            return LedgerRefused(reason)
        return LedgerUnavailable(reason)
    if isinstance(error, IntegrityError | DataError) or _not_sent(error, origin):
        return Unwritable(reason)
    return LedgerUnavailable(reason)


def _not_sent(error: SQLAlchemyError, origin: BaseException | None) -> bool:
    """Whether the driver could not put a value in the database's form: asyncpg raises a ValueError."""
    return isinstance(error, InterfaceError) and isinstance(getattr(origin, "__cause__", None), ValueError)


def _open(path: str) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_MS / 1000)) as connection:
        connection.execute("PRAGMA schema_version")  # reads the file


def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: `_begin` says which kind they are.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    _log_ahead(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _log_ahead(cursor: DBAPICursor) -> None:
    """WAL mode. While others open a new file too SQLite says at once that it is locked, it does not wait."""
    give_up = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
        else:
            return


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: upgrading a read transaction fails instead of waiting (SQLITE_BUSY).
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
