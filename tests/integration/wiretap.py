"""A forwarding proxy that keeps every byte, and what TLS records they are."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

CONTENT_TYPES = range(20, 24)
"""change_cipher_spec, alert, handshake, application_data (RFC 8446 section 5.1)."""
LARGEST_RECORD = 2**14 + 256


class NotTls(Exception):
    """`offset`: where in the stream something stood that is no TLS record."""

    def __init__(self, offset: int, found: bytes) -> None:
        super().__init__(offset, found)
        self.offset = offset
        self.found = found


def records(stream: bytes) -> list[int]:
    """The content types of a stream that is TLS records and nothing else. Raises NotTls.

    A stream that was cut may end in the midst of a record, which is not counted.
    """
    types = []
    offset = 0
    while offset < len(stream):
        header = stream[offset : offset + 5]
        length = int.from_bytes(header[3:]) if len(header) == 5 else 1
        if (
            header[0] not in CONTENT_TYPES
            or header[1:2] not in (b"\x03", b"")
            or not 0 < length <= LARGEST_RECORD
        ):
            raise NotTls(offset, stream[offset : offset + 32])
        offset += 5 + length
        if offset <= len(stream):
            types.append(header[0])
    return types


class Line:
    """One connection through the proxy: what each side sent."""

    def __init__(self) -> None:
        self.from_client = bytearray()
        self.from_server = bytearray()


class Wiretap:
    """Forwards to 127.0.0.1:`port`. `reading` cleared: nothing is read from the server any more."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.port = 0
        self.lines: list[Line] = []
        self.reading = asyncio.Event()
        self.reading.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line()
        self.lines.append(line)
        # A small buffer: what is not read here waits in the server.
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._upstream))
        upstream_reader, upstream_writer = await asyncio.open_connection(sock=raw, limit=4096)
        with contextlib.suppress(ConnectionError):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, upstream_writer, line.from_client, None))
                group.create_task(self._pump(upstream_reader, writer, line.from_server, self.reading))

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        kept: bytearray,
        gate: asyncio.Event | None,
    ) -> None:
        try:
            while data := await reader.read(4096):
                kept += data
                writer.write(data)
                await writer.drain()
                if gate is not None:
                    await gate.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def wiretap(port: int) -> AsyncIterator[Wiretap]:
    """A proxy on a port of its own; connections still open end with it."""
    tap = Wiretap(port)
    carrying: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(tap.carry(reader, writer))
        carrying.add(task)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
