"""WebSocket framing for the client's side (RFC 6455 section 5), lean enough for thousands in one process.

The handshake is websockets' own (`link.py`); after it, a swarm spends its time here. Server frames
are unmasked; ours are masked with a fresh key each. What we send is never compressed; what we get
may be, where permessage-deflate without context takeover was negotiated (RFC 7692).
"""

from __future__ import annotations

import secrets
import zlib
from enum import IntEnum

MAX_MESSAGE = 16 * 1024 * 1024


class Opcode(IntEnum):
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class BadFrame(ValueError):
    """Bytes that are no frame a server may send. `code` is the close code that says so."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


def inflated(payload: bytes) -> bytes:
    """A compressed message that stands for itself (RFC 7692 section 7.2.2); raises BadFrame."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = stream.decompress(payload + b"\x00\x00\xff\xff", MAX_MESSAGE + 1)
    except zlib.error as error:
        raise BadFrame(1002, f"a compressed message that is none: {error}") from None
    if len(message) > MAX_MESSAGE:
        raise BadFrame(1009, f"a message of more than {MAX_MESSAGE} bytes")
    return message


class FrameReader:
    """Bytes in, whole messages and control frames out. `deflate`: compressed messages are agreed upon."""

    __slots__ = ("_buffer", "_compressed", "_kind", "_parts", "_size", "deflate")

    def __init__(self) -> None:
        self.deflate = False
        self._compressed = False
        self._buffer = b""
        self._kind: int | None = None
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """`(opcode, payload)` of each message or control frame that is now complete; raises BadFrame."""
        buffer = self._buffer + data if self._buffer else data
        end = len(buffer)
        at = 0
        found: list[tuple[int, bytes]] = []
        while end - at >= 2:
            first, second = buffer[at], buffer[at + 1]
            start = at + 2
            length = second & 0x7F
            if length == 126:
                start += 2
                length = int.from_bytes(buffer[at + 2 : start], "big") if end >= start else 0
            elif length == 127:
                start += 8
                length = int.from_bytes(buffer[at + 2 : start], "big") if end >= start else 0
            if second & 0x80:
                raise BadFrame(1002, "a masked frame from the server")
            if length > MAX_MESSAGE:
                raise BadFrame(1009, f"a frame of {length} bytes")
            stop = start + length
            if stop > end:
                break
            if first in (0x81, 0x82) and self._kind is None:
                found.append((first & 0x0F, buffer[start:stop]))
            else:
                self._unusual(first, buffer[start:stop], found)
            at = stop
        self._buffer = buffer[at:]
        return found

    def _unusual(self, first: int, payload: bytes, found: list[tuple[int, bytes]]) -> None:
        """Control frames and fragments."""
        opcode = first & 0x0F
        final = bool(first & 0x80)
        compressed = bool(first & 0x40)
        begins = opcode in (Opcode.TEXT, Opcode.BINARY)
        if first & 0x30 or (compressed and not (self.deflate and begins)):
            raise BadFrame(1002, "reserved bits are set")
        if opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
            if not final or len(payload) > 125:
                raise BadFrame(1002, "a fragmented or long control frame")
            found.append((opcode, payload))
            return
        if opcode not in (Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY):
            raise BadFrame(1002, f"unknown opcode {opcode}")
        if (opcode == Opcode.CONTINUATION) != (self._kind is not None):
            raise BadFrame(1002, "a continuation out of place")
        if self._kind is None:
            self._kind, self._compressed = opcode, compressed
        self._size += len(payload)
        if self._size > MAX_MESSAGE:
            raise BadFrame(1009, f"a message of more than {MAX_MESSAGE} bytes")
        self._parts.append(payload)
        if final:
            message = b"".join(self._parts)
            found.append((self._kind, inflated(message) if self._compressed else message))
            self._kind, self._parts, self._size = None, [], 0


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """One masked frame as a client sends it."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    key = secrets.token_bytes(4)
    stream = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + key + masked.to_bytes(size, "big")


def close_payload(code: int, reason: str) -> bytes:
    return code.to_bytes(2, "big") + reason.encode()[:123]


def parse_close(payload: bytes) -> tuple[int | None, str]:
    """Code (None when absent) and reason of a close frame."""
    if len(payload) < 2:
        return None, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")
