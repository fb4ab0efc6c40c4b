"""From hello to welcome: who is this, may they come in, where did they stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import uuid_utils
from msgspec import UNSET, Raw, Struct

from schemas.codecs import Codec
from schemas.codes import CloseCode, ErrorCode, Role
from schemas.commands import Hello
from schemas.events import Danmaku, Error, Kicked, Muted, Welcome
from schemas.models import Order, Resume, RoomSnapshot, User
from server.gateway.doorway import Doorway
from server.orders.newcomers import Visit
from server.rooms.live import LiveRoom
from server.rooms.moderation import FOREVER
from server.trust.roles import may_control
from server.trust.tokens import BadToken, Identity

GUEST_NAME = "guest"


class Refused(Exception):
    """The hello leads to a close; `event` is said first where there is one. `why` is what it counts as."""

    def __init__(
        self, code: CloseCode, reason: str = "", event: Struct | None = None, why: str | None = None
    ) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.event = event
        self.why = why or code.name.lower()

    def __str__(self) -> str:
        return f"{int(self.code)} {self.reason or self.code.name.lower()}"


@dataclass(frozen=True, slots=True)
class Admission:
    """Everything awaited for a welcome; the welcome itself is made without awaiting."""

    user: User
    expires_at: int
    is_guest: bool
    room: LiveRoom
    orders: list[Order]
    moderations: int
    """The room's count of mutes and kicks when this was read; when it has moved on, read again."""
    visit: Visit | None = None
    muted: Muted | None = None
    """Said behind the welcome; None: this user may speak."""


def take_turn(door: Doorway, hello: Hello) -> None:
    """Once per hello, before the store is asked for it. Raises Refused, with the time to come back.

    A bad token takes nobody's turn away: to look at it costs less than the connection it came on.
    """
    now = door.clock()
    if door.draining:
        raise Refused(CloseCode.DRAINING)
    _identify(door, hello, now)
    wait = door.joins.enter(now)
    if wait:
        raise come_back("too many joins", wait, "joins")


def come_back(reason: str, wait: int, why: str) -> Refused:
    """4003, and before it the advice to try again after `wait` ms."""
    said = Error(code=ErrorCode.RATE_LIMITED, message=reason, retry_after_ms=wait)
    return Refused(CloseCode.OVER_CAPACITY, f"{reason}, come back later", said, why)


async def admit(door: Doorway, room_id: str, hello: Hello, control: bool) -> Admission:
    """Raises Refused, StoreUnavailable."""
    now = door.clock()
    identity = _identify(door, hello, now)
    if identity is not None and identity.room not in (None, room_id):
        raise Refused(CloseCode.FORBIDDEN, "the token is for another room")
    room = await door.rooms.open(room_id)
    if room is None:
        raise Refused(CloseCode.NO_SUCH_ROOM)
    moderations = room.moderations
    if identity is None:
        if control:
            raise Refused(CloseCode.BAD_TOKEN, "the control socket needs a token")
        if not room.state.guests:
            raise Refused(CloseCode.BAD_TOKEN, "this room admits no guests")
        guest = User(id=f"guest-{uuid_utils.uuid4().hex[:12]}", name=GUEST_NAME, role=Role.GUEST)
        return Admission(guest, 0, True, room, [], moderations)
    if control and not may_control(identity, room_id, room.state.hosts):
        raise Refused(CloseCode.FORBIDDEN, "not a host or moderator of this room")
    user = User(id=identity.user, name=identity.name, role=identity.role)
    standing = await room.standing(user.id, now)
    if standing.kicked is not None and identity.role in (Role.VIEWER, Role.MODERATOR):
        raise Refused(CloseCode.KICKED, standing.reason, Kicked(reason=standing.reason))
    visit = door.orders.visit(room_id, user.id)
    orders = await door.orders.unfinished(room_id, user.id, visit)
    muted = None
    if standing.muted is not None:
        until = None if standing.muted >= FOREVER else standing.muted
        muted = Muted(until=until, reason=standing.reason)
    return Admission(user, identity.expires_at, False, room, orders, moderations, visit, muted)


def _identify(door: Doorway, hello: Hello, now: int) -> Identity | None:
    if hello.token is None:
        return None
    try:
        return door.tokens.verify(hello.token, now)
    except BadToken as bad:
        raise Refused(CloseCode.BAD_TOKEN, str(bad)[:120]) from None


def welcome(
    door: Doorway,
    codec: Codec,
    admission: Admission,
    session: str,
    resume: Resume | None,
    missed: list[bytes] | None,
) -> list[bytes]:
    """The first batch, encoded: `welcome`, `muted` where this user is, what was missed where known."""
    room = admission.room
    now = door.clock()
    recovered = resume is not None and missed is not None
    # Everybody's snapshot is the same, and so is what was last said: encoded once, they stand in each welcome
    # as they are.
    snapshot = UNSET if recovered else cast(RoomSnapshot, Raw(room.encoded_snapshot(codec)))
    said = None if recovered else room.recent.encoded(codec)
    recent = cast(list[Danmaku], Raw(said)) if said else UNSET
    greeting = codec.encode(
        Welcome(
            session=session,
            user=admission.user,
            epoch=room.state.epoch,
            seq=room.state.seq,
            server_time=now,
            heartbeat_ms=door.settings.gateway.heartbeat_ms,
            recovered=recovered,
            room=snapshot,
            orders=admission.orders,
            recent=recent,
        )
    )
    first = [greeting] if admission.muted is None else [greeting, codec.encode(admission.muted)]
    # The log holds no numbers: who comes back without a snapshot is told those of this moment.
    return [*first, *(missed or ()), codec.encode(room.numbers(now))] if recovered else first
