"""Posts the notices of the book's outbox until they are taken: at least once each, signed anew each time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import ssl
import time
from collections.abc import Callable

import aiohttp
import structlog

from schemas.http import SIGNATURE_HEADER
from server.sandbox.book import Book, DueNotice
from server.sandbox.scribe import Scribe

log = structlog.get_logger("miaodan.sandbox")

POSTS = 32
"""Posted at once."""
IN_HAND = 128
"""Notices being posted or written down as posted; the others wait in the book."""
POST_SECONDS = 10.0
FIRST_PAUSE_MS = 200
LONGEST_PAUSE_MS = 15_000
MAX_AGE_MS = 24 * 3_600_000
"""A notice that nobody took for so long is given up."""
_BREATH = 0.01
"""Seconds between looks where one thing after the other wants one."""
_GLANCE = 5.0
"""Seconds between looks where nothing says that there is something to do."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def sign(body: bytes, secret: bytes, seconds: int) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 over `<seconds>.<body>`."""
    digest = hmac.new(secret, b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def pause_ms(attempts: int, chance: float) -> int:
    """How long to wait after the `attempts`-th refusal in a row: doubling, with up to a half of jitter.

    >>> [pause_ms(attempts, 0.0) for attempts in (1, 2, 3, 20)]
    [200, 400, 800, 15000]
    """
    longest = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(attempts - 1, 20))
    return int(longest * (1 - chance / 2))


class Postman:
    """`url` empty: nothing is posted, and pending payments are decided all the same."""

    def __init__(
        self,
        scribe: Scribe,
        url: str,
        secret: bytes,
        *,
        trust: ssl.SSLContext | None = None,
        max_age_ms: int = MAX_AGE_MS,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """`trust`: whose certificates an https `url` may show; None: the system's."""
        self._scribe = scribe
        self._url = url
        self._secret = secret
        self._trust = trust
        self._max_age = max_age_ms
        self._clock = clock
        self._wake = asyncio.Event()
        self._in_hand: dict[int, asyncio.Task[None]] = {}
        self._posting = asyncio.Semaphore(POSTS)

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. What is under way then is posted again by the next one."""
        timeout = aiohttp.ClientTimeout(total=POST_SECONDS)
        connector = aiohttp.TCPConnector(limit=POSTS, keepalive_timeout=15)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            try:
                while True:
                    await self._round(session)
            finally:
                tasks = list(self._in_hand.values())
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _round(self, session: aiohttp.ClientSession) -> None:
        self._wake.clear()
        now, limit = self._clock(), IN_HAND + len(self._in_hand)
        try:
            due, following = await self._scribe.do(lambda book: _look(book, now, limit))
        except Exception as error:
            log.warning("the book was not read", error=repr(error))
            await asyncio.sleep(1)
            return
        for notice in due:
            if len(self._in_hand) < IN_HAND and notice.number not in self._in_hand:
                task = asyncio.create_task(self._post(session, notice), name="sandbox notice")
                self._in_hand[notice.number] = task
                task.add_done_callback(lambda _, number=notice.number: self._finished(number))  # type: ignore[misc]
        pause = _GLANCE if following is None else min(_GLANCE, max(0, following - self._clock()) / 1000)
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
            await asyncio.sleep(_BREATH)
        except TimeoutError:
            pass

    def _finished(self, number: int) -> None:
        del self._in_hand[number]
        self._wake.set()

    async def _post(self, session: aiohttp.ClientSession, notice: DueNotice) -> None:
        async with self._posting:
            said = await self._taken(session, notice)
        try:
            if not said:
                await self._scribe.do(lambda book: book.posted(notice.number))
                return
            now = self._clock()
            if now - notice.born >= self._max_age:
                await self._scribe.do(lambda book: book.give_up(notice.number, said))
                log.error("a notice was given up", notice=notice.event, said=said)
                return
            due = now + pause_ms(notice.attempts + 1, random.random())
            await self._scribe.do(lambda book: book.put_off(notice.number, due, said))
            log.info("a notice was not taken", notice=notice.event, said=said, attempts=notice.attempts + 1)
        except Exception as error:
            log.warning("what became of a notice was not written", notice=notice.event, error=repr(error))
            await asyncio.sleep(1)

    async def _taken(self, session: aiohttp.ClientSession, notice: DueNotice) -> str:
        """Empty, or why it was not taken."""
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: sign(notice.body, self._secret, self._clock() // 1000),
        }
        try:
            async with session.post(
                self._url,
                data=notice.body,
                headers=headers,
                allow_redirects=False,
                ssl=self._trust if self._trust is not None else True,
            ) as answer:
                if 200 <= answer.status < 300:
                    return ""
                said = (await answer.content.read(200)).decode("utf-8", "replace")
                return f"{answer.status} {said}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return repr(error)[:200]


def _look(book: Book, now: int, limit: int) -> tuple[list[DueNotice], int | None]:
    book.decide(now)
    return book.due(now, limit)
