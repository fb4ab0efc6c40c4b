"""What somebody may do: which role may send which command, who may create or control a room."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from schemas.codes import Role
from server.trust.tokens import Identity

_WATCH: Final = frozenset({"hello", "ping"})
_VIEW: Final = _WATCH | {
    "danmaku.send",
    "like",
    "order.place",
    "order.pay",
    "order.cancel",
    "order.refund",
    "order.get",
}
_MODERATE: Final = _VIEW | {"viewer.mute", "viewer.unmute", "viewer.kick", "danmaku.recall"}
_HOST: Final = _MODERATE | {
    "room.start",
    "room.pause",
    "room.end",
    "room.announce",
    "product.mount",
    "product.update",
    "product.pin",
    "product.unpin",
    "product.unmount",
    "product.sort",
    "product.restock",
    "sale.schedule",
    "sale.cancel",
    "order.ship",
    "order.deliver",
    "refund.approve",
    "refund.decline",
}

PERMITTED: Final[dict[Role, frozenset[str]]] = {
    Role.GUEST: _WATCH,
    Role.VIEWER: _VIEW,
    Role.MODERATOR: _MODERATE,
    Role.HOST: _HOST,
    Role.OPERATOR: _HOST,
}


def permitted(role: Role, command_type: str) -> bool:
    """Whether the role may send commands of this `type`; an unknown type is nobody's."""
    return command_type in PERMITTED[role]


def may_control(identity: Identity, room: str, hosts: Collection[str]) -> bool:
    """Whether they may open the room's control socket. `hosts`: user ids of the room's hosts."""
    if identity.room is not None and identity.room != room:
        return False
    match identity.role:
        case Role.OPERATOR | Role.MODERATOR:
            return True
        case Role.HOST:
            return identity.room == room or identity.user in hosts
        case _:
            return False


def may_create(identity: Identity, room: str | None) -> bool:
    """Whether they may create this room (None: one with an id of the server's choice)."""
    if identity.role not in (Role.HOST, Role.OPERATOR):
        return False
    return identity.room is None or identity.room == room
