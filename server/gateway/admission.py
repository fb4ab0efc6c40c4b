"""From hello to welcome: who is this, may they come in, where did they stop."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

from msgspec import UNSET, Struct

from schemas.codes import CloseCode, Role
from schemas.commands import Hello
from schemas.events import Kicked, SequencedEvent, Welcome
from schemas.models import Order, Resume, User
from server.gateway.doorway import Doorway
from server.rooms.live import LiveRoom
from server.rooms.moderation import FOREVER
from server.trust.roles import may_control
from server.trust.tokens import BadToken, Identity

GUEST_NAME = "guest"


class Refused(Exception):
    """The hello leads to a close; `event` is said first where there is one."""

    def __init__(self, code: CloseCode, reason: str = "", event: Struct | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.event = event

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


async def admit(door: Doorway, room_id: str, hello: Hello, control: bool) -> Admission:
    """Raises Refused, StoreUnavailable."""
    now = door.clock()
    if door.draining:
        raise Refused(CloseCode.DRAINING)
    if door.joins.take(now):
        raise Refused(CloseCode.OVER_CAPACITY, "too many joins, come back later")
    identity = _identify(door, hello, now)
    if identity is not None and identity.room not in (None, room_id):
        raise Refused(CloseCode.FORBIDDEN, "the token is for another room")
    room = await door.rooms.open(room_id)
    if room is None:
        raise Refused(CloseCode.NO_SUCH_ROOM)
    snapshot = room.state.snapshot()
    moderations = room.moderations
    if identity is None:
        if control:
            raise Refused(CloseCode.BAD_TOKEN, "the control socket needs a token")
        if not snapshot.guests:
            raise Refused(CloseCode.BAD_TOKEN, "this room admits no guests")
        guest = User(id=f"guest-{uuid.uuid4().hex[:12]}", name=GUEST_NAME, role=Role.GUEST)
        return Admission(guest, 0, True, room, [], moderations)
    if control and not may_control(identity, room_id, snapshot.hosts):
        raise Refused(CloseCode.FORBIDDEN, "not a host or moderator of this room")
    user = User(id=identity.user, name=identity.name, role=identity.role)
    standing, orders = await asyncio.gather(
        door.moderation.standing(room_id, user.id), door.orders.unfinished(room_id, user.id)
    )
    if standing.kicked is not None and identity.role in (Role.VIEWER, Role.MODERATOR):
        raise Refused(CloseCode.KICKED, standing.reason, Kicked(reason=standing.reason))
    if standing.muted is not None and room.moderations == moderations:
        room.muted[user.id] = None if standing.muted >= FOREVER else standing.muted
    return Admission(user, identity.expires_at, False, room, orders, moderations)


def _identify(door: Doorway, hello: Hello, now: int) -> Identity | None:
    if hello.token is None:
        return None
    try:
        return door.tokens.verify(hello.token, now)
    except BadToken as bad:
        raise Refused(CloseCode.BAD_TOKEN, str(bad)[:120]) from None


def welcome(
    door: Doorway,
    admission: Admission,
    session: str,
    resume: Resume | None,
    missed: list[SequencedEvent] | None,
) -> list[Struct]:
    """The first batch: `welcome`, and behind it what was missed when `missed` is known."""
    room = admission.room
    recovered = resume is not None and missed is not None
    first = Welcome(
        session=session,
        user=admission.user,
        epoch=room.state.epoch,
        seq=room.state.seq,
        server_time=door.clock(),
        heartbeat_ms=door.settings.gateway.heartbeat_ms,
        recovered=recovered,
        room=UNSET if recovered else room.snapshot(),
        orders=admission.orders,
    )
    # The log holds no numbers: who comes back without a snapshot is told those of this moment.
    return [first, *(missed or []), room.numbers(door.clock())] if recovered else [first]
