"""Two ways to a socket behind one `fanout.Link`: past ASGI for our own protocol, through it elsewhere."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from server.gateway.protocol import FrameWriter, Listener
from server.settings import FanoutSettings

LINGER_SECONDS = 10.0
"""How long a closed peer may take to read on to the Close frame before the line is cut."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class PreframedLink:
    """Writes wire frames to the transport; see `protocol.FrameWriter`."""

    __slots__ = ("_writer", "write")
    framed = True

    def __init__(self, writer: FrameWriter) -> None:
        self._writer = writer
        self.write: Callable[[bytes], object] = writer.transport_write

    def attach(self, listener: Listener, settings: FanoutSettings) -> None:
        self._writer.attach(listener, settings.soft_mark, settings.hard_mark)

    def is_open(self) -> bool:
        return self._writer.is_open()

    def buffered(self) -> int:
        return self._writer.buffered()

    def close(self, code: int, reason: str) -> None:
        self._writer.close(code, reason, LINGER_SECONDS)


class QueueLink:
    """The portable path: messages wait in a queue for one pump that awaits ASGI `send`.

    The queue is bounded by the outbox's marks: above the soft mark the listener is paused, above
    the hard mark the member is closed, as with a transport.
    """

    framed = False

    def __init__(self, send: Send, text: bool, settings: FanoutSettings) -> None:
        self._send = send
        self._text = text
        self._soft_mark = settings.soft_mark
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._open = True
        self._paused = False
        self._listener: Listener | None = None

    def attach(self, listener: Listener, settings: FanoutSettings) -> None:
        self._listener = listener

    @property
    def write(self) -> Callable[[bytes], object]:
        return self._put

    def _put(self, payload: bytes) -> None:
        if not self._open or self._closing is not None:
            return
        self._queue.append(payload)
        self._size += len(payload)
        self._wake.set()
        if self._size > self._soft_mark and not self._paused:
            self._paused = True
            if self._listener is not None:
                self._listener.paused()

    def is_open(self) -> bool:
        return self._open and self._closing is None

    def buffered(self) -> int:
        return self._size

    def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()

    def gone(self) -> None:
        """The peer left: what is queued goes nowhere."""
        self._open = False
        self._queue.clear()
        self._size = 0
        self._wake.set()
        if self._listener is not None:
            self._listener.gone()
            self._listener = None

    async def pump(self) -> None:
        """Send until closed; one per connection, for its lifetime."""
        while self._open:
            while self._queue:
                payload = self._queue.popleft()
                message = {"text": payload.decode()} if self._text else {"bytes": payload}
                await self._send({"type": "websocket.send", **message})
                self._size -= len(payload)
                if self._paused and self._size * 4 <= self._soft_mark:
                    self._paused = False
                    if self._listener is not None:
                        self._listener.resumed()
            if self._closing is not None:
                code, reason = self._closing
                self._open = False
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                return
            await self._wake.wait()
            self._wake.clear()
