"""Starlette on uvicorn, awaiting `send_text` for one viewer after another."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

viewers: set[WebSocket] = set()


async def watch(websocket: WebSocket) -> None:
    await websocket.accept()
    viewers.add(websocket)
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        viewers.discard(websocket)


async def publish(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket.iter_text():
        for viewer in list(viewers):
            await viewer.send_text(message)


app = Starlette(routes=[WebSocketRoute("/", watch), WebSocketRoute("/publish", publish)])


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(f"listening on {listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            log_level="warning",
        )
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
