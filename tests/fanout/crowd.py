"""A room without sockets or a clock: a loop that is turned by hand, links that fill and drain.

What a link's peer has read is `wire`; what its transport holds back is `held`. As with a real
transport, what is written goes out at the end of the turn, unless the link is stuck.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import orjson
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from schemas.codecs import JSON
from server.fanout.broadcast import Broadcast
from server.fanout.member import Member
from server.fanout.outbox import Flow, Outbox
from server.fanout.sender import Sender
from server.settings import FanoutSettings


class Handle:
    def __init__(self, due: float, callback: Callable[[], object]) -> None:
        self.due = due
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class HandLoop:
    """`time`, `call_soon` and `call_at` of an event loop; `turn` runs what is due now, once."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.handles: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[[], object]) -> Handle:
        return self.call_at(self.now, callback)

    def call_at(self, when: float, callback: Callable[[], object]) -> Handle:
        handle = Handle(when, callback)
        self.handles.append(handle)
        return handle

    def turn(self) -> None:
        due = [handle for handle in self.handles if handle.due <= self.now]
        self.handles = [handle for handle in self.handles if handle.due > self.now]
        for handle in due:
            if handle.callback is not None:
                handle.callback()


def frames_of(wire: bytes) -> list[bytes]:
    """Payloads as a client that negotiated compression reads them; raises where the stream is torn."""
    client = ClientProtocol(parse_uri("ws://example.com/"), state=State.OPEN, max_size=None)
    client.extensions = [PerMessageDeflate(True, True, 12, 12)]
    client.receive_data(wire)
    if client.parser_exc is not None:
        raise client.parser_exc
    return [bytes(event.data) for event in client.events_received() if isinstance(event, Frame)]


class FakeLink:
    framed = True

    def __init__(self, descriptor: int, soft_mark: int, deflate: bool) -> None:
        self.descriptor = descriptor
        self.deflate = deflate
        self.wire = bytearray()
        self.held = bytearray()
        self.stuck = False
        self.closed = False
        self.on_pause: Callable[[], None] = lambda: None
        self.on_resume: Callable[[], None] = lambda: None
        self._soft_mark = soft_mark
        self._paused = False

    @property
    def write(self) -> Callable[[bytes], object]:
        return self._write

    def _write(self, data: bytes) -> None:
        assert not self.closed, "written to behind the close"
        self.held += data
        if len(self.held) > self._soft_mark and not self._paused:
            self._paused = True
            self.on_pause()

    def drain(self) -> None:
        if self.stuck:
            return
        self.wire += self.held
        self.held.clear()
        if self._paused:
            self._paused = False
            self.on_resume()

    def is_open(self) -> bool:
        return not self.closed

    def buffered(self) -> int:
        return len(self.held)

    def close(self, code: int, reason: str) -> None:
        self.closed = True

    def events(self) -> list[dict[str, Any]]:
        return [event for payload in frames_of(bytes(self.wire)) for event in orjson.loads(payload)]


class FakeSender(Sender):
    """Writes to `links` by descriptor; a stuck one takes the first `takes` bytes and no more."""

    def __init__(self) -> None:
        self.links: dict[int, FakeLink] = {}
        self.takes = 0

    def send(self, fds: array[int], start: int, stop: int, frame: bytes) -> tuple[int, list[tuple[int, int]]]:
        whole, failed = 0, []
        for slot in range(start, min(stop, len(fds))):
            if fds[slot] < 0:
                continue
            link = self.links[fds[slot]]
            assert not link.held, "a frame overtakes what the transport holds"
            assert not link.closed, "a frame to a descriptor that is somebody else's by now"
            if not link.stuck:
                link.wire += frame
                whole += 1
            else:
                taken = min(self.takes, len(frame) - 1)
                link.wire += frame[:taken]
                failed.append((slot, taken))
        return whole, failed


class HandRoom:
    """A broadcast, its members, and the turns of their loop."""

    def __init__(self, settings: FanoutSettings, direct: bool = True) -> None:
        self.loop = HandLoop()
        self.sender = FakeSender()
        self.settings = settings
        loop: Any = self.loop
        self.broadcast = Broadcast(settings, self.clock, loop, self.sender if direct else None)
        self._descriptors = 0

    def clock(self) -> int:
        return int(self.loop.now * 1000)

    def join(
        self, user: str | None = None, deflate: bool = False, direct: bool = True
    ) -> tuple[Member, FakeLink]:
        self._descriptors += 1
        link = FakeLink(self._descriptors if direct else -1, self.settings.soft_mark, deflate)
        self.sender.links[self._descriptors] = link
        outbox = Outbox(self.settings.hard_mark, self.settings.slow_timeout_ms)
        member = Member(link, JSON, outbox, user, control=False)
        link.on_pause = lambda: self.broadcast.paused(member)
        link.on_resume = lambda: self.broadcast.resumed(member)
        self.broadcast.join(member)
        return member, link

    def turn(self) -> None:
        """One turn of the loop, and what the transports then get rid of."""
        self.loop.turn()
        for link in list(self.sender.links.values()):
            if not link.closed:
                link.drain()

    def calm(self) -> None:
        """Everybody reads again; turns until nothing is left to do."""
        for link in self.sender.links.values():
            link.stuck = False
        for _ in range(10_000):
            self.turn()
            if self.loop.handles:
                self.loop.now = max(self.loop.now, min(handle.due for handle in self.loop.handles))
            elif not any(link.held for link in self.sender.links.values() if not link.closed):
                return
        raise AssertionError("the room does not come to rest")


def flowing(member: Member) -> bool:
    return member.outbox.flow is Flow.FLOWING
