"""An echo server over our own protocol class, for conformance suites: `python -m tests.conformance.echo`.

`/preframed` answers as a room does: the connection is handed over, and what goes out are the frames that a
room makes for everybody, compressed where that was agreed. Any other path is a plain ASGI echo.
Prints its URL; ends on SIGTERM.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from schemas.codecs import JSON, MSGPACK
from server.fanout.frames import FrameMaker, Variant
from server.gateway import protocol, stream
from server.gateway.protocol import EXTENSION, Handover
from server.gateway.server import configure
from server.gateway.stream import FrameStream

LARGEST = 32 * 1024 * 1024
"""The suite's limit cases send 16 MiB; a room's limits are tested where rooms are."""
FRAGMENTS = 1_000_000
THRESHOLD = 64

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Echo:
    """A listener that answers each message with itself."""

    def __init__(self) -> None:
        self.stream: FrameStream | None = None
        self._frames = FrameMaker(LARGEST, THRESHOLD)

    def heard(self, data: bytes, text: bool) -> None:
        assert self.stream is not None
        variant = Variant(JSON if text else MSGPACK, framed=True, deflate=self.stream.deflate)
        for frame in self._frames.messages(variant, [data]):
            self.stream.write_frame(frame)

    def wrote(self) -> None:
        """All goes through the transport here: nothing can overtake."""

    def poked(self) -> None: ...

    def paused(self) -> None:
        """Never: the bounds are above the largest message."""

    def resumed(self) -> None:
        """Never, as above."""

    def gone(self) -> None:
        """`write_frame` knows."""


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
        hand_over: Handover = scope["extensions"][EXTENSION]
        echo = Echo()
        echo.stream = hand_over(echo, 2 * LARGEST, 2 * LARGEST)
        if echo.stream is not None:
            return
    while (message := await receive())["type"] == "websocket.receive":
        answer = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **answer})


def main() -> None:
    protocol.MAX_VIEWER_MESSAGE = LARGEST  # type: ignore[attr-defined]
    protocol.MAX_FRAGMENTS = stream.MAX_FRAGMENTS = FRAGMENTS  # type: ignore[attr-defined]
    config = configure(application, "critical", deflate=True)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(f"ws://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
