"""One simulated user on asyncio: a client session, its socket and its timers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from client_sim.address import Address
from client_sim.clock import now_ms
from client_sim.link import Link
from client_sim.notices import Notice, Talk
from client_sim.session import ClientSession, Phase
from schemas.commands import Command, OrderPlace

CONNECT_TIMEOUT_S = 10.0
Told = Callable[["Viewer", list[Notice]], None]


class Viewer:
    """Keeps one session in its room until `stop`: connects, comes back, gives notices to `told`.

    `skew_ms` is how wrong this user's own clock is; the session has to find out.
    """

    def __init__(
        self,
        session: ClientSession,
        address: Address,
        uri: str,
        told: Told,
        *,
        skew_ms: float = 0.0,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
        deflate: bool = False,
    ) -> None:
        self.session = session
        self.skew_ms = skew_ms
        self.link: Link | None = None
        self.connect_ms = 0.0
        """How long the present socket took to open, handshake included."""
        self.frames = 0
        self.bytes = 0
        self._address = address
        self._uri = uri
        self._told = told
        self._tls = tls
        self._receive_buffer = receive_buffer
        self._deflate = deflate
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self._closed = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._connecting_at = 0.0

    def now(self) -> float:
        """This user's own clock, milliseconds."""
        return now_ms() + self.skew_ms

    @property
    def live(self) -> bool:
        return self.session.phase is Phase.LIVE

    def start(self) -> None:
        """Connect now; from here on it comes back by itself."""
        if not self._stopped and self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    async def stop(self, code: int = 1000) -> None:
        """Leave for good; returns when the socket is gone."""
        self._stopped = True
        self._disarm()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self.link is not None:
            self.link.resume_reading()
            self.link.close(code, "bye")
            await self._closed.wait()

    def drop(self) -> None:
        """Lose the socket as a bad network does; it comes back with a resume."""
        if self.link is not None:
            self.link.abort()

    def command(self, command: Command) -> int:
        """Send a command, see `ClientSession.command`."""
        name = self.session.command(command, self.now())
        self._flush()
        return name

    def place(self, request: OrderPlace) -> None:
        """Order, see `ClientSession.place`."""
        self.session.place(request, self.now())
        self._flush()
        self._arm()

    def at_server_time(self, server_ms: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call when this user's countdown to `server_ms` reaches zero."""
        local = self.session.clock.to_local(server_ms) - self.skew_ms
        return self._loop.call_later(max(0.0, (local - now_ms()) / 1000), call)

    # ---- LinkUser ----------------------------------------------------------------------------

    def link_opened(self) -> None:
        self.connect_ms = now_ms() - self._connecting_at
        self.session.opened(self.now())
        self._flush()
        self._arm()

    def link_received(self, message: bytes) -> None:
        self.frames += 1
        self.bytes += len(message)
        notices = self.session.received(message, self.now())
        if not notices:
            return
        self._told(self, notices)
        if len(notices) > 1 or not isinstance(notices[0], Talk):
            self._after()

    def link_closed(self, code: int | None, reason: str) -> None:
        self.link = None
        self._closed.set()
        self._disarm()
        notices = self.session.lost(code, reason, self.now())
        if not self._stopped:
            self._told(self, notices)
            self._come_back()

    # ---- inside ------------------------------------------------------------------------------

    async def _connect(self) -> None:
        self._closed.clear()
        self._connecting_at = now_ms()
        link = self.link = Link(self, self._uri, self.session.encoding.subprotocol, self._deflate)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await link.open(self._address, self._tls, self._receive_buffer)
        except (OSError, TimeoutError) as error:
            link.forget()
            self._connecting = None
            self.link_closed(None, str(error) or "connect timed out")
        except asyncio.CancelledError:
            link.forget()
            self.link = None
            raise
        finally:
            self._connecting = None

    def _come_back(self) -> None:
        if self.session.phase is Phase.FINAL:
            return
        self._loop.call_later(max(0.0, (self.session.retry_at - self.now()) / 1000), self.start)

    def _after(self) -> None:
        self._flush()
        if self.session.wants_close is not None and self.link is not None:
            self.link.close(*self.session.wants_close)
            return
        self._arm()

    def _flush(self) -> None:
        outgoing = self.session.take()
        if self.link is not None:
            for message in outgoing:
                self.link.send(message, self.session.encoding.text)

    def _arm(self) -> None:
        """One timer per viewer, moved only when something is due earlier than it."""
        deadline = self.session.deadline()
        if deadline >= self._timer_at:
            return
        self._disarm()
        if deadline != float("inf"):
            self._timer_at = deadline
            self._timer = self._loop.call_later(max(0.0, (deadline - self.now()) / 1000), self._tick)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = float("inf")

    def _tick(self) -> None:
        self._disarm()
        notices = self.session.tick(self.now())
        if notices:
            self._told(self, notices)
        self._after()
