"""One WebSocket: the thin shell around `session.Session`. An ASGI application for both sockets."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from msgspec import Struct

from schemas.codecs import Codec, choose_codec
from schemas.codes import CLOSE_REASONS, CloseCode, ErrorCode
from schemas.commands import HOST_COMMANDS, Command, Hello, HostCommand, OrderGet, command_type
from schemas.events import Done, Error, SequencedEvent
from server.fanout.member import Member
from server.fanout.outbox import Outbox
from server.gateway import metrics
from server.gateway.admission import Admission, Refused, admit, welcome
from server.gateway.doorway import Doorway
from server.gateway.links import PreframedLink, QueueLink, Send
from server.gateway.protocol import EXTENSION, FrameWriter
from server.gateway.session import Admit, Close, Execute, Phase, Reply, Session
from server.gateway.viewer import Viewer
from server.rooms.decide import Refused as RoomRefused
from server.rooms.live import LiveRoom
from server.trust.limits import Bucket
from server.valkey import StoreUnavailable

log = structlog.get_logger("miaodan.gateway")

ADMISSIONS = 5
"""Times a hello is looked at again because somebody was muted or kicked meanwhile."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Socket:
    """The ASGI application of `/ws/live/{room}` or, with `control`, of `/ws/control/{room}`."""

    def __init__(self, door: Doorway, control: bool) -> None:
        self._door = door
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._door.origins.admits(headers.get("origin"), headers.get("host")):
            metrics.REFUSED.labels("origin").inc()
            await send({"type": "websocket.close", "code": 1008, "reason": "origin not allowed"})
            return
        codec, subprotocol = choose_codec(scope["subprotocols"])
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        writer = scope.get("extensions", {}).get(EXTENSION)
        link: PreframedLink | QueueLink
        if self._door.settings.gateway.preframed and isinstance(writer, FrameWriter):
            link = PreframedLink(writer)
        else:
            link = QueueLink(send, codec.text, self._door.settings.fanout)
        client = scope.get("client")
        connection = Connection(
            self._door,
            link,
            codec,
            scope["path_params"]["room"],
            self._control,
            client[0] if client else "",
        )
        if isinstance(link, PreframedLink):
            await connection.run(receive)
            return
        pump = asyncio.get_running_loop().create_task(link.pump())
        try:
            await connection.run(receive)
        finally:
            link.gone()
            await asyncio.gather(pump, return_exceptions=True)


class Connection:
    """Owns the member of one socket from hello to goodbye; hears of its transport's state."""

    __slots__ = (
        "_address",
        "_admission",
        "_door",
        "_holding",
        "_link",
        "_room_id",
        "_viewer",
        "_work",
        "member",
        "session",
    )

    def __init__(
        self,
        door: Doorway,
        link: PreframedLink | QueueLink,
        codec: Codec,
        room_id: str,
        control: bool,
        address: str,
    ) -> None:
        self._door = door
        self._link = link
        self._room_id = room_id
        self._address = address
        self._admission: Admission | None = None
        self._viewer: Viewer | None = None
        self._work: asyncio.Task[None] | None = None
        self._holding = False
        fanout = door.settings.fanout
        outbox = Outbox(fanout.hard_mark, fanout.slow_timeout_ms)
        self.member = Member(link, codec, outbox, None, control)
        bucket = Bucket(door.settings.limits.commands_per_second)
        self.session = Session(codec, control, door.settings.gateway, bucket, door.clock())

    # ---- the transport's listener -----------------------------------------------------------

    def paused(self) -> None:
        if self._admission is not None:
            self._admission.room.broadcast.paused(self.member)

    def resumed(self) -> None:
        if self._admission is not None:
            self._admission.room.broadcast.resumed(self.member)

    def gone(self) -> None:
        """No frame may be written any more."""
        self.session.closing()
        self.member.outbox.closed()
        if self._admission is not None:
            self._admission.room.broadcast.leave(self.member)

    # ---- life -------------------------------------------------------------------------------

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close with a typed code; idempotent."""
        if self.session.phase is not Phase.CLOSING or self._link.is_open():
            self.session.closing()
            self.member.close(code, reason or CLOSE_REASONS[code])
            if self._admission is not None:
                self._admission.room.broadcast.leave(self.member)

    def tick(self, now: int) -> None:
        """Timeouts; called about once a second for every connection of the process."""
        close = self.session.tick(now)
        if close is not None:
            self.close(close.code, close.reason)

    async def run(self, receive: Receive) -> None:
        """Until the socket is gone."""
        door, kind = self._door, "control" if self.session.control else "live"
        self._link.attach(self, door.settings.fanout)
        door.connections[self] = None
        admitted = door.addresses.enter(self._address)
        metrics.OPENED.labels(kind).inc()
        metrics.CONNECTIONS.labels(kind).inc()
        try:
            self._check_capacity(admitted)
            await self._converse(receive)
        finally:
            self.gone()
            if self._work is not None:
                await asyncio.gather(self._work, return_exceptions=True)
            del door.connections[self]
            if admitted:
                door.addresses.leave(self._address)
            metrics.CONNECTIONS.labels(kind).dec()

    def _check_capacity(self, admitted: bool) -> None:
        door = self._door
        if door.draining:
            self.close(CloseCode.DRAINING)
        elif len(door.connections) > door.settings.gateway.max_connections:
            self.close(CloseCode.OVER_CAPACITY, "too many connections")
        elif not admitted:
            self.close(CloseCode.OVER_CAPACITY, "too many connections from your address")

    # ---- messages ---------------------------------------------------------------------------

    def heard(self, data: bytes, text: bool) -> bool:
        """Take a message at once, unless it has to wait its turn."""
        if self.session.phase is not Phase.LIVE or self._work is not None or self._holding:
            return False
        # JSON is decoded from bytes; the other codec has to see that it got text.
        self._take(data.decode() if text and not self.member.codec.text else data)
        return True

    async def _converse(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return
            self._holding = True  # what comes now comes after this one
            if self._work is not None:
                await self._work
            self._holding = False
            data = message.get("text")
            hello = self._take(data if data is not None else message.get("bytes") or b"")
            if hello is not None:
                await self._enter(hello)

    def _take(self, data: bytes | str) -> Hello | None:
        """Do what the session makes of a message; a hello is left to the caller."""
        hello = None
        for action in self.session.received(data, self._door.clock()):
            match action:
                case Execute(command):
                    metrics.COMMANDS.add(command_type(command))
                    self._execute(command)
                case Reply(event):
                    self._say(event)
                case Close(code, reason):
                    self.close(code, reason)
                case Admit(said):
                    hello = said
        return hello

    def _say(self, event: Struct) -> None:
        if isinstance(event, Error):
            metrics.ERRORS.add(event.code.value)
        if self._admission is not None:
            self._admission.room.broadcast.reply(self.member, event)
        else:
            self.member.send(event)

    # ---- hello ------------------------------------------------------------------------------

    async def _enter(self, hello: Hello) -> None:
        try:
            admission, missed = await self._admit(hello)
        except Refused as refused:
            if refused.event is not None:
                self.member.send(refused.event)
            self.close(refused.code, refused.reason)
            return
        except StoreUnavailable as error:
            log.warning("a hello met no store", room=self._room_id, error=str(error))
            self.member.send(Error(code=ErrorCode.UNAVAILABLE, message="the store does not answer"))
            self.close(CloseCode.OVER_CAPACITY, "unavailable, come back later")
            return
        if self.session.phase is Phase.ADMITTING:
            self._join(hello, admission, missed)

    async def _admit(self, hello: Hello) -> tuple[Admission, list[SequencedEvent] | None]:
        """Again while somebody is muted or kicked meanwhile: it may have been this one."""
        for _ in range(ADMISSIONS):
            admission = await admit(self._door, self._room_id, hello, self.session.control)
            missed = None
            if hello.resume is not None:
                missed = await admission.room.missed(hello.resume.epoch, hello.resume.seq)
            if admission.room.moderations == admission.moderations:
                return admission, missed
        raise Refused(CloseCode.OVER_CAPACITY, "the room is too busy, come back later")

    def _join(self, hello: Hello, admission: Admission, missed: list[SequencedEvent] | None) -> None:
        """Without awaiting: what the welcome says and what the member hears next fit together."""
        room = admission.room
        room.broadcast.settle()
        self._admission = admission
        self.member.user = None if admission.is_guest else admission.user.id
        self._replace_oldest(room)
        self._viewer = Viewer(self._door, room, self.member, admission.user)
        self.session.admitted(admission.user.role, self._door.clock(), admission.expires_at)
        self.member.send(*welcome(self._door, admission, uuid.uuid4().hex, hello.resume, missed))
        if self.session.phase is Phase.LIVE:
            room.broadcast.join(self.member)
        how = "snapshot" if hello.resume is None else ("recovered" if missed is not None else "lost")
        metrics.JOINED.labels(how).inc()

    def _replace_oldest(self, room: LiveRoom) -> None:
        if self.member.user is None:
            return
        sockets = room.broadcast.of_user(self.member.user)
        for member in sockets[: len(sockets) + 1 - self._door.settings.gateway.sockets_per_user]:
            room.broadcast.close(member, CloseCode.REPLACED)

    # ---- commands ---------------------------------------------------------------------------

    def _execute(self, command: Command) -> None:
        """Carry a command out; one that has to wait holds up this socket's next ones, nobody else's."""
        viewer = self._viewer
        if viewer is None or isinstance(command, Hello):
            return
        if isinstance(command, OrderGet) or type(command) in HOST_COMMANDS:
            self._work = asyncio.get_running_loop().create_task(self._carry_out(command, viewer))
            self._work.add_done_callback(self._carried_out)
            return
        try:
            viewer.execute(command)
        except Exception:
            self._failed(command, viewer)

    def _carried_out(self, task: asyncio.Task[None]) -> None:
        self._work = None

    async def _carry_out(self, command: Command, viewer: Viewer) -> None:
        try:
            if isinstance(command, OrderGet):
                await viewer.look_up(command)
            elif isinstance(command, HostCommand):
                seq = await self._door.control.execute(self._room_id, command, self.member.user or "")
                self._say(Done(id=command.id, seq=seq))
        except RoomRefused as refused:
            viewer.refuse(getattr(command, "id", None), refused.code, refused.message, field=refused.field)
        except StoreUnavailable as error:
            log.warning("a command met no store", command=command_type(command), error=str(error))
            message, identifier = "the store does not answer", getattr(command, "id", None)
            viewer.refuse(identifier, ErrorCode.UNAVAILABLE, message, retry_after_ms=1_000)
        except Exception:
            self._failed(command, viewer)

    def _failed(self, command: Command, viewer: Viewer) -> None:
        log.exception("a command failed", command=command_type(command), room=self._room_id)
        identifier = getattr(command, "id", None)
        viewer.refuse(identifier, ErrorCode.UNAVAILABLE, "something went wrong on our side")
