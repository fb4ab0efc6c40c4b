"""uvicorn with a goodbye: on SIGTERM viewers are told to come back elsewhere before sockets close."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httptools
import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request

from schemas.codes import MAX_CONTROL_MESSAGE
from server.gateway import metrics
from server.gateway.protocol import PreframedProtocol
from server.ops.logs import Seldom

log = structlog.get_logger("miaodan.gateway")

MAX_HEAD = 128 * 1024
"""Bytes a request may take until its headers are complete; a whole body may come along at once."""
HEAD_SECONDS = 15.0
"""How long a connection may take for them."""
BODY_SECONDS = 15.0
"""How long a request's body may take."""
UNREAD_SECONDS = 15.0
"""How long an answer may lie here while its reader takes nothing of it."""
MAX_PIPELINED = 32
"""Requests of one connection that may wait for the answers before theirs."""
LOG_EVERY_SECONDS = 60.0
"""Connections that speak no HTTP are logged together, no oftener than this."""

LAST_ANSWERS_SECONDS = 1.0
"""How long requests under way may go on once everybody else has left."""
CUT_LOOKS = 100
"""A line that was cut is gone a turn of the loop later, through TLS a few."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which bounds neither a request's head and body nor the time they and the reading
    of an answer take, nor how many requests wait in a row, nor how often it logs what is no request."""

    _head = 0
    _in_head = True
    _in_body = False
    _head_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def _wait_for_head(self) -> None:
        self._head, self._in_head = 0, True
        self._stop_waiting()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self.transport.abort()

    def on_message_begin(self) -> None:
        if not self._in_head:
            self._wait_for_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        if len(self.pipeline) >= MAX_PIPELINED:
            self.transport.abort()
        if self.transport.is_closing():
            return
        self._in_body = True
        super().on_headers_complete()
        if self._unread_timer is None and not self.parser.should_upgrade():
            self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self._look_at_unread)

    def on_body(self, body: bytes) -> None:
        if self._in_body:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._in_body:
            self._in_body = False
            self._stop_waiting()
            super().on_message_complete()

    def _look_at_unread(self) -> None:
        """Also while it closes: a transport that closes waits for its reader without end."""
        unread = self.transport.get_write_buffer_size()
        if unread >= self._unread > 0:
            self.transport.abort()
            return
        self._unread = unread
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self._look_at_unread)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.send_400_response(f"The request's head is larger than {MAX_HEAD} bytes.")
                return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            _note_malformed(self.loop.time())
            self.send_400_response("Invalid HTTP request received.")
            return
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                if data[upgrade.args[0] :]:
                    self.send_400_response("Wait for the handshake's answer before you send a frame.")
                else:
                    self.handle_websocket_upgrade()
                return
            _note_malformed(self.loop.time())  # it is answered like a request without the upgrade
        self._wait_for_rest()

    def _wait_for_rest(self) -> None:
        """For a body, or, behind an answer, for whatever is to come of what is no request yet."""
        if self._head_timer is not None or self.transport.is_closing():
            return
        idle = (
            not self._in_body and not self._in_head and (self.cycle is None or self.cycle.response_complete)
        )
        if self._in_body or (idle and self.timeout_keep_alive_task is None):
            self._head_timer = self.loop.call_later(BODY_SECONDS, self._too_slow)

    def handle_websocket_upgrade(self) -> None:
        """Hand the request over as it was parsed: to write it out and parse it again takes an eighth of
        the time a viewer needs to get in (measured)."""
        self.connections.discard(self)
        try:
            path = self.url.decode("ascii")
        except UnicodeDecodeError:
            self.send_400_response("The request's address is not ASCII.")
            return
        headers = Headers()
        for name, value in self.scope["headers"]:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        version = "HTTP/" + self.scope["http_version"]
        protocol = PreframedProtocol(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        protocol.connection_made(self.transport)
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
        protocol.handle_connect(Request(path, headers, self.scope["method"], version))
        self.transport.set_protocol(protocol)
        # The parser and this protocol hold one another: let go of both now, not when they are collected.
        self.parser = None  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
        super().connection_lost(exc)


_malformed = Seldom(LOG_EVERY_SECONDS)


def _note_malformed(now: float) -> None:
    metrics.MALFORMED.inc()
    number = _malformed.note(now)
    if number:
        log.warning("what came was no HTTP request", connections=number)


class GatewayServer(uvicorn.Server):
    """`drain` is awaited first, while the listeners and `/ready` still answer."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._drain()
        for server in self.servers:
            server.close()
        # Who had not gone when the drain was over may never go: a stopped reader's last bytes wait for ever.
        await self._cut(lambda connection: not isinstance(connection, HttpToolsProtocol))
        late = asyncio.get_running_loop().create_task(self._cut_late())
        try:
            await super().shutdown(sockets)
        finally:
            late.cancel()

    async def _cut_late(self) -> None:
        await asyncio.sleep(LAST_ANSWERS_SECONDS)
        await self._cut(lambda connection: True)

    async def _cut(self, chosen: Callable[[Any], bool]) -> None:
        """Cut these connections; done when they are gone, so that uvicorn says no more to them."""
        for _ in range(CUT_LOOKS):
            lines = [one for one in self.server_state.connections if chosen(one)]
            if not lines:
                return
            for connection in lines:
                if connection.transport is not None:
                    connection.transport.abort()
            await asyncio.sleep(0.005)


def configure(
    app: ASGIApp, log_level: str, deflate: bool = False, *, certfile: str = "", keyfile: str = ""
) -> uvicorn.Config:
    """uvloop, httptools and the pre-framed protocol; heartbeats are the session's, not uvicorn's.

    `deflate`: offer permessage-deflate. With `certfile` and `keyfile` TLS ends here.
    """
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttp,
        ws=PreframedProtocol,
        ws_max_size=MAX_CONTROL_MESSAGE,
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=deflate,
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level=log_level,
        server_header=False,
        backlog=4096,
        timeout_graceful_shutdown=2,  # more than LAST_ANSWERS_SECONDS: it has nothing left to cancel
        timeout_keep_alive=30,
        ssl_certfile=certfile or None,
        ssl_keyfile=keyfile or None,
    )
