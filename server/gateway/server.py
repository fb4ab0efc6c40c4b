"""uvicorn with a goodbye: on SIGTERM viewers are told to come back elsewhere before sockets close."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.types import ASGIApp

from schemas.codes import MAX_CONTROL_MESSAGE
from server.gateway.protocol import PreframedProtocol


class GatewayServer(uvicorn.Server):
    """`drain` is awaited first, while the listeners and `/ready` still answer."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._drain()
        await super().shutdown(sockets)


def configure(app: ASGIApp, log_level: str) -> uvicorn.Config:
    """uvloop, httptools and the pre-framed protocol; heartbeats are the session's, not uvicorn's."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws=PreframedProtocol,
        ws_max_size=MAX_CONTROL_MESSAGE,
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level=log_level,
        server_header=False,
        backlog=4096,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,
    )
