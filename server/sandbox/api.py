"""The sandbox's HTTP API, as docs/payments.md has it."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.codecs import split_error
from schemas.http import MAX_BODY
from server.sandbox.behaviour import Behaviour, Failure, Failures
from server.sandbox.book import Book
from server.sandbox.postman import Postman, now_ms
from server.sandbox.scribe import Scribe
from server.sandbox.wire import (
    Payment,
    PaymentRequest,
    Payments,
    RefundRequest,
    Refused,
    Standing,
    Trouble,
    TroubleResponse,
)

log = structlog.get_logger("miaodan.sandbox")

PAGE = 200
PAGE_MAX = 1_000
_MAX_QUERY = 128

_T = TypeVar("_T")
Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """Routes over a book. `key`: what callers show as `Authorization: Bearer <key>`."""

    def __init__(self, book: Book, scribe: Scribe, postman: Postman, key: str) -> None:
        self._book = book
        self._scribe = scribe
        self._postman = postman
        self._key = key.encode()
        self._failures = Failures()

    def application(self) -> Starlette:
        """The ASGI application; its lifespan runs the postman, and closes the book at the end."""

        def route(path: str, method: str, handler: Handler) -> Route:
            return Route(path, self._guarded(handler), methods=[method])

        return Starlette(
            routes=[
                Route("/health", _health, methods=["GET"]),
                route("/v1/payments", "POST", self._authorise),
                route("/v1/payments", "GET", self._find),
                route("/v1/payments/{payment}", "GET", self._one),
                route("/v1/payments/{payment}/capture", "POST", self._capture),
                route("/v1/payments/{payment}/refunds", "POST", self._refund),
                route("/v1/book", "GET", self._page),
                route("/v1/notices", "GET", self._notices),
                route("/v1/behaviour", "GET", self._behaviour),
                route("/v1/behaviour", "PUT", self._behave),
                route("/v1/behaviour", "DELETE", self._reset),
            ],
            lifespan=self._lifespan,
            exception_handlers={404: _no_address, 405: _no_method, 500: _failed},
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        posting = asyncio.create_task(self._postman.run(), name="sandbox postman")
        try:
            yield
        finally:
            posting.cancel()
            await asyncio.gather(posting, return_exceptions=True)
            await self._scribe.stop()

    def _guarded(self, handler: Handler) -> Handler:
        """Who may ask, and errors in words."""

        async def guarded(request: Request) -> Response:
            try:
                self._check(request)
                return await handler(request)
            except Refused as refused:
                return _trouble(refused)
            except sqlite3.Error as error:
                log.exception("the book could not be written")
                return _trouble(Refused(503, "unavailable", f"the book: {error}"))

        return guarded

    def _check(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        fits = hmac.compare_digest(key.strip().encode("utf-8", "replace"), self._key)
        if kind.lower() != "bearer" or not fits:
            raise Refused(401, "unauthorized", "the API key does not fit", "Authorization")

    # ---- payments ---------------------------------------------------------------------------

    async def _act(self, about: str, work: Callable[[Book], _T]) -> _T:
        """Work on a payment, with the sandbox's moods. `about`: what is asked, for the dice."""
        behaviour = self._book.behaviour
        if behaviour.latency_ms:
            await asyncio.sleep(behaviour.latency_ms / 1000)
        failure = self._failures.next(behaviour, about)
        if failure is Failure.BEFORE:
            raise Refused(500, "failed", "the sandbox fails on demand, before anything was done")
        result = await self._scribe.do(work)
        self._postman.wake()
        if failure is Failure.AFTER:
            raise Refused(500, "failed", "the sandbox fails on demand; what came of it is not said")
        return result

    async def _authorise(self, request: Request) -> Response:
        asked = _decode(await _body(request), PaymentRequest)
        payment = await self._act(f"authorise {asked.key}", lambda book: book.authorise(asked, now_ms()))
        if payment.status is Standing.DECLINED:
            raise Refused(402, "declined", payment.reason)
        return _json(payment)

    async def _capture(self, request: Request) -> Response:
        id = request.path_params["payment"]
        return _json(await self._act(f"capture {id}", lambda book: book.capture(id, now_ms())))

    async def _refund(self, request: Request) -> Response:
        id = request.path_params["payment"]
        asked = _decode(await _body(request), RefundRequest)
        return _json(await self._act(f"refund {asked.key}", lambda book: book.refund(id, asked, now_ms())))

    async def _one(self, request: Request) -> Response:
        id = request.path_params["payment"]
        return _json(await self._act(f"payment {id}", lambda book: book.payment(id)))

    async def _find(self, request: Request) -> Response:
        given = _query(request, "key", "order")
        if len(given) != 1:
            raise Refused(400, "invalid", "exactly one of key and order", "key")
        ((column, value),) = given.items()
        if not value or len(value) > _MAX_QUERY:
            raise Refused(400, "invalid", f"1 to {_MAX_QUERY} characters", column)
        found: list[Payment] = await self._act(f"find {value}", lambda book: book.by(column, value))
        return _json(Payments(found))

    # ---- for who tests with it --------------------------------------------------------------

    async def _page(self, request: Request) -> Response:
        given = _query(request, "cursor", "limit")
        after = _number(given, "cursor", 0, 0, 2**53)
        limit = _number(given, "limit", PAGE, 1, PAGE_MAX)
        return _json(await self._scribe.do(lambda book: book.page(after, limit)))

    async def _notices(self, request: Request) -> Response:
        return _json(await self._scribe.do(lambda book: book.counts()))

    async def _behaviour(self, request: Request) -> Response:
        return _json(self._book.behaviour)

    async def _behave(self, request: Request) -> Response:
        behaviour = _decode(await _body(request), Behaviour)
        await self._scribe.do(lambda book: book.behave(behaviour))
        log.warning("behaves as told", **msgspec.structs.asdict(behaviour))
        return _json(behaviour)

    async def _reset(self, request: Request) -> Response:
        await self._scribe.do(lambda book: book.behave(None))
        return _json(self._book.behaviour)


async def _health(request: Request) -> Response:
    return _json({"status": "ok"})


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refused(413, "too_large", f"a body has at most {MAX_BODY} bytes")
    return bytes(body)


def _decode(body: bytes, type: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=type)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        message, field = split_error(error)
        raise Refused(400, "invalid", message, field) from None


def _query(request: Request, *known: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known or name in given:
            message = "given twice" if name in given else f"not a parameter; there are {', '.join(known)}"
            raise Refused(400, "invalid", message, name[:_MAX_QUERY])
        given[name] = value
    return given


def _number(given: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else -1
    if not least <= number <= most:
        raise Refused(400, "invalid", f"a whole number from {least} to {most}", name)
    return number


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _trouble(refused: Refused) -> Response:
    return _json(TroubleResponse(Trouble(refused.code, refused.message, refused.field)), refused.status)


async def _no_address(request: Request, error: Exception) -> Response:
    return _trouble(Refused(404, "not_found", "no such address"))


async def _no_method(request: Request, error: Exception) -> Response:
    return _trouble(Refused(405, "invalid", f"{request.method} is not for this address"))


async def _failed(request: Request, error: Exception) -> Response:
    log.error("a request failed", path=request.url.path, error=repr(error))
    return _trouble(Refused(500, "failed", "something went wrong here"))
