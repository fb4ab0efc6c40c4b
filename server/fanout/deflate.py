"""Payloads compressed for everybody at once (RFC 7692 section 7.2.1).

Each stands for itself: no window is carried from one message to the next, so that it can be read by
every viewer, whatever they saw before. The window is small enough for each client admitted to
compression (`gateway.extensions`), and no memory is kept per viewer.
"""

from __future__ import annotations

import zlib

WINDOW_BITS = 12
"""4 KiB. A client that asks for a smaller window is not compressed to."""
LEVEL = 6
MEMORY_LEVEL = 8
_TAIL = b"\x00\x00\xff\xff"


def deflated(payload: bytes) -> bytes:
    """`payload` as the body of a compressed message."""
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)
    body = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return body.removesuffix(_TAIL)
