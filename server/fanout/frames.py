"""WebSocket frames, made once and written to many (RFC 6455 section 5.2).

A server's frames are unmasked, so the same immutable bytes serve every viewer of a room. So do
compressed ones, as no viewer's stream has a context of its own (`server_no_context_takeover`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import NamedTuple

from schemas.codecs import Codec
from server.fanout import metrics
from server.fanout.deflate import deflated

OPCODE_TEXT = 0x1
OPCODE_BINARY = 0x2
_FIN = 0x80
_RSV1 = 0x40


class Variant(NamedTuple):
    """What a link takes. `framed`: wire frames, else bare messages; `deflate`: compressed ones too."""

    codec: Codec
    framed: bool
    deflate: bool = False


def wire_frame(payload: bytes, text: bool, compressed: bool = False) -> bytes:
    """One unfragmented, unmasked data frame around `payload`; RSV1 marks it compressed (RFC 7692)."""
    first = _FIN | (_RSV1 if compressed else 0) | (OPCODE_TEXT if text else OPCODE_BINARY)
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


def portions(events: Sequence[bytes], limit: int) -> Iterator[Sequence[bytes]]:
    """`events` cut into runs of at most `limit` bytes; a larger event is a run of its own."""
    start = size = 0
    for index, event in enumerate(events):
        if size and size + len(event) > limit:
            yield events[start:index]
            start, size = index, 0
        size += len(event)
    yield events[start:]


class FrameMaker:
    """`limit`: bytes of events in one frame; `threshold`: bytes from which a payload is compressed."""

    def __init__(self, limit: int, threshold: int) -> None:
        self._limit = limit
        self._threshold = threshold

    def payloads(self, codec: Codec, events: Sequence[bytes]) -> list[bytes]:
        """The batches that hold these encoded events, in order."""
        return [codec.join(some) for some in portions(events, self._limit)]

    def messages(self, variant: Variant, payloads: Sequence[bytes]) -> list[bytes]:
        """What is written to a link: bare messages, or one piece with all the frames in it."""
        if not variant.framed:
            return list(payloads)
        text = variant.codec.text
        if not variant.deflate:
            return [b"".join(wire_frame(payload, text) for payload in payloads)]
        return [b"".join(self._compressed(payload, text) for payload in payloads)]

    def _compressed(self, payload: bytes, text: bool) -> bytes:
        if len(payload) < self._threshold:
            return wire_frame(payload, text)
        started = perf_counter()
        smaller = deflated(payload)
        metrics.DEFLATE_SECONDS.inc(perf_counter() - started)
        if len(smaller) >= len(payload):
            return wire_frame(payload, text)
        metrics.DEFLATED.add("before", len(payload))
        metrics.DEFLATED.add("after", len(smaller))
        return wire_frame(smaller, text, compressed=True)
