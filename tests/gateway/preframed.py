"""A pre-framed protocol under a real uvicorn, and a listener that remembers what it heard."""

from __future__ import annotations

import asyncio
import inspect
import logging
import socket
import zlib
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from server.gateway.protocol import EXTENSION, Handover
from server.gateway.server import configure
from server.gateway.stream import FrameStream


def masked(payload: bytes, first: int = 0x81) -> bytes:
    """A client's frame, masked with zeros."""
    size = len(payload)
    head = bytes((first, 0x80 | size)) if size < 126 else bytes((first, 0xFE)) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


def packed(payload: bytes) -> bytes:
    """The payload of a compressed message."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -12)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


Application = Callable[[Handover], object]


class Heard:
    """A listener that remembers, and answers what the test wants."""

    def __init__(self, answer: Callable[[bytes, bool], object] = lambda data, text: None) -> None:
        self.said: list[str] = []
        self.pokes = 0
        self.changed = asyncio.Event()
        self._answer = answer

    def _note(self, word: str) -> None:
        self.said.append(word)
        self.changed.set()

    def heard(self, data: bytes, text: bool) -> None:
        self._note(f"{'text' if text else 'bytes'} {data.decode(errors='replace')}")
        self._answer(data, text)

    def wrote(self) -> None:
        self._note("wrote")

    def poked(self) -> None:
        self.pokes += 1

    def paused(self) -> None:
        self._note("paused")

    def resumed(self) -> None:
        self._note("resumed")

    def gone(self) -> None:
        self._note("gone")

    async def until(self, word: str) -> None:
        async with asyncio.timeout(10):
            while word not in self.said:
                self.changed.clear()
                await self.changed.wait()


def taken(
    handover: Handover, heard: Heard, soft_mark: int = 64 * 1024, bound: int = 8_000_000
) -> FrameStream:
    stream = handover(heard, soft_mark, bound)
    assert stream is not None
    return stream


@asynccontextmanager
async def serving(application: Application, deflate: bool = False) -> AsyncIterator[str]:
    """The application behind uvicorn, called with each accepted socket; yields its `ws://` URL."""

    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                await send({"type": message["type"] + ".complete"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        result = application(scope["extensions"][EXTENSION])
        if inspect.isawaitable(result):
            await result

    listener = socket.create_server(("127.0.0.1", 0))
    config = configure(app, "error", deflate)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "capture_signals", nothing)
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                assert not task.done(), "uvicorn did not start"
                await asyncio.sleep(0.005)
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}/ws/live/r"
        finally:
            server.should_exit = True
            await task
            for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
                logging.getLogger(name).setLevel(logging.NOTSET)  # uvicorn sets them for the whole process


def nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


async def code_of(client: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(15):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code
