"""One WebSocket: the thin shell around `session.Session`. An ASGI application for both sockets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import structlog
import uuid_utils
from msgspec import Struct

from schemas.codecs import Codec, choose_codec
from schemas.codes import CLOSE_REASONS, CloseCode, ErrorCode
from schemas.commands import ROOM_COMMANDS, Command, Hello, OrderGet, RoomCommand, command_type
from schemas.events import Done, Error
from server.fanout.member import Member
from server.fanout.outbox import Outbox
from server.gateway import metrics
from server.gateway.admission import Admission, Refused, admit, come_back, take_turn, welcome
from server.gateway.doorway import Doorway
from server.gateway.links import CLOSED_LINK, Conduit, QueueLink, Send
from server.gateway.protocol import EXTENSION, Handover
from server.gateway.session import Admit, Close, Execute, Phase, Reply, Session
from server.gateway.viewer import Viewer
from server.orders.actions import Act
from server.rooms.decide import Refused as RoomRefused
from server.rooms.live import LiveRoom
from server.trust.limits import Bucket
from server.valkey import StoreUnavailable

log = structlog.get_logger("miaodan.gateway")

MAX_WAITING = 4_096
"""Messages of one read that wait while a command is carried out; with one more the socket is closed."""
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
        door = self._door
        await receive()  # websocket.connect
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not door.origins.admits(headers.get("origin"), headers.get("host")):
            metrics.REFUSED.labels("origin").inc()
            await send({"type": "websocket.close", "code": 1008, "reason": "origin not allowed"})
            return
        codec, subprotocol = choose_codec(scope["subprotocols"])
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        client = scope.get("client")
        connection = Connection(
            door, codec, scope["path_params"]["room"], self._control, client[0] if client else ""
        )
        hand_over = scope.get("extensions", {}).get(EXTENSION)
        if door.settings.gateway.preframed and isinstance(hand_over, Handover):
            stream = hand_over(connection, door.settings.fanout.soft_mark, door.settings.fanout.hard_mark)
            if stream is not None:
                connection.open(stream)
            else:  # it spoke before the answer came, or is leaving
                await send({"type": "websocket.close", "code": 1002, "reason": "too early"})
            return
        link = QueueLink(send, codec.text, door.settings.fanout.soft_mark, connection)
        connection.open(link)
        await link.converse(receive)


class Connection:
    """One socket from its handshake to goodbye; hears of its messages and its transport's state.

    Commands that have to wait (for the store) are carried out one at a time; what is said meanwhile
    waits, and so does the reading.
    """

    __slots__ = (
        "_address",
        "_counted",
        "_door",
        "_link",
        "_room",
        "_room_id",
        "_viewer",
        "_waiting",
        "_work",
        "member",
        "session",
    )

    def __init__(self, door: Doorway, codec: Codec, room_id: str, control: bool, address: str) -> None:
        self._door = door
        self._room_id = room_id
        self._address = address
        self._counted = False
        self._link: Conduit | None = None
        self._room: LiveRoom | None = None
        self._viewer: Viewer | None = None
        self._work: asyncio.Task[None] | None = None
        self._waiting: deque[tuple[bytes, bool]] | None = None
        bucket = Bucket(door.settings.limits.commands_per_second)
        self.session = Session(codec, control, door.settings.gateway, bucket, door.clock())
        fanout = door.settings.fanout
        outbox = Outbox(fanout.hard_mark, fanout.slow_timeout_ms)
        self.member = Member(CLOSED_LINK, codec, outbox, None, control)

    # ---- life -------------------------------------------------------------------------------

    def open(self, link: Conduit) -> None:
        """The socket is accepted; from now on frames go to `link`."""
        door = self._door
        self._link = self.member.link = link
        door.connections[self] = None
        self._counted = door.addresses.enter(self._address)
        kind = self._kind
        metrics.OPENED.add(kind)
        metrics.CONNECTIONS.labels(kind).inc()
        if door.draining:
            metrics.REFUSED.labels("draining").inc()
            self.close(CloseCode.DRAINING)
        elif len(door.connections) > door.settings.gateway.max_connections:
            metrics.REFUSED.labels("connections").inc()
            self.close(CloseCode.OVER_CAPACITY, "too many connections")
        elif not self._counted:
            metrics.REFUSED.labels("address").inc()
            self.close(CloseCode.OVER_CAPACITY, "too many connections from your address")

    @property
    def _kind(self) -> str:
        return "control" if self.session.control else "live"

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close with a typed code; idempotent."""
        link = self._link
        if link is not None and link.is_open():
            self.session.closing()
            self.member.close(code, reason or CLOSE_REASONS[code])

    def tick(self, now: int) -> None:
        """Timeouts; called about once a second for every connection of the process."""
        close = self.session.tick(now)
        if close is not None:
            self.close(close.code, close.reason)

    # ---- the link's listener ----------------------------------------------------------------

    def wrote(self) -> None:
        self.member.wrote()

    def poked(self) -> None:
        self.session.poked()

    def paused(self) -> None:
        if self._room is not None:
            self._room.broadcast.paused(self.member)

    def resumed(self) -> None:
        if self._room is not None:
            self._room.broadcast.resumed(self.member)

    def gone(self) -> None:
        """No frame may be written any more."""
        door = self._door
        if self not in door.connections:
            return
        del door.connections[self]
        self.session.closing()
        self._waiting = None
        self._viewer = None
        self.member.outbox.closed()
        if self._room is not None:
            self._room.broadcast.leave(self.member)
        if self._counted:
            door.addresses.leave(self._address)
        metrics.CONNECTIONS.labels(self._kind).dec()

    # ---- messages ---------------------------------------------------------------------------

    def heard(self, data: bytes, text: bool) -> None:
        """Take a message, or keep it while another one's work is under way."""
        if self._work is None:
            self._take(data, text)
            return
        if self._waiting is None:
            self._waiting = deque()
            if self._link is not None:
                self._link.pause_reading()
        self._waiting.append((data, text))
        if len(self._waiting) > MAX_WAITING:  # they came in one read: more than anybody has to say
            self.close(CloseCode.PROTOCOL_ERROR, "too many commands at once")

    def _worked(self, task: asyncio.Task[None]) -> None:
        """Go on with what was said meanwhile."""
        self._door.work.discard(task)
        self._work = None
        while self._waiting and self._work is None:
            self._take(*self._waiting.popleft())
        if not self._waiting and self._work is None:
            self._waiting = None
            if self._link is not None:
                self._link.resume_reading()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = asyncio.get_running_loop().create_task(work)
        self._door.work.add(self._work)
        self._work.add_done_callback(self._worked)

    def _take(self, data: bytes, text: bool) -> None:
        """Do what the session makes of a message."""
        # JSON is decoded from bytes; the other codec has to see that it got text.
        message = data.decode() if text and not self.member.codec.text else data
        for action in self.session.received(message, self._door.clock()):
            match action:
                case Execute(command):
                    metrics.COMMANDS.add(command_type(command))
                    self._execute(command)
                case Reply(event):
                    self._say(event)
                case Close(code, reason):
                    self.close(code, reason)
                case Admit(hello):
                    self._start(self._enter(hello))

    def _say(self, event: Struct) -> None:
        if isinstance(event, Error):
            metrics.ERRORS.add(event.code.value)
        if self._room is not None:
            self._room.broadcast.reply(self.member, event)
        else:
            self.member.send(event)

    # ---- hello ------------------------------------------------------------------------------

    async def _enter(self, hello: Hello) -> None:
        try:
            admission, missed = await self._admit(hello)
        except Refused as refused:
            metrics.REFUSED.labels(refused.why).inc()
            if refused.event is not None:
                self.member.send(refused.event)
            self.close(refused.code, refused.reason)
            return
        except StoreUnavailable as error:
            log.warning("a hello met no store", room=self._room_id, error=str(error))
            metrics.REFUSED.labels("store").inc()
            message = "the store does not answer"
            self.member.send(Error(code=ErrorCode.UNAVAILABLE, message=message, retry_after_ms=1_000))
            self.close(CloseCode.OVER_CAPACITY, "unavailable, come back later")
            return
        except Exception:
            log.exception("a hello failed", room=self._room_id)
            metrics.REFUSED.labels("failed").inc()
            self.member.send(Error(code=ErrorCode.UNAVAILABLE, message="something went wrong on our side"))
            self.close(CloseCode.OVER_CAPACITY, "unavailable, come back later")
            return
        if self.session.phase is Phase.ADMITTING:
            self._join(hello, admission, missed)

    async def _admit(self, hello: Hello) -> tuple[Admission, list[bytes] | None]:
        """Again while somebody is muted or kicked meanwhile: it may have been this one."""
        take_turn(self._door, hello)
        for _ in range(ADMISSIONS):
            admission = await admit(self._door, self._room_id, hello, self.session.control)
            missed = None
            if hello.resume is not None:
                place = hello.resume
                missed = await admission.room.missed(self.member.codec, place.epoch, place.seq)
            if admission.room.moderations == admission.moderations:
                return admission, missed
        raise come_back("the room is too busy", 1_000, "busy")

    def _join(self, hello: Hello, admission: Admission, missed: list[bytes] | None) -> None:
        """Without awaiting: what the welcome says and what the member hears next fit together."""
        room = admission.room
        self._room = room
        self.member.user = None if admission.is_guest else admission.user.id
        self._replace_oldest(room)
        self._viewer = Viewer(self._door, room, self.member, admission.user, admission.visit)
        self.session.admitted(admission.user.role, self._door.clock(), admission.expires_at)
        session = uuid_utils.uuid4().hex
        self.member.send_encoded(
            welcome(self._door, self.member.codec, admission, session, hello.resume, missed)
        )
        if self.session.phase is Phase.LIVE:
            room.broadcast.join(self.member)
        how = "snapshot" if hello.resume is None else ("recovered" if missed is not None else "lost")
        metrics.JOINED.add(how)

    def _replace_oldest(self, room: LiveRoom) -> None:
        if self.member.user is None:
            return
        sockets = room.broadcast.of_user(self.member.user)
        excess = len(sockets) + 1 - self._door.settings.gateway.sockets_per_user
        for member in sockets[: max(0, excess)]:
            room.broadcast.close(member, CloseCode.REPLACED)

    # ---- commands ---------------------------------------------------------------------------

    def _execute(self, command: Command) -> None:
        """Carry a command out; one that has to wait holds up this socket's next ones, nobody else's."""
        viewer = self._viewer
        if viewer is None or isinstance(command, Hello):
            return
        if isinstance(command, OrderGet) or type(command) in ROOM_COMMANDS:
            self._start(self._carry_out(command, viewer))
            return
        try:
            viewer.execute(command)
        except Exception:
            self._failed(command, viewer)

    async def _carry_out(self, command: Command, viewer: Viewer) -> None:
        try:
            if isinstance(command, OrderGet):
                await viewer.look_up(command)
            elif isinstance(command, RoomCommand):
                actor = self.member.user or ""
                seq = await self._door.control.execute(self._room_id, command, actor)
                await self._door.orders.actions.record(self._room_id, Act(actor, self.session.role, command))
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
