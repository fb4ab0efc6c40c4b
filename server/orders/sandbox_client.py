"""A payment provider over HTTP: the sandbox's API (docs/payments.md), which one's own provider may speak."""

from __future__ import annotations

import asyncio
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import Struct

from schemas.http import MAX_BODY
from server.orders.provider import Charge, Payment, PaymentRefused

CONNECTIONS = 256
"""Of one process; beyond it a request waits its turn, within its time."""
_KEEP_SECONDS = 30.0
_TRIES = 3
_PAUSE = 0.1
"""Seconds before a request whose connection broke is made again."""
_NO = (402, 409)
_NOT_FOUND = "not_found"

_T = TypeVar("_T")


class _Trouble(Struct):
    code: str
    message: str


class _TroubleResponse(Struct):
    error: _Trouble


class _Payments(Struct):
    payments: list[Payment]


class _Refund(Struct):
    key: str
    amount: int
    currency: str


class NoAnswer(Exception):
    """What came of a request to the provider is not known. `said`: what there was instead of an answer."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said

    def __str__(self) -> str:
        return f"no answer from the payment provider: {self.said}"


class _NotFound(NoAnswer):
    """404, in the provider's own words: it has no such payment. An answer to some questions only."""


class SandboxClient:
    """A `PaymentProvider`. Raises PaymentRefused for its definite no (402, 409, to a refund also that it has
    no such payment), NoAnswer for all else.

    A call takes `timeout_ms` at most, with all its tries: every request carries its key, so one whose
    connection broke is made again.
    """

    def __init__(
        self, url: str, key: str, timeout_ms: int = 10_000, *, connections: int = CONNECTIONS
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._timeout = timeout_ms / 1000
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def authorise(self, charge: Charge) -> Payment:
        return await self._ask("POST", "/v1/payments", Payment, charge)

    async def capture(self, payment: str) -> Payment:
        return await self._ask("POST", f"{_path(payment)}/capture", Payment)

    async def refund(self, payment: str, key: str, amount: int, currency: str) -> Payment:
        body = _Refund(key, amount, currency)
        try:
            return await self._ask("POST", f"{_path(payment)}/refunds", Payment, body)
        except _NotFound as error:
            raise PaymentRefused(error.said) from None

    async def query(self, key: str) -> Payment | None:
        path = f"/v1/payments?key={quote(key, safe='')}"
        found = (await self._ask("GET", path, _Payments)).payments
        return found[0] if found else None

    async def lookup(self, payment: str) -> Payment | None:
        try:
            found = await self._ask("GET", _path(payment), Payment)
        except _NotFound:
            return None
        if found.payment != payment:
            raise NoAnswer(f"it was asked for payment {payment} and tells of {found.payment}")
        return found

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, path: str, type: type[_T], body: Struct | None = None) -> _T:
        data = msgspec.json.encode(body) if body is not None else None
        try:
            async with asyncio.timeout(self._timeout):
                status, answer = await self._exchange(method, path, data)
        except TimeoutError:
            raise NoAnswer(f"nothing within {self._timeout:g} s") from None
        if status == 200:
            try:
                return msgspec.json.decode(answer, type=type)
            except (msgspec.MsgspecError, UnicodeError) as error:
                raise NoAnswer(f"an answer that is none: {error}") from None
        trouble = _trouble(answer)
        if status in _NO:
            raise PaymentRefused(trouble.message)
        kind = _NotFound if (status, trouble.code) == (404, _NOT_FOUND) else NoAnswer
        raise kind(f"{status} {trouble.message}")

    async def _exchange(self, method: str, path: str, data: bytes | None) -> tuple[int, bytes]:
        """Status and body. Raises NoAnswer once the connection broke three times."""
        for left in range(_TRIES - 1, -1, -1):
            try:
                async with self._opened().request(
                    method, self._url + path, data=data, headers=self._headers, allow_redirects=False
                ) as response:
                    return response.status, await _read(response)
            except (aiohttp.ClientError, OSError) as error:
                if not left:
                    raise NoAnswer(repr(error)) from error
                await asyncio.sleep(_PAUSE)
        raise AssertionError("unreachable")

    def _opened(self) -> aiohttp.ClientSession:
        """Made by the first request: a session belongs to the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=_KEEP_SECONDS),
                timeout=aiohttp.ClientTimeout(),  # `_ask` has one for all tries
                cookie_jar=aiohttp.DummyCookieJar(),
                raise_for_status=False,
            )
        return self._session


def _path(payment: str) -> str:
    return f"/v1/payments/{quote(payment, safe='')}"


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise NoAnswer(f"an answer of more than {MAX_BODY} bytes")
    return bytes(body)


def _trouble(answer: bytes) -> _Trouble:
    """Of an error; one that cannot be read has no code."""
    try:
        said = msgspec.json.decode(answer, type=_TroubleResponse).error
        return _Trouble(said.code, said.message[:500])
    except (msgspec.MsgspecError, UnicodeError):
        return _Trouble("", answer[:200].decode("utf-8", "replace"))
