"""The frames that nearly all messages are, read without the general machinery. Sans-I/O.

A command is one frame: final, masked, no extension bit, shorter than 64 KiB. Where a whole one lies at the
start of what was read, and websockets' parser stands between two frames, the parser would hand it on as it
is; it is taken out before, at a quarter of the cost. Everything else is the parser's, errors included.

This looks into websockets' generators (pinned to a major version; a canary test guards them).
"""

from __future__ import annotations

from typing import NamedTuple

from websockets.protocol import Protocol
from websockets.streams import StreamReader

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without compiled parts
    from websockets.utils import apply_mask

_TEXT, _BINARY = 0x81, 0x82
_MASKED = 0x80
_KEY = 4
_BETWEEN_FRAMES = StreamReader.at_eof.__code__


class ShortFrame(NamedTuple):
    """A whole message; `end` is where the next frame begins."""

    text: bool
    data: bytes
    end: int


def between_frames(websocket: Protocol) -> bool:
    """Whether the parser waits for a frame's first byte, and no fragmented message is under way."""
    inner = getattr(websocket.parser, "gi_yieldfrom", None)
    return inner is not None and inner.gi_code is _BETWEEN_FRAMES and websocket.current_size is None


def short_frame(data: bytes, at: int, longest: int) -> ShortFrame | None:
    """The frame at `data[at:]` if it is a whole one of that kind, its message at most `longest` bytes."""
    if len(data) < at + 2 + _KEY:
        return None
    first, second = data[at], data[at + 1]
    if second < _MASKED or (first != _TEXT and first != _BINARY):  # noqa: PLR1714 - a set costs more
        return None
    length = second - _MASKED
    key = at + 2
    if length == 126:
        length = data[key] << 8 | data[key + 1]
        key += 2
    elif length == 127:
        return None
    start = key + _KEY
    end = start + length
    if length > longest or end > len(data):
        return None
    return ShortFrame(first == _TEXT, apply_mask(data[start:end], data[key:start]), end)
