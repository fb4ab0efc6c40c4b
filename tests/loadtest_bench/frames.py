"""Server frames for tests, and the payloads of client frames, by websockets' own framing."""

from __future__ import annotations

import socket

from websockets.frames import Frame, Opcode

from loadtest.bench.viewers import exactly


def text_frame(payload: bytes) -> bytes:
    """As a server sends it: unmasked."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def read_client_frame(link: socket.socket) -> bytes:
    """The payload of one masked frame; fails the test when it is not masked."""
    first, second = exactly(link, 2)
    assert first == 0x81
    assert second & 0x80
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(exactly(link, 2), "big")
    key, masked = exactly(link, 4), exactly(link, size)
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(masked))
