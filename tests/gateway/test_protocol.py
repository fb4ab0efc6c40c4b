"""The pre-framed protocol under a real uvicorn on a real socket, and a canary for uvicorn's internals."""

from __future__ import annotations

import asyncio
import inspect
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.fanout.frames import wire_frame
from server.gateway.links import PreframedLink
from server.gateway.protocol import EXTENSION, FrameWriter
from server.gateway.server import configure
from server.settings import FanoutSettings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_blocks_the_loop")]

Application = Callable[[FrameWriter, Callable[[], Awaitable[MutableMapping[str, Any]]]], Awaitable[None]]


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.changed = asyncio.Event()

    def _note(self, word: str) -> None:
        self.said.append(word)
        self.changed.set()

    def heard(self, data: bytes, text: bool) -> bool:
        return False

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


@asynccontextmanager
async def serving(application: Application) -> AsyncIterator[str]:
    """The application behind uvicorn; yields its `ws://` URL."""

    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                await send({"type": message["type"] + ".complete"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        await application(scope["extensions"][EXTENSION], receive)

    listener = socket.create_server(("127.0.0.1", 0))
    config = configure(app, "error")
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "capture_signals", _nothing)
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


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


async def until_closed(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def code_of(client: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(15):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code


def test_canary_uvicorn_still_has_what_the_subclass_touches() -> None:
    for name in (
        "pause_writing",
        "resume_writing",
        "connection_lost",
        "shutdown",
        "handle_close",
        "handle_parser_exception",
        "keepalive_timeout",
        "run_asgi",
    ):
        assert callable(getattr(WebSocketsSansIOProtocol, name)), name
    source = inspect.getsource(WebSocketsSansIOProtocol)
    for word in (
        "self.close_sent",
        "self.disconnected",
        "self.handshake_complete",
        "self.conn",
        "self.close_timer",
        "self.read_paused",
        "self.queue",
        '"extensions"',
    ):
        assert word in source, word


async def test_ready_made_frames_reach_the_client_between_ordinary_sends() -> None:
    async def application(writer: FrameWriter, receive: Any) -> None:
        assert writer(wire_frame(b"[1]", True)) and writer(wire_frame(b"\x01", False))
        await until_closed(receive)

    async with serving(application) as url, connect(url) as client:
        assert [await client.recv(), await client.recv()] == ["[1]", b"\x01"]


async def test_a_close_frame_goes_out_behind_the_queue_and_forbids_more() -> None:
    refused: list[bool] = []
    heard = Heard()

    async def application(writer: FrameWriter, receive: Any) -> None:
        writer.attach(heard, 1_000, 10_000)
        writer(wire_frame(b"last", True))
        writer.close(4001, "slow", linger=5)
        refused.append(writer(wire_frame(b"too late", True)))
        await until_closed(receive)

    async with serving(application) as url, connect(url) as client:
        assert await client.recv() == "last"
        assert await code_of(client) == 4001 and client.close_reason == "slow"
    assert refused == [False] and heard.said == ["gone"]


async def test_a_stopped_reader_pauses_is_refused_above_the_bound_and_resumes() -> None:
    heard = Heard()
    written = 0
    over = asyncio.Event()
    bound = 256 * 1024

    async def application(writer: FrameWriter, receive: Any) -> None:
        nonlocal written
        writer.attach(heard, 64 * 1024, bound)
        frame = wire_frame(b"x" * 16_000, True)
        while writer(frame):
            written += 1
            await asyncio.sleep(0)
        assert bound < writer.buffered() <= bound + 2 * len(frame)
        over.set()
        await until_closed(receive)

    async with serving(application) as url:
        client = await connect(url, max_queue=1)
        async with asyncio.timeout(20):
            await over.wait()
        assert heard.said == ["paused"]
        for _ in range(written):
            await client.recv()
        await heard.until("resumed")
        await client.close()


async def test_the_line_of_a_peer_that_never_reads_on_is_cut() -> None:
    writers: list[FrameWriter] = []

    async def application(writer: FrameWriter, receive: Any) -> None:
        frame = wire_frame(b"x" * 60_000, True)
        writer.attach(Heard(), 64 * 1024, 8_000_000)
        while writer.buffered() < 1_000_000:
            writer(frame)
            await asyncio.sleep(0)
        writer.close(4001, "slow", linger=0.2)
        writers.append(writer)
        await until_closed(receive)

    async with serving(application) as url:
        client = await connect(url, max_queue=1)
        async with asyncio.timeout(10):
            while not writers or not writers[0]._protocol.disconnected:
                await asyncio.sleep(0.01)
        assert await code_of(client) == 1006


@pytest.mark.parametrize("size,code", [(4 * 1024, None), (4 * 1024 + 1, 1009)])
async def test_a_message_over_four_kib_is_too_large(size: int, code: int | None) -> None:
    sizes: list[int] = []

    async def application(writer: FrameWriter, receive: Any) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            sizes.append(len(message["text"]))
            writer(wire_frame(b"got it", True))

    async with serving(application) as url, connect(url) as client:
        await client.send("x" * size)
        if code is None:
            assert await client.recv() == "got it" and sizes == [size]
        else:
            assert await code_of(client) == code and sizes == []


async def test_the_listener_hears_that_the_peer_left() -> None:
    heard = Heard()

    async def application(writer: FrameWriter, receive: Any) -> None:
        PreframedLink(writer).attach(heard, FanoutSettings())
        await until_closed(receive)

    async with serving(application) as url:
        client = await connect(url)
        await client.close()
        await heard.until("gone")
    assert heard.said.count("gone") == 1


async def test_a_listener_may_take_messages_at_once_and_leave_others_to_the_queue() -> None:
    class Taking(Heard):
        def heard(self, data: bytes, text: bool) -> bool:
            self.said.append(f"{'text' if text else 'bytes'} {data.decode()}")
            return data != b"leave me"

    heard = Taking()
    queued: list[str] = []

    async def application(writer: FrameWriter, receive: Any) -> None:
        writer.attach(heard, 1_000, 10_000)
        while (message := await receive())["type"] == "websocket.receive":
            queued.append(message["text"])
            writer(wire_frame(b"done", True))

    async with serving(application) as url, connect(url) as client:
        await client.send("one")
        await client.send(b"two")
        await client.send("leave me")
        assert await client.recv() == "done"
    assert heard.said[:3] == ["text one", "bytes two", "text leave me"] and queued == ["leave me"]


async def test_text_that_is_not_utf8_fails_the_connection_and_is_offered_to_nobody() -> None:
    heard = Heard()

    async def application(writer: FrameWriter, receive: Any) -> None:
        writer.attach(heard, 1_000, 10_000)
        await until_closed(receive)

    async with serving(application) as url, connect(url) as client:
        client.transport.write(b"\x81\x82\x00\x00\x00\x00\xff\xfe")
        assert await code_of(client) == 1007


async def test_pings_that_are_not_read_are_bounded_like_everything_else() -> None:
    heard = Heard()

    async def application(writer: FrameWriter, receive: Any) -> None:
        writer.attach(heard, 1_000, 64 * 1024)
        await until_closed(receive)

    async with serving(application) as url:
        client = await connect(url, max_queue=1, ping_interval=None)
        client.transport.pause_reading()
        flood = b"\x89\xfd\x00\x00\x00\x00" + bytes(125)
        async with asyncio.timeout(20):
            while "gone" not in heard.said:
                client.transport.write(flood * 200)
                await asyncio.sleep(0)
        client.transport.abort()


async def test_a_message_in_endless_pieces_is_refused() -> None:
    async def application(writer: FrameWriter, receive: Any) -> None:
        writer.attach(Heard(), 1_000, 64 * 1024)
        await until_closed(receive)

    async with serving(application) as url, connect(url) as client:
        client.transport.write(b"\x01\x80\x00\x00\x00\x00" + b"\x00\x80\x00\x00\x00\x00" * 100)
        assert await code_of(client) == 4503


async def test_a_head_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def application(writer: FrameWriter, receive: Any) -> None:
        await until_closed(receive)

    async with serving(application) as url:
        host, port = url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n")
        answer = asyncio.create_task(reader.read(12))
        async with asyncio.timeout(20):
            while not answer.done():
                writer.write(b"X-A: b\r\n" * 500)
                await asyncio.sleep(0)
        assert answer.result() == b"HTTP/1.1 400"
        writer.close()
        monkeypatch.setattr("server.gateway.server.HEAD_SECONDS", 0.2)
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(10):
            assert await reader.read() == b"", "nothing was asked in time"
        writer.close()
