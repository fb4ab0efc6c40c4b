"""WebSocket frames, made once and written to many (RFC 6455 section 5.2).

A server's frames are unmasked, so the same immutable bytes serve every viewer of a room.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.codecs import Codec

OPCODE_TEXT = 0x1
OPCODE_BINARY = 0x2
_FIN = 0x80


def wire_frame(payload: bytes, text: bool) -> bytes:
    """One unfragmented, unmasked data frame around `payload`."""
    first = _FIN | (OPCODE_TEXT if text else OPCODE_BINARY)
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first, 127)) + length.to_bytes(8, "big") + payload


def batch_bytes(codec: Codec, events: Sequence[bytes], framed: bool) -> bytes:
    """A batch of encoded events as the link wants it: framed for the wire, or the bare message."""
    payload = codec.join(events)
    return wire_frame(payload, codec.text) if framed else payload
