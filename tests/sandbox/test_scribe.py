"""Group commit: each piece of work all or nothing, many in one transaction, bounded."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.sandbox.behaviour import Behaviour
from server.sandbox.book import Book, BookUnusable
from server.sandbox.scribe import Scribe
from server.sandbox.wire import Payment, PaymentRequest, Refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scribe(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Scribe]:
    scribe = Scribe(Book(tmp_path / "book.db", Behaviour()))
    yield scribe
    await scribe.stop()


def asked(key: str) -> PaymentRequest:
    return PaymentRequest(key=key, order="o", user="ann", amount=5, currency="CNY")


async def count(scribe: Scribe) -> int:
    return len((await scribe.do(lambda book: book.page(0, 1_000))).payments)


async def test_one_that_fails_takes_nothing_with_it(scribe: Scribe) -> None:
    def half(book: Book) -> None:
        book.authorise(asked("half"), 1)
        raise ZeroDivisionError

    works = [scribe.do(lambda book, key=f"k{n}": book.authorise(asked(key), 1)) for n in range(10)]  # type: ignore[misc]
    results = await asyncio.gather(*works[:5], scribe.do(half), *works[5:], return_exceptions=True)
    assert isinstance(results[5], ZeroDivisionError)
    assert sum(isinstance(result, Payment) for result in results) == 10
    assert await count(scribe) == 10


async def test_what_comes_meanwhile_is_one_transaction(scribe: Scribe, tmp_path: Path) -> None:
    begun: list[str] = []
    hold, held = threading.Event(), threading.Event()

    def slow(book: Book) -> None:
        book.connection.set_trace_callback(begun.append)
        held.set()
        assert hold.wait(10)

    first = asyncio.create_task(scribe.do(slow))
    await asyncio.to_thread(held.wait, 10)
    rest = [asyncio.create_task(scribe.do(lambda book: book.counts())) for _ in range(100)]
    await asyncio.sleep(0)
    assert scribe.statistics() == {"waiting": 100, "bound": 10_000}
    hold.set()
    await asyncio.gather(first, *rest)
    assert sum(text.startswith("COMMIT") for text in begun) == 2


async def test_too_much_is_refused(scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.sandbox.scribe._WAITING", 3)
    hold, held = threading.Event(), threading.Event()

    def slow(book: Book) -> None:
        held.set()
        assert hold.wait(10)

    first = asyncio.create_task(scribe.do(slow))
    await asyncio.to_thread(held.wait, 10)
    rest = [asyncio.create_task(scribe.do(lambda book: book.counts())) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="too many requests") as caught:
        await scribe.do(lambda book: book.counts())
    assert caught.value.status == 503
    hold.set()
    await asyncio.gather(first, *rest)


async def test_a_transaction_that_cannot_be_written_fails_all_of_it(scribe: Scribe) -> None:
    await scribe.do(lambda book: book.authorise(asked("k"), 1))
    await scribe.do(lambda book: book.connection.execute("PRAGMA max_page_count = 1") and None)

    def big(book: Book) -> None:
        for number in range(2_000):
            book.authorise(asked(f"big-{number}"), 1)

    with pytest.raises(sqlite3.OperationalError, match="full"):
        await scribe.do(big)
    assert await count(scribe) == 1


def test_the_tables_themselves_refuse_what_must_not_be(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.db", Behaviour())
    book.authorise(asked("k"), 1)
    for statement in (
        "UPDATE payments SET refunded = 6",
        "UPDATE payments SET refunded = -1",
        "UPDATE payments SET status = 'lost'",
        "INSERT INTO refunds VALUES ('r', 'pay_none', 1, 1)",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            book.connection.execute(statement)
    book.close()


def test_a_book_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "book.db").write_text("no database " * 100)
    with pytest.raises(BookUnusable, match=r"book\.db cannot be used: file is not a database"):
        Book(tmp_path / "book.db", Behaviour())
