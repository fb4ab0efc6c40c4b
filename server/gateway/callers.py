"""Who calls the HTTP API, what they asked, and how they are answered or refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import orjson
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from schemas.codecs import UNREADABLE, split_error
from schemas.codes import ErrorCode
from schemas.http import LIST_LIMIT, LIST_LIMIT_MAX, MAX_BODY, STATUS, ErrorBody, ErrorResponse
from server.gateway.doorway import Doorway
from server.orders.errors import LedgerError, OrderError
from server.rooms.decide import Refused
from server.trust.tokens import BadToken, Identity
from server.valkey import StoreUnavailable

Handler = Callable[[Request], Awaitable[Response]]
_Body = TypeVar("_Body")


class ApiError(Exception):
    """Becomes `{"error": {code, message, field?}}` with the fitting status."""

    def __init__(self, code: ErrorCode, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


def json_response(body: object, status: int = 200) -> Response:
    """Rendered by orjson from msgspec's built-in types."""
    content = orjson.dumps(msgspec.to_builtins(body))
    return Response(content, status, media_type="application/json")


def error_response(code: ErrorCode, message: str, field: str | None = None) -> Response:
    body = ErrorResponse(error=ErrorBody(code=code, message=message, field=field))
    response = json_response(body, STATUS[code])
    if code is ErrorCode.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if code in (ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED):
        response.headers["Retry-After"] = "1"
    return response


def guarded(handler: Handler) -> Handler:
    """Every failure becomes a typed error; nothing else leaves the API."""

    async def guard(request: Request) -> Response:
        try:
            return await handler(request)
        except (ApiError, Refused, OrderError) as error:
            return error_response(error.code, error.message, error.field)
        except (StoreUnavailable, RedisError):
            return error_response(ErrorCode.UNAVAILABLE, "the store does not answer")
        except LedgerError:
            return error_response(ErrorCode.UNAVAILABLE, "the ledger does not answer")

    return guard


async def read_body(request: Request) -> bytes:
    """The body, at most MAX_BODY bytes."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise ApiError(ErrorCode.TOO_LARGE, f"the body is larger than {MAX_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def decoded(request: Request, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    """The body, as what it has to be; none at all is an empty object."""
    try:
        return decoder.decode(await read_body(request) or b"{}")
    except UNREADABLE as error:
        message, field = split_error(error)
        raise ApiError(ErrorCode.INVALID, message, field) from None


def page_of(request: Request) -> tuple[str | None, int]:
    """`cursor` and `limit` of a list."""
    text = request.query_params.get("limit", str(LIST_LIMIT))
    if len(text) > 4 or not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LIST_LIMIT_MAX:
        raise ApiError(ErrorCode.INVALID, f"expected a whole number from 1 to {LIST_LIMIT_MAX}", "limit")
    return request.query_params.get("cursor") or None, int(text)


class Callers:
    """Tells callers apart by their tokens, and hosts by their rooms."""

    def __init__(self, door: Doorway) -> None:
        self._door = door

    def identity(self, request: Request) -> Identity | None:
        header = request.headers.get("authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ApiError(ErrorCode.UNAUTHORIZED, "expected Authorization: Bearer <token>")
        try:
            return self._door.tokens.verify(token.strip(), self._door.clock())
        except BadToken as bad:
            raise ApiError(ErrorCode.UNAUTHORIZED, str(bad)) from None

    def need_identity(self, request: Request) -> Identity:
        identity = self.identity(request)
        if identity is None:
            raise ApiError(ErrorCode.UNAUTHORIZED, "this call needs a token")
        return identity

    async def must_host(self, identity: Identity, room: str) -> None:
        if not await self.hosts(identity, room):
            raise ApiError(ErrorCode.FORBIDDEN, "not a host of this room", "room")

    async def hosts(self, identity: Identity, room: str) -> bool:
        if identity.room is not None:
            return identity.room == room
        state = await self._door.room_log.load(room)
        return state is not None and identity.user in state.snapshot().hosts
