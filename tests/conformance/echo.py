"""An echo server over our own protocol class, for conformance suites: `python -m tests.conformance.echo`.

`/preframed` answers as a room does: messages come through the listener, ready-made frames go past
ASGI `send`. Any other path is a plain ASGI echo. Prints its URL; ends on SIGTERM.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from server.fanout.frames import wire_frame
from server.gateway import protocol
from server.gateway.protocol import EXTENSION, FrameWriter
from server.gateway.server import configure

LARGEST = 32 * 1024 * 1024
"""The suite's limit cases send 16 MiB; a room's limits are tested where rooms are."""
FRAGMENTS = 1_000_000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Echo:
    """A listener that answers each message with itself."""

    def __init__(self, writer: FrameWriter) -> None:
        self._writer = writer

    def heard(self, data: bytes, text: bool) -> bool:
        return self._writer(wire_frame(data, text))

    def paused(self) -> None:
        """Never: the bounds are above the largest message."""

    def resumed(self) -> None:
        """Never, as above."""

    def gone(self) -> None:
        """Nothing was kept."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Echo until the peer leaves."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    if scope["path"] == "/preframed":
        writer: FrameWriter = scope["extensions"][EXTENSION]
        writer.attach(Echo(writer), 2 * LARGEST, 2 * LARGEST)
    while (message := await receive())["type"] == "websocket.receive":
        answer = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **answer})


def main() -> None:
    protocol.MAX_VIEWER_MESSAGE = LARGEST  # type: ignore[attr-defined]
    protocol.MAX_FRAGMENTS = FRAGMENTS
    config = configure(application, "critical")
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(f"ws://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
