"""Bounds where a connection is not handed over, a server that stops, compression, and the HTTP before it."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.protocol import State

from server.fanout.frames import wire_frame
from server.gateway.protocol import Handover, PreframedProtocol
from server.gateway.stream import FrameStream
from tests.gateway.preframed import Heard, code_of, masked, serving, taken

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_blocks_the_loop")]


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
