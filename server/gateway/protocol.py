"""uvicorn's sans-I/O WebSocket protocol with a way past ASGI `send` for ready-made frames.

The protocol adds one ASGI scope extension, `EXTENSION`: a `FrameWriter`. Called with the bytes of
a complete frame it writes them and says whether it could; it refuses unless the connection is open,
no close was sent, the transport is not closing and the buffer is under its bound. Where the
extension is missing the application falls back to `send`.

This touches uvicorn's internals (pinned to a minor version; a canary test guards them).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

from schemas.codes import CLOSE_REASONS, MAX_CONTROL_MESSAGE, MAX_VIEWER_MESSAGE, CloseCode

EXTENSION = "miaodan.frames"
CONTROL_PREFIX = "/ws/control/"
MAX_FRAGMENTS = 64
PING_FLOOD_LINGER = 1.0
"""Seconds until the line of somebody who floods is cut."""


class Listener(Protocol):
    """Who hears messages, and that the transport filled, drained, or is not to be written any more."""

    def heard(self, data: bytes, text: bool) -> bool:
        """Take a message at once (`text`: it is UTF-8); False to have it queued for ASGI `receive`."""

    def paused(self) -> None: ...

    def resumed(self) -> None: ...

    def gone(self) -> None: ...


class FrameWriter:
    """The scope extension of one connection."""

    __slots__ = ("_protocol", "bound", "listener")

    def __init__(self, protocol: PreframedProtocol) -> None:
        self._protocol = protocol
        self.bound: int | None = None
        self.listener: Listener | None = None

    def attach(self, listener: Listener, soft_mark: int, bound: int) -> None:
        """Hear of pauses above `soft_mark` bytes, and refuse above `bound` bytes buffered."""
        self.listener = listener
        self.bound = bound
        self._protocol.transport.set_write_buffer_limits(high=soft_mark)

    def is_open(self) -> bool:
        """Whether a frame may be written now (RFC 6455: none after a Close frame)."""
        protocol = self._protocol
        return (
            protocol.handshake_complete
            and not protocol.close_sent
            and not protocol.disconnected
            and protocol.conn.state is State.OPEN
            and not protocol.transport.is_closing()
        )

    def buffered(self) -> int:
        """Bytes the transport holds in user space."""
        size: int = self._protocol.transport.get_write_buffer_size()
        return size

    def __call__(self, frame: bytes) -> bool:
        """Write one complete frame; False when it was refused."""
        if not self.is_open() or (self.bound is not None and self.buffered() > self.bound):
            return False
        self._protocol.transport.write(frame)
        return True

    @property
    def transport_write(self) -> Callable[[bytes], object]:
        """The bare write, for a loop over members that `Listener` keeps true to their state."""
        write: Callable[[bytes], object] = self._protocol.transport.write
        return write

    def close(self, code: int, reason: str, linger: float) -> None:
        """Send a Close frame behind what is queued; cut the line after `linger` seconds."""
        self._protocol.close_now(code, reason, linger)


class PreframedProtocol(WebSocketsSansIOProtocol):
    """One connection. Tells its writer's listener before any state forbids another frame."""

    frame_writer: FrameWriter | None = None

    async def run_asgi(self) -> None:
        is_control = self.scope["path"].startswith(CONTROL_PREFIX)
        self.conn.max_message_size = MAX_CONTROL_MESSAGE if is_control else MAX_VIEWER_MESSAGE
        self.frame_writer = FrameWriter(self)
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[EXTENSION] = self.frame_writer
        await super().run_asgi()

    def handle_ping(self) -> None:
        """A pong; one who asks for more than they read is let go like any other slow reader."""
        super().handle_ping()
        writer = self.frame_writer
        if writer is not None and writer.bound is not None and writer.buffered() > writer.bound:
            self.close_now(CloseCode.SLOW, CLOSE_REASONS[CloseCode.SLOW], PING_FLOOD_LINGER)

    def handle_cont(self, event: Frame) -> None:
        """A message may come in pieces, within reason: its size is bounded, its pieces are not."""
        if len(self.frames) >= MAX_FRAGMENTS:
            self.close_now(CloseCode.PROTOCOL_ERROR, "too many fragments", PING_FLOOD_LINGER)
            return
        super().handle_cont(event)

    def close_now(self, code: int, reason: str, linger: float) -> None:
        """What ASGI `websocket.close` does, without waiting for the transport to drain first."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self._forbid()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(linger, self.transport.abort)

    def send_receive_event_to_app(self) -> None:
        """A queue, a task's wake-up and a pause of the transport per message cost more than an order.

        So a message is offered to the listener first; what it leaves goes the ordinary way.
        """
        writer = self.frame_writer
        if writer is not None and writer.listener is not None and self.queue.empty() and not self.close_sent:
            data = bytes(self.frames[0]) if len(self.frames) == 1 else b"".join(self.frames)
            # Text that is not UTF-8 fails the connection (RFC 6455 section 8.1): uvicorn does that.
            sound = self.curr_msg_data_type == "bytes" or data.isascii() or _is_utf8(data)
            if sound and writer.listener.heard(data, self.curr_msg_data_type == "text"):
                self.frames = []
                return
        super().send_receive_event_to_app()

    def _forbid(self) -> None:
        writer = self.frame_writer
        if writer is not None and writer.listener is not None:
            listener, writer.listener = writer.listener, None
            listener.gone()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.frame_writer is not None and self.frame_writer.listener is not None:
            self.frame_writer.listener.paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.frame_writer is not None and self.frame_writer.listener is not None:
            self.frame_writer.listener.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forbid()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._forbid()
        super().shutdown()

    def keepalive_timeout(self) -> None:
        self._forbid()
        super().keepalive_timeout()

    def handle_close(self, event: Frame) -> None:
        self._forbid()
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        self._forbid()
        super().handle_parser_exception()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
