"""The pre-framed protocol under a real uvicorn on a real socket, and a canary for uvicorn's internals."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import socket
import zlib
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.server import ServerProtocol

from server.fanout.frames import wire_frame
from server.gateway.protocol import EXTENSION, Handover, PreframedProtocol
from server.gateway.server import BoundedHttp, configure
from server.gateway.stream import BYTES_AT_ONCE, FrameStream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_blocks_the_loop")]


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


async def code_of(client: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(15):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code


def test_canary_uvicorn_still_has_what_the_subclass_touches() -> None:
    for name in ("handle_connect", "handle_cont", "handle_parser_exception", "run_asgi", "stop_keepalive"):
        assert callable(getattr(WebSocketsSansIOProtocol, name)), name
    source = inspect.getsource(WebSocketsSansIOProtocol)
    for word in (
        "self.close_sent",
        "self.disconnected",
        "self.handshake_complete",
        "self.conn",
        "self.close_timer",
        "self.connections",
        "self.queue",
        '"extensions"',
    ):
        assert word in source, word


async def test_ready_made_frames_reach_the_client_and_the_call_has_returned() -> None:
    streams: list[FrameStream] = []
    tasks: list[asyncio.Task[Any] | None] = []

    def application(handover: Handover) -> None:
        streams.append(taken(handover, Heard()))
        tasks.append(asyncio.current_task())

    async with serving(application) as url, connect(url) as client:
        await client.ping()
        (stream,) = streams
        assert stream.write_frame(wire_frame(b"[1]", True)) and stream.write_frame(wire_frame(b"\x01", False))
        assert [await client.recv(), await client.recv()] == ["[1]", b"\x01"]
        assert tasks[0] is not None and tasks[0].done(), "no task is kept for a viewer"


BROKEN = {
    "good": None,
    "reserved": masked(b"x", first=0xA1),
    "too large": masked(b"x" * 5_000),
    "bomb": masked(packed(b"x" * 1_000_000), first=0xC1),
    "torn": masked(b"\x07garbage\xff", first=0xC1),
    "not UTF-8": masked(b"\xff\xfe"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_connection_that_ended_leaves_nothing_to_collect(broken: bytes | None) -> None:
    kinds = {FrameStream, PreframedProtocol, BoundedHttp, ServerProtocol, Handover}

    def left() -> list[str]:
        return [type(one).__name__ for one in gc.get_objects() if type(one) in kinds]

    gc.collect()
    gc.disable()
    try:
        heard = Heard()
        async with serving(lambda handover: taken(handover, heard), deflate=True) as url:
            for _ in range(5):
                async with connect(url) as client:
                    await client.send("hello")
                    if broken is not None:
                        client.transport.write(broken)
                        await code_of(client)
            async with asyncio.timeout(10):
                while left():  # by itself
                    await asyncio.sleep(0.01)
        assert heard.said.count("text hello") == 5
    finally:
        gc.enable()


async def test_a_connection_is_handed_over_once() -> None:
    second: list[FrameStream | None] = []

    def application(handover: Handover) -> None:
        taken(handover, Heard())
        second.append(handover(Heard(), 1_000, 1_000))

    async with serving(application) as url, connect(url) as client:
        await (await client.ping())
        assert second == [None]


async def test_a_close_frame_goes_out_behind_the_queue_and_forbids_more() -> None:
    refused: list[bool] = []
    heard = Heard()

    def application(handover: Handover) -> None:
        stream = taken(handover, heard)
        stream.write_frame(wire_frame(b"last", True))
        stream.close(4001, "slow")
        refused.append(stream.write_frame(wire_frame(b"too late", True)))

    async with serving(application) as url, connect(url) as client:
        assert await client.recv() == "last"
        assert await code_of(client) == 4001 and client.close_reason == "slow"
    assert refused == [False] and heard.said == ["gone"]


async def test_a_stopped_reader_pauses_is_refused_above_the_bound_and_resumes() -> None:
    heard = Heard()
    written = 0
    over = asyncio.Event()
    bound = 256 * 1024

    async def application(handover: Handover) -> None:
        nonlocal written
        stream = taken(handover, heard, bound=bound)
        frame = wire_frame(b"x" * 16_000, True)
        while stream.write_frame(frame):
            written += 1
            await asyncio.sleep(0)
        assert bound < stream.buffered() <= bound + 2 * len(frame)
        over.set()

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
    streams: list[FrameStream] = []

    async def application(handover: Handover) -> None:
        frame = wire_frame(b"x" * 60_000, True)
        stream = taken(handover, Heard())
        while stream.buffered() < 1_000_000:
            stream.write_frame(frame)
            await asyncio.sleep(0)
        stream.close(4001, "slow", linger=0.2)
        streams.append(stream)

    async with serving(application) as url:
        client = await connect(url, max_queue=1)
        async with asyncio.timeout(10):
            while not streams or not streams[0].transport.is_closing():
                await asyncio.sleep(0.01)
        assert await code_of(client) == 1006


@pytest.mark.parametrize("size,code", [(4 * 1024, None), (4 * 1024 + 1, 1009)])
async def test_a_message_over_four_kib_is_too_large(size: int, code: int | None) -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        await client.send("x" * size)
        if code is None:
            await heard.until("text " + "x" * size)
        else:
            assert await code_of(client) == code
            assert heard.said == ["gone"]


async def test_the_listener_hears_that_the_peer_left() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url:
        client = await connect(url)
        await client.close()
        await heard.until("gone")
    assert heard.said.count("gone") == 1


async def test_messages_are_heard_whole_in_order_and_as_what_they_are() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        await client.send("one")
        await client.send(b"two")
        await client.send(["th", "r", "ee"])
        await client.send("秒")
        await heard.until("text 秒")
    assert heard.said[:4] == ["text one", "bytes two", "text three", "text 秒"]


async def test_reading_stops_and_goes_on() -> None:
    heard = Heard()
    streams: list[FrameStream] = []
    async with (
        serving(lambda handover: streams.append(taken(handover, heard))) as url,
        connect(url) as client,
    ):
        await client.send("first")
        await heard.until("text first")
        streams[0].pause_reading()
        streams[0].pause_reading()
        await client.send("second")
        await asyncio.sleep(0.05)
        assert "text second" not in heard.said
        streams[0].resume_reading()
        await heard.until("text second")


async def test_a_flood_is_heard_a_piece_at_a_time_and_whole() -> None:
    """Between two pieces others have their turn."""
    order: list[str] = []
    heard = Heard(lambda data, text: order.append("flood"))
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        client.transport.write(masked(b"x" * 20) * 3_000 + masked(b"last"))
        while "text last" not in heard.said:
            order.append("turn")
            await asyncio.sleep(0)
    assert order.count("flood") == 3_001
    runs = " ".join(order).split("turn")
    assert max(run.split().count("flood") for run in runs) <= BYTES_AT_ONCE // 26 + 1


async def test_reading_stops_in_the_midst_of_a_flood_too() -> None:
    streams: list[FrameStream] = []

    def stop(data: bytes, text: bool) -> None:
        if data == b"stop":
            streams[0].pause_reading()

    heard = Heard(stop)
    async with (
        serving(lambda handover: streams.append(taken(handover, heard))) as url,
        connect(url) as client,
    ):
        client.transport.write(masked(b"stop") + masked(b"x" * 100) * 500 + masked(b"last"))
        await heard.until("text stop")
        await asyncio.sleep(0.05)
        assert len(heard.said) <= BYTES_AT_ONCE // 100
        streams[0].resume_reading()
        await heard.until("text last")
        assert len(heard.said) == 502


async def test_pings_and_pongs_are_counted() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        client.transport.write(masked(b"", first=0x8A) * 5 + masked(b"", first=0x89) + masked(b"last"))
        await heard.until("text last")
    assert heard.pokes == 6


async def test_who_says_goodbye_and_does_not_read_on_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.gateway.stream.LINGER_SECONDS", 0.2)
    streams: list[FrameStream] = []
    heard = Heard()

    async def application(handover: Handover) -> None:
        stream = taken(handover, heard)
        while stream.buffered() < 1_000_000:
            stream.write_frame(wire_frame(b"x" * 60_000, True))
            await asyncio.sleep(0)
        streams.append(stream)

    async with serving(application) as url:
        client = await connect(url, max_queue=1)
        client.transport.pause_reading()
        async with asyncio.timeout(10):
            while not streams:
                await asyncio.sleep(0.01)
            client.transport.write(masked(b"\x03\xe8", first=0x88))
            while streams[0] in streams[0]._peers:
                await asyncio.sleep(0.01)
        client.transport.abort()
    assert heard.said[-1] == "gone"


async def test_a_pong_is_said_to_go_past_the_listener() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        await (await client.ping())
        assert heard.said == ["wrote"]


async def test_text_that_is_not_utf8_fails_the_connection_and_is_offered_to_nobody() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        client.transport.write(b"\x81\x82\x00\x00\x00\x00\xff\xfe")
        assert await code_of(client) == 1007
    assert heard.said == ["gone"]


@pytest.mark.parametrize(
    "frame,code",
    [
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # an opcode that does not exist
        (b"\xc1\x80\x00\x00\x00\x00", 1002),  # RSV1 without an extension
        (b"\x81\x01x", 1002),  # not masked
        (b"\x80\x80\x00\x00\x00\x00", 1002),  # a continuation of nothing
        (b"\x09\x80\x00\x00\x00\x00", 1002),  # a control frame in pieces
        (b"\x88\x81\x00\x00\x00\x00\x01", 1002),  # half a close code
    ],
)
async def test_frames_that_break_the_rules_fail_the_connection(frame: bytes, code: int) -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        client.transport.write(frame)
        assert await code_of(client) == code
    assert heard.said == ["gone"]


async def test_pings_that_are_not_read_are_bounded_like_everything_else() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard, 1_000, 64 * 1024)) as url:
        client = await connect(url, max_queue=1, ping_interval=None)
        client.transport.pause_reading()
        flood = b"\x89\xfd\x00\x00\x00\x00" + bytes(125)
        async with asyncio.timeout(20):
            while "gone" not in heard.said:
                client.transport.write(flood * 200)
                await asyncio.sleep(0)
        client.transport.abort()


async def test_a_message_in_endless_pieces_is_refused() -> None:
    async with serving(lambda handover: taken(handover, Heard())) as url, connect(url) as client:
        client.transport.write(b"\x01\x80\x00\x00\x00\x00" + b"\x00\x80\x00\x00\x00\x00" * 100)
        assert await code_of(client) == 4503


class Waiting:
    """An application that does not take the connection over."""

    def __init__(self) -> None:
        self.done = asyncio.Event()

    async def __call__(self, handover: Handover) -> None:
        await self.done.wait()


async def test_floods_are_bounded_where_the_connection_is_not_handed_over() -> None:
    waiting = Waiting()
    async with serving(waiting) as url:
        async with connect(url) as client:
            client.transport.write(b"\x01\x80\x00\x00\x00\x00" + b"\x00\x80\x00\x00\x00\x00" * 100)
            assert await code_of(client) == 4503
        reader, writer = await asyncio.open_connection(*url.split("/")[2].split(":"))
        head = {"Host": "h", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        head |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"GET /ws/live/r HTTP/1.1\r\n{lines}\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        flood = (b"\x89\xfd\x00\x00\x00\x00" + bytes(125)) * 200
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(20):
                while True:  # nothing is read any more: the line is cut
                    writer.write(flood)
                    await writer.drain()
        waiting.done.set()


async def test_a_server_that_stops_cuts_who_is_closing_already() -> None:
    """The peer said goodbye and does not take what is queued for it."""
    waiting = Waiting()
    protocols: list[PreframedProtocol] = []

    async def application(handover: Handover) -> None:
        assert handover._protocol is not None
        protocols.append(handover._protocol)
        await waiting(handover)

    async with serving(application) as url:
        client = await connect(url, max_queue=1)
        client.transport.pause_reading()
        (protocol,) = protocols
        protocol.transport.write(wire_frame(b"x" * 4_000_000, True))
        client.transport.write(masked(b"\x03\xe8", first=0x88))
        async with asyncio.timeout(10):
            while protocol.conn.state is State.OPEN:
                await asyncio.sleep(0.01)
        assert protocol.transport.get_write_buffer_size()
        protocol.shutdown()
        async with asyncio.timeout(10):
            while not protocol.disconnected:
                await asyncio.sleep(0.01)
        client.transport.abort()
        waiting.done.set()


async def test_a_server_that_stops_says_so() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url:
        client = await connect(url)
    assert await code_of(client) == 1012 and heard.said == ["gone"]


@pytest.mark.parametrize(
    "offer,answer",
    [
        ("permessage-deflate", "server_no_context_takeover; client_no_context_takeover"),
        (
            "permessage-deflate; client_max_window_bits",
            "server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12",
        ),
        (
            "permessage-deflate; server_max_window_bits=12",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
        ),
        ("permessage-deflate; server_max_window_bits=11", None),
        (
            "permessage-deflate; server_max_window_bits=9, permessage-deflate",
            "server_no_context_takeover; client_no_context_takeover",
        ),
        ("permessage-deflate; unheard_of=1", None),
    ],
)
async def test_compression_is_answered_without_context(offer: str, answer: str | None) -> None:
    streams: list[FrameStream] = []

    def application(handover: Handover) -> None:
        streams.append(taken(handover, Heard()))

    headers = {"Sec-WebSocket-Extensions": offer}
    async with serving(application, deflate=True) as url:
        host, port = url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        head |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"GET /ws/live/r HTTP/1.1\r\n{lines}\r\n".encode())
        said = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        expected = "" if answer is None else f"sec-websocket-extensions: permessage-deflate; {answer}\r\n"
        assert expected in said and ("permessage-deflate" in said) == (answer is not None)
        assert streams[0].deflate == (answer is not None)
        writer.close()


async def test_compressed_messages_are_read_and_a_bomb_is_not() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard), deflate=True) as url:
        async with connect(url) as client:
            await client.send("a" * 3_000)
            await client.send(["b" * 1_000, "c" * 1_000])
            await heard.until("text " + "b" * 1_000 + "c" * 1_000)
            assert heard.said[0] == "text " + "a" * 3_000
        async with connect(url) as client:
            await client.send("z" * 1_000_000)
            assert await code_of(client) == 1009


async def test_a_frame_pipelined_with_the_request_is_refused_in_words() -> None:
    """It is not lost, and the stream behind it is not shifted."""
    async with serving(lambda handover: taken(handover, Heard())) as url:
        reader, writer = await asyncio.open_connection(*url.split("/")[2].split(":"))
        head = {"Host": "h", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        head |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"GET /ws/live/r HTTP/1.1\r\n{lines}\r\n".encode() + masked(b"hello"))
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400") and b"Wait for the handshake" in answer
        writer.close()


async def test_a_head_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(lambda handover: taken(handover, Heard())) as url:
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
