"""What nobody may send, and what RFC 6455 or the room's contract says follows. Plain data.

`frame_bytes` makes frames that no library would: any first byte, masked or not, any length said.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from loadtest.stress.raw import Ending, RawSocket

UPGRADED = 101


def frame_bytes(first: int, payload: bytes = b"", *, masked: bool = True, said: int | None = None) -> bytes:
    """One frame. `first`: FIN, RSV and opcode; `said`: a length other than the payload's."""
    size = len(payload) if said is None else said
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 65536:
        head = bytes((first, bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, bit | 127)) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = secrets.token_bytes(4)
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


@dataclass(frozen=True)
class Abuse:
    """Bytes sent on a live socket. `codes`: Close codes that may follow (RFC 6455 section 7.4.1)."""

    name: str
    data: bytes
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Knock:
    """A handshake that is none. `statuses`: HTTP answers that may follow; 0: the line is cut."""

    name: str
    request: Callable[[RawSocket, str], bytes]
    statuses: tuple[int, ...]


_TEXT, _BINARY, _CLOSE, _PING = 0x81, 0x82, 0x88, 0x89
_START, _ON, _LAST = 0x01, 0x00, 0x80
BAD_UTF8 = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"

ABUSES = (
    Abuse("unmasked frame", frame_bytes(_TEXT, b"hello", masked=False), (1002,)),
    Abuse("reserved bit 1 without an extension", frame_bytes(0x40 | _TEXT, b"{}"), (1002,)),
    Abuse("reserved bit 2", frame_bytes(0x20 | _TEXT, b"{}"), (1002,)),
    Abuse("reserved bit 3", frame_bytes(0x10 | _TEXT, b"{}"), (1002,)),
    Abuse("reserved data opcode", frame_bytes(0x83, b"x"), (1002,)),
    Abuse("reserved control opcode", frame_bytes(0x8B), (1002,)),
    Abuse("fragmented ping", frame_bytes(0x09, b"x"), (1002,)),
    Abuse("fragmented close", frame_bytes(0x08, b"\x03\xe8"), (1002,)),
    Abuse("ping of 126 bytes", frame_bytes(_PING, b"x" * 126), (1002,)),
    Abuse("continuation of nothing", frame_bytes(_LAST, b"x"), (1002,)),
    Abuse("message inside a message", frame_bytes(_START, b"x") + frame_bytes(_TEXT, b"x"), (1002,)),
    Abuse("length with the highest bit", frame_bytes(_TEXT, said=1 << 63), (1002, 1009)),
    Abuse("message too large by one", frame_bytes(_TEXT, b"x" * 4_097), (1009,)),
    Abuse("length of an exabyte", frame_bytes(_BINARY, said=1 << 60), (1009,)),
    Abuse(
        "too large in pieces",
        frame_bytes(_START, b"x" * 4_000) + frame_bytes(_LAST, b"x" * 4_000),
        (1009,),
    ),
    Abuse("text that is no UTF-8", frame_bytes(_TEXT, BAD_UTF8), (1007,)),
    Abuse(
        "no UTF-8 in pieces",
        frame_bytes(_START, BAD_UTF8[:9]) + frame_bytes(_LAST, BAD_UTF8[9:]),
        (1007,),
    ),
    Abuse("a thousand pieces", frame_bytes(_START) + frame_bytes(_ON) * 1_000, (4503,)),
    Abuse("close of one byte", frame_bytes(_CLOSE, b"\x03"), (1002,)),
    Abuse("close with 1005", frame_bytes(_CLOSE, (1005).to_bytes(2, "big")), (1002,)),
    Abuse("close with 1006", frame_bytes(_CLOSE, (1006).to_bytes(2, "big")), (1002,)),
    Abuse("close with 999", frame_bytes(_CLOSE, (999).to_bytes(2, "big")), (1002,)),
    Abuse("close with 5000", frame_bytes(_CLOSE, (5000).to_bytes(2, "big")), (1002,)),
    Abuse("close with a bad reason", frame_bytes(_CLOSE, b"\x03\xe8\xff\xfe"), (1002, 1007)),
    Abuse("close, as it should be", frame_bytes(_CLOSE, (1000).to_bytes(2, "big")), (1000,)),
    Abuse("close with a code of its own", frame_bytes(_CLOSE, (4321).to_bytes(2, "big")), (4321,)),
    Abuse("five messages that are no commands", frame_bytes(_TEXT, b"{") * 5, (4503,)),
    Abuse("brackets", frame_bytes(_TEXT, b"[" * 4_096) * 5, (4503,)),
)

KNOCKS = (
    Knock("no HTTP", lambda _, path: b"\x00\x01\x02\x03" * 16 + b"\r\n\r\n", (0, 400)),
    Knock("no key", lambda link, path: link.request(path, Sec_WebSocket_Key=None), (400,)),
    Knock("a short key", lambda link, path: link.request(path, Sec_WebSocket_Key="c2hvcnQ="), (400,)),
    Knock("version 8", lambda link, path: link.request(path, Sec_WebSocket_Version="8"), (400, 426)),
    Knock("a head without an end", lambda _, path: b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000, (0, 400, 431)),
    Knock("a foreign origin", lambda link, path: link.request(path, Origin="https://evil.example"), (403,)),
)


def judge(abuse: Abuse, ending: Ending) -> list[str]:
    """Closed, as the rule says, and the line let go of."""
    if not ending.ended:
        return [f"{abuse.name}: the line is still open, {_how(ending)}"]
    if ending.code not in abuse.codes:
        wanted = " or ".join(str(code) for code in abuse.codes)
        return [f"{abuse.name}: {_how(ending)}, expected {wanted}"]
    return [f"{abuse.name}: {ending.trouble}"] if "bad frame" in ending.trouble else []


def judge_knock(knock: Knock, ending: Ending) -> list[str]:
    """Refused, and the line let go of."""
    if ending.status not in knock.statuses:
        wanted = " or ".join(str(status) for status in knock.statuses)
        return [f"{knock.name}: answered with {ending.status}, expected {wanted}"]
    return [] if ending.ended else [f"{knock.name}: the line is still open"]


def _how(ending: Ending) -> str:
    return f"closed with {ending.code}" if ending.code is not None else "no Close frame came"
