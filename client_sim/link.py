"""One WebSocket on asyncio: websockets' sans-I/O handshake, then lean frames on a bare Protocol."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from client_sim.address import Address
from client_sim.frames import BadFrame, FrameReader, Opcode, close_payload, frame, parse_close

CLOSE_WAIT_S = 2.0
HANDSHAKE_WAIT_S = 10.0
MAX_UNSENT = 1024 * 1024
"""Bytes the server may leave unread before it counts as gone."""
_DEFLATE = ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)


class LinkUser(Protocol):
    """Who a link reports to."""

    def link_opened(self) -> None: ...

    def link_received(self, message: bytes) -> None: ...

    def link_closed(self, code: int | None, reason: str) -> None:
        """Once, after `link_opened` or instead of it. `code` None: no close frame came."""
        ...


class Link(asyncio.Protocol):
    """Connects by `open`; reports to its user; `send` and `close` never block."""

    def __init__(self, user: LinkUser, uri: str, subprotocol: str, deflate: bool = False) -> None:
        """`deflate`: offer compression without context takeover."""
        self._user = user
        self._handshake: ClientProtocol | None = ClientProtocol(
            parse_uri(uri),
            subprotocols=[Subprotocol(subprotocol)],
            extensions=[_DEFLATE] if deflate else None,
            max_size=None,
        )
        self._head = b""
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._close_code: int | None = None
        self._close_reason = ""
        self._closing = False
        self._done = False
        self._loop = asyncio.get_running_loop()

    async def open(
        self, address: Address, tls: ssl.SSLContext | None = None, receive_buffer: int | None = None
    ) -> None:
        """Connect TCP and send the handshake; raises OSError. The outcome comes to the user."""
        await self._loop.create_connection(lambda: self, address.host, address.port, ssl=tls)
        if receive_buffer is not None and self._transport is not None:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)

    @property
    def opened(self) -> bool:
        """The handshake is done and no close was sent or received."""
        return self._handshake is None and not self._closing and not self._done

    def send(self, message: bytes, text: bool) -> None:
        """One message; what is sent while not open is dropped, as the socket is lost anyway."""
        if not self.opened or self._transport is None:
            return
        self._transport.write(frame(Opcode.TEXT if text else Opcode.BINARY, message))
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._close_reason = "server does not read"
            self._transport.abort()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye; the socket goes when the server answers, or after `CLOSE_WAIT_S`."""
        if self._transport is None or self._done:
            return
        if self.opened:
            self._transport.write(frame(Opcode.CLOSE, close_payload(code, reason)))
            self._closing = True
            self._loop.call_later(CLOSE_WAIT_S, self._transport.abort)
        elif not self._closing:
            self._transport.abort()

    def forget(self) -> None:
        """Drop the socket and report nothing any more."""
        self._done = True
        self.abort()

    def abort(self) -> None:
        """Vanish without a word, as a lost network does."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Cut the line with a RST, as a middlebox or a dying process does."""
        if self._transport is not None:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # ---- asyncio.Protocol --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        raw = self._transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._handshake is not None:
            self._handshake.send_request(self._handshake.connect())
            self._transport.writelines(self._handshake.data_to_send())
            self._loop.call_later(HANDSHAKE_WAIT_S, self._give_up)

    def _give_up(self) -> None:
        if self._handshake is not None and not self._done:
            self._close_reason = "no answer to the handshake"
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self._handshake is not None:
            data = self._shake(data)
        if data and not self._done:
            try:
                found = self._reader.feed(data)
            except BadFrame as error:
                self._closing = True
                self._close_reason = error.message
                if self._transport is not None:
                    self._transport.write(frame(Opcode.CLOSE, close_payload(error.code, error.message)))
                    self._transport.close()
                return
            for opcode, payload in found:
                if opcode <= Opcode.BINARY:
                    self._user.link_received(payload)
                else:
                    self._control(opcode, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done:
            return
        self._done = True
        reason = self._close_reason or (str(exc) if exc else "connection lost")
        self._user.link_closed(self._close_code, reason)

    def _shake(self, data: bytes) -> bytes:
        """Feed the handshake up to the end of the response's head; returns what came behind it."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        handshake = self._handshake
        if end < 0 or handshake is None or self._transport is None:
            return b""
        head, rest = self._head[: end + 4], self._head[end + 4 :]
        self._head = b""
        failure: Exception | None
        try:
            handshake.receive_data(head)
            failure = handshake.handshake_exc
        except WebSocketException as error:
            failure = error
        if failure is None and not handshake.events_received():
            # A refusal with a body: the status line is all we need to know of it.
            failure = ConnectionError(head.split(b"\r\n", 1)[0].decode("latin-1"))
        self._handshake = None
        self._reader.deflate = bool(handshake.extensions)
        if failure is not None:
            self._closing = True
            self._close_reason = f"handshake refused: {failure}"
            self._transport.abort()
            return b""
        self._user.link_opened()
        return rest

    def _control(self, opcode: int, payload: bytes) -> None:
        if self._transport is None:
            return
        if opcode == Opcode.PING:
            self._transport.write(frame(Opcode.PONG, payload))
        elif opcode == Opcode.CLOSE:
            self._close_code, self._close_reason = parse_close(payload)
            if not self._closing:
                self._closing = True
                self._transport.write(frame(Opcode.CLOSE, payload[:2]))
            self._transport.close()
