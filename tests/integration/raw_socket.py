"""A WebSocket by hand: what is offered, what is answered, every frame as it came over the wire.

Reads RFC 6455 and RFC 7692 by itself, with zlib alone.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

import orjson

from tests.live_server import LiveServer

FIN, RSV1 = 0x80, 0x40
CONTINUATION, TEXT, CLOSE, PING, PONG = 0x0, 0x1, 0x8, 0x9, 0xA
TAIL = b"\x00\x00\xff\xff"


class Answer(NamedTuple):
    """Of a handshake: its status, and `Sec-WebSocket-Extensions` as parameters, None where there is none."""

    status: int
    extension: dict[str, str] | None


class Frame(NamedTuple):
    first: int
    payload: bytes
    wire: bytes

    @property
    def compressed(self) -> bool:
        return bool(self.first & RSV1)

    @property
    def opcode(self) -> int:
        return self.first & 0x0F


class RawSocket:
    """One connection; `answer` is that of its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        self._reader = reader
        self._writer = writer
        self.answer = answer

    def write(self, first: int, payload: bytes = b"") -> None:
        """One masked frame."""
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else bytes((0xFE,)) + size.to_bytes(2)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._writer.write(bytes((first,)) + length + mask + masked)

    def say(self, **command: Any) -> None:
        self.write(FIN | TEXT, orjson.dumps(command))

    async def frame(self, seconds: float = 10) -> Frame:
        async with asyncio.timeout(seconds):
            head = await self._reader.readexactly(2)
            size = head[1]
            assert size < 128, "a server's frames are not masked"
            if size > 125:
                more = await self._reader.readexactly(2 if size == 126 else 8)
                head, size = head + more, int.from_bytes(more)
            payload = await self._reader.readexactly(size)
            return Frame(head[0], payload, head + payload)

    async def message(self) -> tuple[list[dict[str, Any]], Frame]:
        """The next batch of events and its frame; pongs are passed over."""
        while (frame := await self.frame()).opcode == PONG:
            pass
        assert frame.opcode == TEXT and frame.first & FIN, frame
        return orjson.loads(self.inflated(frame) if frame.compressed else frame.payload), frame

    def inflated(self, frame: Frame) -> bytes:
        """With a window no larger than was agreed, and nothing of an earlier message."""
        assert self.answer.extension is not None, "compressed, though it was not agreed"
        bits = int(self.answer.extension.get("server_max_window_bits", 15))
        inflator = zlib.decompressobj(-bits)
        payload = inflator.decompress(frame.payload + TAIL)
        assert not inflator.unconsumed_tail and not inflator.unused_data
        return payload

    async def until(self, type: str) -> dict[str, Any]:
        """The next event of this type."""
        while True:
            for event in (await self.message())[0]:
                if event["type"] == type:
                    found: dict[str, Any] = event
                    return found

    async def closed(self) -> int:
        """The code of the Close frame behind what else comes."""
        while (frame := await self.frame()).opcode != CLOSE:
            pass
        return int.from_bytes(frame.payload[:2])


@contextlib.asynccontextmanager
async def raw_socket(server: LiveServer, path: str, offers: Iterable[str] = ()) -> AsyncIterator[RawSocket]:
    """`offers`: the values of as many `Sec-WebSocket-Extensions` headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    key = base64.b64encode(os.urandom(16)).decode()
    request = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    request += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    request += [f"Sec-WebSocket-Extensions: {offer}" for offer in offers]
    writer.write("\r\n".join([*request, "", ""]).encode())
    try:
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        yield RawSocket(reader, writer, Answer(int(head[0].split()[1]), _extension(head)))
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def _extension(head: list[str]) -> dict[str, str] | None:
    values = [line.split(":", 1)[1] for line in head if line.lower().startswith("sec-websocket-extensions:")]
    if not values:
        return None
    assert len(values) == 1 and "," not in values[0], "one extension, once"
    name, *parameters = (part.strip() for part in values[0].split(";"))
    assert name == "permessage-deflate"
    parsed = [parameter.partition("=")[::2] for parameter in parameters]
    assert len(dict(parsed)) == len(parsed), "a parameter twice"
    return dict(parsed)
