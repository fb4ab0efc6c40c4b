"""One WebSocket after its handshake: a lean protocol of our own on the connection's transport.

There is no task, no queue and no timer per viewer. What is read goes to a `Listener` in the same
turn; what is written are ready-made frames. The conversation's rules are websockets' sans-I/O core.

The listener hears `gone` before anything forbids another frame: a Close frame in either direction, a
lost connection, a transport that is being closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol as WebSocket
from websockets.protocol import State

from schemas.codes import CLOSE_REASONS, CloseCode
from server.gateway.extensions import reads_shared_frames
from server.gateway.short_frames import between_frames, short_frame

MAX_FRAGMENTS = 64
BYTES_AT_ONCE = 2_048
"""Bytes of one connection that are heard in one turn of the loop; three hundred frames at the most."""
LINGER_SECONDS = 10.0
"""How long a closed peer may take to read on to the Close frame before the line is cut."""
FLOOD_LINGER_SECONDS = 1.0
"""The same for somebody who floods."""


class Listener(Protocol):
    """Who hears messages, and that the transport filled, drained, or is not to be written any more."""

    def heard(self, data: bytes, text: bool) -> None:
        """One message; with `text` it is UTF-8."""

    def wrote(self) -> None:
        """A frame that is not the listener's own (a pong) goes to the transport."""

    def poked(self) -> None:
        """A ping or a pong came."""

    def paused(self) -> None: ...

    def resumed(self) -> None: ...

    def gone(self) -> None: ...


class FrameStream(asyncio.Protocol):
    """An open connection taken over with `transport` and `websocket` as the handshake left them.

    `peers` is the server's set of connections, which `shutdown` is called on. Above `soft_mark` bytes in
    the transport the listener hears `paused`; a peer that floods pings above `bound` bytes is let go.
    """

    __slots__ = (
        "_bound",
        "_close_sent",
        "_fragments",
        "_linger",
        "_listener",
        "_peers",
        "_reads",
        "_text",
        "_turn",
        "_unread",
        "_wanted",
        "_websocket",
        "deflate",
        "descriptor",
        "transport",
    )
    framed = True

    def __init__(
        self,
        transport: asyncio.Transport,
        websocket: WebSocket,
        peers: set[Any],
        listener: Listener,
        soft_mark: int,
        bound: int,
    ) -> None:
        self.transport = transport
        self.deflate = any(
            isinstance(one, PerMessageDeflate) and reads_shared_frames(one) for one in websocket.extensions
        )
        self.descriptor = _descriptor(transport)
        self._websocket = websocket
        self._peers = peers
        self._listener: Listener | None = listener
        self._bound = bound
        self._fragments: list[bytes] | None = None
        self._text = False
        self._close_sent = False
        self._wanted = True
        self._reads = True
        self._unread = b""
        self._turn: asyncio.Handle | None = None
        self._linger: asyncio.TimerHandle | None = None
        peers.add(self)
        transport.set_write_buffer_limits(high=soft_mark)
        transport.set_protocol(self)

    # ---- writing ----------------------------------------------------------------------------

    @property
    def write(self) -> Callable[[bytes], object]:
        """The bare write, for whoever is told of `gone`."""
        write: Callable[[bytes], object] = self.transport.write
        return write

    def write_frame(self, frame: bytes) -> bool:
        """Write one complete frame; False where it may not be written or the transport is full."""
        if not self.is_open() or self.buffered() > self._bound:
            return False
        self.transport.write(frame)
        return True

    def is_open(self) -> bool:
        """Whether a frame may be written now (RFC 6455: none after a Close frame)."""
        return (
            not self._close_sent and self._websocket.state is State.OPEN and not self.transport.is_closing()
        )

    def buffered(self) -> int:
        """Bytes the transport holds in user space."""
        return self.transport.get_write_buffer_size()

    def close(self, code: int, reason: str, linger: float = LINGER_SECONDS) -> None:
        """Send a Close frame behind what is queued; cut the line after `linger` seconds."""
        is_open = self.is_open()
        self._forbid()  # also where the peer broke the protocol in the same read: nothing more is heard
        if not is_open:
            return
        self._websocket.send_close(code, reason)
        self._flush()
        self._close_sent = True
        self.resume_reading()  # the peer's own Close frame is to be read
        self._linger_for(linger)

    def shutdown(self) -> None:
        """The server stops: say so, and close behind what is queued."""
        if self.is_open():
            self._forbid()
            self._websocket.send_close(1012)
            self._flush()
        self._cut()

    def _flush(self) -> None:
        self.transport.write(b"".join(self._websocket.data_to_send()))

    def _forbid(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.gone()

    def _cut(self) -> None:
        """Close the line behind what is queued; a peer that does not take it has so long."""
        self.transport.close()
        if self._linger is None and self.buffered():
            self._linger_for(LINGER_SECONDS)

    def _linger_for(self, seconds: float) -> None:
        self._linger = asyncio.get_running_loop().call_later(seconds, self.transport.abort)

    # ---- the transport ----------------------------------------------------------------------

    def pause_writing(self) -> None:
        if self._listener is not None:
            self._listener.paused()

    def resume_writing(self) -> None:
        if self._listener is not None:
            self._listener.resumed()

    def pause_reading(self) -> None:
        """Leave what comes to the peer's side of the connection; idempotent."""
        self._wanted = False
        self._obey()

    def resume_reading(self) -> None:
        """Idempotent."""
        self._wanted = True
        self._obey()

    def _obey(self) -> None:
        """The transport reads while that is wanted and all it has read was heard."""
        if self.transport.is_closing():
            return
        if self._wanted and self._unread and self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._read_on)
        reads = self._wanted and not self._unread
        if reads is not self._reads:
            self._reads = reads
            if reads:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forbid()
        self._peers.discard(self)
        self._unread = b""
        # They and the core hold one another: not until they are collected.
        self._websocket.parser.close()
        self._websocket.parser_exc = None
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def data_received(self, data: bytes) -> None:
        if self._unread:
            self._unread += data  # its turn comes
        elif len(data) > BYTES_AT_ONCE:
            self._unread = data
            self._read_on()
        else:
            self._read(data)

    def _read_on(self) -> None:
        """A piece of what was read; the rest, and what follows it, in the loop's next turns.

        One read brings up to 256 KB: forty thousand frames, which everybody else would wait for.
        """
        self._turn = None
        piece, self._unread = self._unread[:BYTES_AT_ONCE], self._unread[BYTES_AT_ONCE:]
        self._read(piece)
        self._obey()

    def _read(self, data: bytes) -> None:
        at = 0
        longest = self._websocket.max_message_size or 0
        if between_frames(self._websocket):
            while self._listener is not None and (frame := short_frame(data, at, longest)) is not None:
                self._text, message, at = frame
                self._message(message)
            if at == len(data):
                return
        self._websocket.receive_data(data[at:])
        for event in self._websocket.events_received():
            if isinstance(event, Frame):
                self._frame(event)
        if self._websocket.parser_exc is not None:
            self._fail()

    # ---- frames -----------------------------------------------------------------------------

    def _frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._text = frame.opcode is Opcode.TEXT
                if frame.fin:
                    self._message(bytes(frame.data))
                else:
                    self._fragments = [bytes(frame.data)]
            case Opcode.CONT:
                self._continue(frame)
            case Opcode.PING:
                self._poke()
                self._pong()
            case Opcode.CLOSE:
                self._close_received()
            case _:
                self._poke()  # a pong says no more than any message does

    def _continue(self, frame: Frame) -> None:
        """A message may come in pieces, within reason: its size is bounded, its pieces are not."""
        fragments = self._fragments
        if fragments is None:
            return  # its first frame came before a Close frame of ours
        if len(fragments) >= MAX_FRAGMENTS:
            self._fragments = None
            self.close(CloseCode.PROTOCOL_ERROR, "too many fragments", FLOOD_LINGER_SECONDS)
            return
        fragments.append(bytes(frame.data))
        if frame.fin:
            self._fragments = None
            self._message(b"".join(fragments))

    def _message(self, data: bytes) -> None:
        if self._listener is None:
            return
        if self._text and not data.isascii() and not _is_utf8(data):
            self._forbid()
            self._websocket.fail(1007, "not UTF-8")  # RFC 6455 section 8.1
            self._fail()
            return
        self._listener.heard(data, self._text)

    def _poke(self) -> None:
        if self._listener is not None:
            self._listener.poked()

    def _pong(self) -> None:
        """One who asks for more pongs than they read is let go like any other slow reader."""
        if self._close_sent:
            self._websocket.data_to_send()
            return
        if self._listener is not None:
            self._listener.wrote()
        self._flush()
        if self.buffered() > self._bound:
            self.close(CloseCode.SLOW, CLOSE_REASONS[CloseCode.SLOW], FLOOD_LINGER_SECONDS)

    def _close_received(self) -> None:
        self._forbid()
        if not self._close_sent:
            self._flush()
        self._cut()

    def _fail(self) -> None:
        """The peer broke the protocol; the core has made the Close frame for it, and reads on to discard.

        To cut the line at once would reset it where bytes of the peer are unread, and take that frame away.
        """
        self._forbid()
        if self._close_sent:
            return
        self._close_sent = True
        self.resume_reading()
        if self.transport.is_closing():
            return
        self._flush()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._linger_for(FLOOD_LINGER_SECONDS)


def _descriptor(transport: asyncio.Transport) -> int:
    """The socket's descriptor, or -1 where bytes have to go through the transport (TLS)."""
    if any(transport.get_extra_info(name) is not None for name in ("ssl_object", "sslcontext")):
        return -1
    socket = transport.get_extra_info("socket")
    return -1 if socket is None else int(socket.fileno())


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
