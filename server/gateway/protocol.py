"""uvicorn's sans-I/O WebSocket protocol up to the handshake, with a way past ASGI behind it.

The protocol adds one ASGI scope extension, `EXTENSION`: a `Handover`. An application that accepted the
connection may call it with a listener: then the connection goes on as a `stream.FrameStream`, and the
ASGI call just returns. Where the extension is missing, or not used, the application falls back to ASGI
`receive` and `send`.

This touches uvicorn's internals (pinned to a minor version; a canary test guards them).
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import Protocol as WebSocket
from websockets.protocol import State

from schemas.codes import CLOSE_REASONS, MAX_CONTROL_MESSAGE, MAX_VIEWER_MESSAGE, CloseCode
from server.gateway.extensions import SharedDeflate
from server.gateway.stream import FLOOD_LINGER_SECONDS, MAX_FRAGMENTS, FrameStream, Listener

EXTENSION = "miaodan.handover"
CONTROL_PREFIX = "/ws/control/"
MAX_PONGS = 512 * 1024
"""Bytes in the transport above which nobody is sent another pong."""


class Handover:
    """The scope extension of one connection."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: PreframedProtocol) -> None:
        self._protocol: PreframedProtocol | None = protocol

    def __call__(self, listener: Listener, soft_mark: int, bound: int) -> FrameStream | None:
        """Take the accepted connection over; see `FrameStream` for the marks.

        None when there is nothing to take: it is not accepted, is closing, or was taken before.
        """
        protocol = self._protocol
        return None if protocol is None else protocol.hand_over(listener, soft_mark, bound)

    def end(self) -> None:
        """The application's call is over. The two hold one another: not until they are collected."""
        self._protocol = None


class PreframedProtocol(WebSocketsSansIOProtocol):
    """One connection until it is handed over."""

    handed_over = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.conn.available_extensions:
            self.conn.available_extensions = [SharedDeflate()]

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # The request was parsed before it came here: what is read from now on are frames. (The generator
        # that waits for a request would also keep it, for as long as the connection lives.)
        self.conn.parser = WebSocket.parse(self.conn)
        next(self.conn.parser)

    async def run_asgi(self) -> None:
        is_control = self.scope["path"].startswith(CONTROL_PREFIX)
        self.conn.max_message_size = MAX_CONTROL_MESSAGE if is_control else MAX_VIEWER_MESSAGE
        extensions: dict[str, Any] = self.scope["extensions"]
        handover = extensions[EXTENSION] = Handover(self)
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("Exception in ASGI application\n")
            self.send_500_response()
        else:
            if not self.handshake_complete:
                self.logger.error("ASGI callable returned without completing handshake.")
                self.send_500_response()
        handover.end()
        if self.close_timer is None and not self.handed_over:
            self.transport.close()

    def hand_over(self, listener: Listener, soft_mark: int, bound: int) -> FrameStream | None:
        ready = (
            self.handshake_complete
            and not self.handed_over
            and not self.close_sent
            and not self.disconnected
            and self.conn.state is State.OPEN
            and self.queue.empty()
            and not self.conn.reader.buffer
            and not self.transport.is_closing()
        )
        if not ready:
            return None
        self.handed_over = True
        self.stop_keepalive()
        self.connections.discard(self)
        return FrameStream(self.transport, self.conn, self.connections, listener, soft_mark, bound)

    # ---- where it is not handed over ---------------------------------------------------------

    def handle_cont(self, event: Frame) -> None:
        """A message may come in pieces, within reason: its size is bounded, its pieces are not."""
        if len(self.frames) >= MAX_FRAGMENTS:
            self._let_go(CloseCode.PROTOCOL_ERROR, "too many fragments")
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """One who asks for more pongs than they read is let go like any other slow reader."""
        super().handle_ping()
        if self.transport.get_write_buffer_size() > MAX_PONGS:
            self._let_go(CloseCode.SLOW, CLOSE_REASONS[CloseCode.SLOW])

    def shutdown(self) -> None:
        """The server stops. One that is closing already is not told again: it is cut."""
        if self.handshake_complete and self.conn.state is not State.OPEN:
            self.transport.abort()
            return
        super().shutdown()

    def _let_go(self, code: CloseCode, reason: str) -> None:
        """What ASGI `websocket.close` does, without waiting for the application."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": int(code), "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(FLOOD_LINGER_SECONDS, self.transport.abort)
