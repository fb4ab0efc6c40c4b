"""Group commit: what came while the last transaction was on its way to the disk is the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from server.sandbox.book import Book
from server.sandbox.wire import Refused

_T = TypeVar("_T")
_BATCH = 256
_WAITING = 10_000


class Scribe:
    """Carries work out on the book, in order, on a thread of its own; an answer means it is on the disk.

    At most 10,000 pieces of work wait; beyond that they are refused with 503.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="book")
        self._waiting: deque[tuple[Callable[[Book], Any], asyncio.Future[Any]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    def statistics(self) -> dict[str, int]:
        return {"waiting": len(self._waiting), "bound": _WAITING}

    async def do(self, work: Callable[[Book], _T]) -> _T:
        """What `work` returns. Raises what it does (nothing was written then), sqlite3 errors, Refused."""
        if len(self._waiting) >= _WAITING:
            raise Refused(503, "unavailable", "too many requests wait for the book")
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, answer))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())
        return await answer

    async def stop(self) -> None:
        """Finish what waits, and close the book."""
        if self._writing is not None:
            await self._writing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._book.close)
        self._thread.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            works = [work for work, _ in batch]
            results = await loop.run_in_executor(self._thread, _transaction, self._book, works)
            for (_, answer), result in zip(batch, results, strict=True):
                if answer.cancelled():
                    continue
                if isinstance(result, Exception):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)
        self._writing = None


def _transaction(book: Book, works: list[Callable[[Book], Any]]) -> list[Any]:
    """The results, each an exception where the work raised one or the whole was not written."""
    connection = book.connection
    results: list[Any] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for work in works:
                connection.execute("SAVEPOINT work")
                try:
                    results.append(work(book))
                except Exception as error:
                    if not connection.in_transaction:  # a full disk takes all of it back (SQLite's own rule)
                        raise
                    connection.execute("ROLLBACK TO work")
                    results.append(error)
                connection.execute("RELEASE work")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except Exception as error:
        return [error] * len(works)
    return results
