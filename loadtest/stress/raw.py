"""A bare socket to a room that may say anything, and how it ended."""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from client_sim.address import Address
from client_sim.frames import BadFrame, FrameReader, Opcode, close_payload, frame, parse_close

OPEN_SECONDS = 15.0


@dataclass(slots=True)
class Ending:
    """`ended`: the server let go of the line; `code`: of its Close frame, None where there was none.

    `status`: of the handshake's answer, 0 where there was none. `after_s`: since the start.
    """

    ended: bool = False
    code: int | None = None
    status: int = 0
    after_s: float = 0.0
    events: list[dict[str, Any]] = field(default_factory=list)
    trouble: str = ""


class RawSocket:
    """One connection; opened by `connect`, brought further by `shake` and `hello`, ended by `end`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address) -> None:
        self._reader = reader
        self._writer = writer
        self._address = address
        self._frames = FrameReader()
        self._loop = asyncio.get_running_loop()
        self.ending = Ending()
        self.began = self._loop.time()

    @classmethod
    async def connect(cls, address: Address, receive_buffer: int = 0) -> Self:
        """TCP alone; raises OSError. A `receive_buffer` in bytes is set before the handshake of TCP."""
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        link.setblocking(False)
        if receive_buffer:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(link, (address.host, address.port))
        except OSError:
            link.close()
            raise
        reader, writer = await asyncio.open_connection(sock=link, limit=4 * 1024)
        return cls(reader, writer, address)

    def request(self, path: str, **changed: str | None) -> bytes:
        """The handshake's request; headers by name with `_` for `-`, None leaves one out."""
        headers: dict[str, str | None] = {
            "Host": f"{self._address.host}:{self._address.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
            "Sec-WebSocket-Version": "13",
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()

    async def shake(self, request: bytes) -> int:
        """Send a handshake; the answer's status, 0 when the line was cut instead."""
        self.send(request)
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            self._end()
            return 0
        self.ending.status = int(head.split(b" ", 2)[1])
        return self.ending.status

    async def hello(self, token: str) -> None:
        """Into the room; raises ConnectionError when there was no welcome."""
        self.send(frame(Opcode.TEXT, orjson.dumps({"type": "hello", "token": token})))
        await self.read(OPEN_SECONDS, "welcome")
        if not any(event["type"] == "welcome" for event in self.ending.events):
            raise ConnectionError(f"no welcome: {self.ending}")
        self.began = self._loop.time()

    def send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self, seconds: float) -> bool:
        """Whether the server took what was sent within `seconds`; False when it cut the line."""
        try:
            async with asyncio.timeout(seconds):
                await self._writer.drain()
        except (OSError, TimeoutError):
            return False
        return not self._writer.is_closing()

    async def read(self, seconds: float, until: str = "") -> Ending:
        """Read on until the line ends, `seconds` are over, or an event of type `until` came.

        A Close frame with a code of ours (4000 and above) is answered, as a client does.
        """
        ending = self.ending
        try:
            async with asyncio.timeout(seconds):
                while not ending.ended:
                    data = await self._reader.read(65_536)
                    if not data:
                        self._end()
                    elif ending.status == 101:
                        self._take(data)
                    if until and any(event["type"] == until for event in ending.events):
                        break
        except TimeoutError:
            pass
        except OSError as error:
            ending.trouble = type(error).__name__
            self._end()
        return ending

    def _take(self, data: bytes) -> None:
        try:
            found = self._frames.feed(data)
        except BadFrame as error:
            self.ending.trouble = f"the server sent a bad frame: {error}"
            return
        for opcode, payload in found:
            if opcode == Opcode.TEXT:
                self.ending.events += orjson.loads(payload)
            elif opcode == Opcode.CLOSE:
                self.ending.code, _ = parse_close(payload)
                self.ending.after_s = self._loop.time() - self.began
                if self.ending.code is not None and self.ending.code >= 4000:
                    self.send(frame(Opcode.CLOSE, close_payload(self.ending.code, "")))

    def _end(self) -> None:
        if not self.ending.ended:
            self.ending.ended = True
            if self.ending.code is None:
                self.ending.after_s = self._loop.time() - self.began

    async def close(self) -> None:
        self._writer.transport.abort()
        with suppress(OSError):  # gone is what was asked for
            await self._writer.wait_closed()
