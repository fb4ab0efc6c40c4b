"""Lets pages of the admitted origins read the HTTP API, as they may open the sockets (Fetch standard, CORS).

The API knows its callers by the `Authorization` header, never by a cookie: credentials are not allowed.
"""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.trust.origins import Origins

PATHS = ("/api/", "/demo/token")
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


class CrossOrigin:
    """ASGI middleware: answers preflights, and names the origin on what it may read."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not scope["path"].startswith(PATHS):
            return self._app(scope, receive, send)
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None:
            return self._app(scope, receive, send)
        allowed = {"Vary": "Origin"}
        if self._origins.admits(origin, headers.get("host")):
            allowed["Access-Control-Allow-Origin"] = origin
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return Response(status_code=204, headers=allowed | PREFLIGHT)(scope, receive, send)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(allowed)
            await send(message)

        return self._app(scope, receive, named)
