"""A way to a socket through ASGI `receive` and `send`, for servers without `protocol.EXTENSION`.

With the extension a `stream.FrameStream` is the link itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from server.fanout.member import Link
from server.gateway.stream import Listener

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Conduit(Link, Protocol):
    """A link that is also read from."""

    def pause_reading(self) -> None:
        """Idempotent."""

    def resume_reading(self) -> None:
        """Idempotent."""


class _ClosedLink:
    """Before there is one."""

    framed = deflate = False
    descriptor = -1

    def write(self, data: bytes) -> None:
        """Goes nowhere."""

    def is_open(self) -> bool:
        return False

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        """There is nothing to close."""


CLOSED_LINK: Link = _ClosedLink()


class QueueLink:
    """Messages wait in a queue for one pump that awaits ASGI `send`.

    The queue is bounded by the outbox's marks: above the soft mark the listener is paused, above
    the hard mark the member is closed, as with a transport.
    """

    framed = deflate = False
    descriptor = -1

    def __init__(self, send: Send, text: bool, soft_mark: int, listener: Listener) -> None:
        self._send = send
        self._text = text
        self._soft_mark = soft_mark
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._readable = asyncio.Event()
        self._readable.set()
        self._closing: tuple[int, str] | None = None
        self._open = True
        self._paused = False
        self._listener: Listener | None = listener

    async def converse(self, receive: Receive) -> None:
        """Both ways, until the socket is gone."""
        pump = asyncio.get_running_loop().create_task(self._pump())
        try:
            while (message := await receive())["type"] == "websocket.receive":
                if self._listener is not None:
                    text = message.get("text")
                    data = text.encode() if text is not None else message.get("bytes") or b""
                    self._listener.heard(data, text is not None)
                await self._readable.wait()
        finally:
            self._gone()
            await asyncio.gather(pump, return_exceptions=True)

    # ---- the link ---------------------------------------------------------------------------

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

    def pause_reading(self) -> None:
        self._readable.clear()

    def resume_reading(self) -> None:
        self._readable.set()

    def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()
            self._readable.set()
            self._forget()

    def _forget(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.gone()

    def _gone(self) -> None:
        """The peer left: what is queued goes nowhere."""
        self._open = False
        self._queue.clear()
        self._size = 0
        self._wake.set()
        self._forget()

    async def _pump(self) -> None:
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
