"""Raw viewer sockets: joined here, then handed to the C programs at a frame's edge.

Nothing is read past the frame asked for, so whoever goes on reading starts with a whole frame.
"""

from __future__ import annotations

import base64
import secrets
import socket
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from schemas.codes import SUBPROTOCOL_JSON

TIMEOUT_S = 20.0
TOGETHER = 50
"""Joins under way at a time: the server's backlog and patience are not what is measured."""
DEFLATE = "permessage-deflate; server_no_context_takeover"
"""Each compressed message by itself: one can be sent to many."""
MIAODAN = f"Sec-WebSocket-Protocol: {SUBPROTOCOL_JSON}\r\n"
Links = list[socket.socket]


class JoinFailed(Exception):
    """The server did not let a simulated user in; the message says what it said."""


def exactly(link: socket.socket, size: int) -> bytes:
    """That many bytes; raises JoinFailed when the stream ends before."""
    parts = bytearray()
    while len(parts) < size:
        part = link.recv(size - len(parts))
        if not part:
            raise JoinFailed("the server closed the socket")
        parts += part
    return bytes(parts)


def send_payload(link: socket.socket, payload: bytes) -> None:
    """One masked text frame (RFC 6455 section 5.3)."""
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    key = secrets.token_bytes(4)
    stream = (key * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
    link.sendall(head + key + masked)


def send_text(link: socket.socket, document: dict[str, Any]) -> None:
    """A JSON document in one frame."""
    send_payload(link, orjson.dumps(document))


def read_payload(link: socket.socket) -> bytes:
    """The next frame's, inflated where it is compressed (RFC 7692); raises JoinFailed on a Close frame."""
    first, length = exactly(link, 2)
    if length == 126:
        length = int.from_bytes(exactly(link, 2), "big")
    elif length == 127:
        length = int.from_bytes(exactly(link, 8), "big")
    payload = exactly(link, length)
    if first & 0x0F == 0x8:
        code = int.from_bytes(payload[:2], "big")
        raise JoinFailed(f"closed with {code}: {payload[2:].decode(errors='replace')}")
    if first & 0x40:
        return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff")
    return payload


def read_batch(link: socket.socket) -> list[dict[str, Any]]:
    """The next frame's events; raises JoinFailed on a Close frame."""
    batch: list[dict[str, Any]] = orjson.loads(read_payload(link))
    return batch


def events(link: socket.socket) -> Iterator[dict[str, Any]]:
    """Every event from here on, frame by frame."""
    while True:
        yield from read_batch(link)


def knock(address: tuple[str, int], path: str, headers: str = MIAODAN) -> socket.socket:
    """A connected socket whose handshake was sent."""
    link = socket.create_connection(address, TIMEOUT_S)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    link.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"{headers}\r\n".encode()
    )
    return link


def entered(link: socket.socket) -> str:
    """Read the handshake's answer, in lower case, and not a byte of what follows."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        seen = link.recv(4096, socket.MSG_PEEK)
        if not seen:
            raise JoinFailed("the server closed the socket during the handshake")
        end = (answer + seen).find(b"\r\n\r\n")
        answer += exactly(link, end + 4 - len(answer) if end >= 0 else len(seen))
    status = answer.split(b"\r\n", 1)[0]
    if b" 101 " not in status + b" ":
        raise JoinFailed(f"the handshake was answered with {status.decode(errors='replace')}")
    return answer.decode(errors="replace").lower()


def _welcomed(link: socket.socket) -> None:
    for event in events(link):
        if event["type"] == "welcome":
            return
        if event["type"] == "error":
            raise JoinFailed(f"{event['code']}: {event['message']}")


def _opened(
    address: tuple[str, int], path: str, headers: str, count: int, enter: Callable[[int, Links], None]
) -> Links:
    """Sockets past what `enter(start, group)` does with each group; all closed when it fails."""
    links: Links = []
    try:
        for start in range(0, count, TOGETHER):
            for _ in range(start, min(count, start + TOGETHER)):
                links.append(knock(address, path, headers))
            enter(start, links[start:])
    except BaseException:
        for link in links:
            link.close()
        raise
    return links


def join(address: tuple[str, int], path: str, tokens: Sequence[str], *, compressed: bool = False) -> Links:
    """One socket per token, each past its welcome. Raises JoinFailed, OSError.

    `compressed`: with permessage-deflate negotiated; a server that declines it is an error.
    """
    headers = f"{MIAODAN}Sec-WebSocket-Extensions: {DEFLATE}\r\n" if compressed else MIAODAN

    def enter(start: int, group: Links) -> None:
        for link in group:
            answer = entered(link)
            if compressed and "server_no_context_takeover" not in answer:
                raise JoinFailed(f"the server declined {DEFLATE}")
        for link, token in zip(group, tokens[start:], strict=False):
            send_text(link, {"type": "hello", "token": token})
        for link in group:
            _welcomed(link)

    return _opened(address, path, headers, len(tokens), enter)


def connect(
    address: tuple[str, int], path: str, count: int, greet: Callable[[socket.socket], None] | None
) -> Links:
    """Sockets of a server that is not Miaodan; `greet` does what it asks for. Raises JoinFailed, OSError."""

    def enter(_start: int, group: Links) -> None:
        for link in group:
            entered(link)
            if greet is not None:
                greet(link)

    return _opened(address, path, "", count, enter)


def greet_socketio(link: socket.socket) -> None:
    """Engine.IO's opening, then Socket.IO's, into the namespace of all (protocol revisions 4 and 5)."""
    for expected, reply in ((b"0{", b"40"), (b"40", None)):
        said = read_payload(link)
        if not said.startswith(expected):
            raise JoinFailed(f"Socket.IO said {said[:80]!r} where {expected.decode()} was expected")
        if reply is not None:
            send_payload(link, reply)
