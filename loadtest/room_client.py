"""The simulators' client session on a blocking socket, for one greenlet per connection.

`websockets.sync` on gevent's patched sockets; everything a session decides is `client_sim`'s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from socket import SHUT_RDWR

import gevent
from gevent.event import AsyncResult, Event
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from client_sim.clock import now_ms
from client_sim.notices import Joined, Notice, Reply
from client_sim.session import ClientSession, Phase
from client_sim.wire import Decode, Encoding
from schemas.commands import Command, OrderPlace

CONNECT_TIMEOUT_S = 10.0
LOOK_UP_S = 0.5
"""How long the reader sleeps at most before it looks at the session's clock again."""

Timed = Callable[[float, Exception | None], None]
"""Milliseconds a connection took, and what went wrong."""


class RoomClient:
    """One user's session; `start` spawns its greenlet, which comes back after every loss until `stop`."""

    def __init__(
        self,
        uri: str,
        token: str,
        encoding: Encoding,
        told: Callable[[list[Notice]], None],
        timed: Timed,
        decode: Decode | None = None,
    ) -> None:
        self.session = ClientSession(encoding=encoding, token=token, decode=decode)
        self._uri = uri
        self._told = told
        self._timed = timed
        self._socket: ClientConnection | None = None
        self._stopped = Event()
        self._live = Event()
        self._replies: dict[int, AsyncResult] = {}
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Leave the room; returns when the socket is closed."""
        self._stopped.set()
        if self._socket is not None:
            with contextlib.suppress(WebSocketException, OSError):
                self._socket.close()
        if self._greenlet is not None:
            self._greenlet.join(timeout=5)

    def wait_live(self, timeout: float) -> bool:
        """Whether the room let us in within `timeout` seconds."""
        return bool(self._live.wait(timeout))

    @property
    def live(self) -> bool:
        return self.session.phase is Phase.LIVE

    @property
    def final(self) -> bool:
        """The server closed for good."""
        return self.session.phase is Phase.FINAL

    def server_now(self) -> float:
        return self.session.clock.to_server(now_ms())

    def send(self, command: Command) -> int | None:
        """Send and do not wait; the id its `Reply` will carry, None while the socket is lost."""
        if not self.live:
            return None
        name = self.session.command(command, now_ms())
        self._flush()
        return name

    def place(self, request: OrderPlace) -> None:
        """Order and do not wait: one `OrderSettled` follows, across reconnects too. Raises TooManyPending."""
        self.session.place(request, now_ms())
        self._flush()

    def drop(self) -> None:
        """Lose the socket as a bad network does; it comes back with a resume."""
        socket = self._socket
        if socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(SHUT_RDWR)

    def ask(self, command: Command, timeout: float) -> Reply | None:
        """Send and wait for the reply; None when the socket is lost or `timeout` seconds pass."""
        if self.session.phase is not Phase.LIVE:
            return None
        name = self.session.command(command, now_ms())
        result = self._replies[name] = AsyncResult()
        self._flush()
        try:
            return result.get(timeout=timeout)  # type: ignore[no-any-return]
        except gevent.Timeout:
            return None
        finally:
            self._replies.pop(name, None)

    # ---- the greenlet -----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped.is_set() and not self.final:
            code, reason = self._once()
            self._live.clear()
            self._hand_out(self.session.lost(code, reason, now_ms()))
            self._stopped.wait(max(0.0, (self.session.retry_at - now_ms()) / 1000))

    def _once(self) -> tuple[int | None, str]:
        """One socket from its handshake to its end; returns how it ended."""
        began = now_ms()
        opened = False
        try:
            with connect(
                self._uri,
                subprotocols=[Subprotocol(self.session.encoding.subprotocol)],
                compression=None,
                proxy=None,
                open_timeout=CONNECT_TIMEOUT_S,
                close_timeout=2,
                ping_interval=None,
                max_size=16 * 1024 * 1024,
            ) as socket:
                opened = True
                self._socket = socket
                self._timed(now_ms() - began, None)
                self.session.opened(now_ms())
                return self._converse(socket)
        except ConnectionClosed as closed:
            close = closed.rcvd
            return (close.code, close.reason) if close is not None else (None, "connection lost")
        except (OSError, WebSocketException, TimeoutError) as error:
            if not opened and not self._stopped.is_set():
                self._timed(now_ms() - began, error)
            return None, str(error) or type(error).__name__
        finally:
            self._socket = None

    def _converse(self, socket: ClientConnection) -> tuple[int | None, str]:
        session = self.session
        self._flush()
        while not self._stopped.is_set():
            if session.wants_close is not None:
                socket.close(*session.wants_close)
                return session.wants_close
            wait_s = min((session.deadline() - now_ms()) / 1000, LOOK_UP_S)
            try:
                message = socket.recv(timeout=max(wait_s, 0.0))
            except TimeoutError:
                self._hand_out(session.tick(now_ms()))
            else:
                data = message.encode() if isinstance(message, str) else message
                notices = session.received(data, now_ms())
                if any(isinstance(notice, Joined) for notice in notices):
                    self._live.set()
                self._hand_out(notices)
                if now_ms() >= session.deadline():
                    self._hand_out(session.tick(now_ms()))
            self._flush()
        return None, "stopped"

    def _hand_out(self, notices: list[Notice]) -> None:
        for notice in notices:
            if isinstance(notice, Reply):
                asked = self._replies.get(notice.id)
                if asked is not None:
                    asked.set(notice)
        if notices:
            self._told(notices)

    def _flush(self) -> None:
        """Send what the session wants sent. Without a socket it stays for the next one."""
        socket = self._socket
        if socket is None:
            return
        for message in self.session.take():
            with contextlib.suppress(WebSocketException, OSError):
                socket.send(message, text=self.session.encoding.text)
