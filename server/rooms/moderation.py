"""Mutes and kicks, with deadlines on the store's clock, so that they hold on every node and return."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import msgspec
from redis.asyncio import Redis

from schemas.codes import ErrorCode
from schemas.models import MAX_SAFE_INTEGER
from server.rooms.rules import Refused
from server.rooms.store import room_key
from server.valkey import Script, room_channel, store_errors

FOREVER = MAX_SAFE_INTEGER
"""The deadline of what lasts until it is lifted."""
MAX_SILENCED = 10_000
"""Viewers of one room muted (or kicked) at a time; one more is refused."""

_moderate = Script.from_package("server.rooms", "lua/moderate.lua")
_standing = Script.from_package("server.rooms", "lua/standing.lua")
_silenced = Script.from_package("server.rooms", "lua/silenced.lua")

Part = Literal["muted", "kicked"]


class Standing(NamedTuple):
    """Deadlines in ms on the store's clock; None: not so (any more), FOREVER: until lifted.

    `reason` is the kick's where there is one, else the mute's.
    """

    muted: int | None
    kicked: int | None
    reason: str = ""


class Silence(NamedTuple):
    """Until when, in ms on the store's clock (FOREVER: until lifted), and why."""

    until: int
    reason: str


class Silences(NamedTuple):
    """Of a whole room, by user: who is muted and who is kicked now, and when in ms who was last either."""

    muted: dict[str, Silence]
    kicked: dict[str, Silence]
    lately: dict[str, int]


class Moderation:
    """Raises StoreUnavailable, and Refused `conflict` when a room's list is full.

    Each change is published as `D` and JSON `{kind, user, reason, until}`: `kind` is `mute`,
    `unmute` or `kick`, `until` null for good and 0 for lifted.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def mute(self, room: str, user: str, duration_ms: int | None = None, reason: str = "") -> int:
        """The deadline. Without a duration until `unmute`."""
        return await self._silence(room, user, duration_ms, reason, part="muted", kind="mute")

    async def unmute(self, room: str, user: str) -> None:
        await self._silence(room, user, 0, "", part="muted", kind="unmute")

    async def kick(self, room: str, user: str, duration_ms: int | None = None, reason: str = "") -> int:
        """The deadline. Without a duration for good."""
        return await self._silence(room, user, duration_ms, reason, part="kicked", kind="kick")

    async def standing(self, room: str, user: str) -> Standing:
        """Whether `user` may enter and speak now."""
        keys = [*_keys(room, "muted"), *_keys(room, "kicked")]
        with store_errors():
            muted, mute_reason, kicked, kick_reason = await _standing.run(self._client, keys, [user])
        return Standing(muted or None, kicked or None, (kick_reason or mute_reason).decode())

    async def silenced(self, room: str, since: int) -> Silences:
        """Everybody who is muted or kicked now, and whoever was either at `since` (ms) or after, ended or
        not: the last `MAX_SILENCED` of them, of the last day."""
        keys = [*_keys(room, "muted"), *_keys(room, "kicked"), room_key(room, "silenced")]
        with store_errors():
            muted, kicked, lately = await _silenced.run(self._client, keys, [since])
        times = zip(lately[::2], lately[1::2], strict=True)
        return Silences(
            _by_user(muted), _by_user(kicked), {cast(bytes, user).decode(): int(at) for user, at in times}
        )

    async def _silence(
        self, room: str, user: str, duration_ms: int | None, reason: str, *, part: Part, kind: str
    ) -> int:
        # The script knows the deadline and adds it as the object's last member.
        notice = msgspec.json.encode({"kind": kind, "user": user, "reason": reason}).removesuffix(b"}")
        duration = -1 if duration_ms is None else duration_ms
        arguments: list[str | bytes | int] = [
            user,
            duration,
            FOREVER,
            MAX_SILENCED,
            reason,
            room_channel(room),
            notice,
        ]
        keys = [*_keys(room, part), room_key(room, "silenced")]
        with store_errors():
            until = int(await _moderate.run(self._client, keys, arguments))
        if until < 0:
            raise Refused(ErrorCode.CONFLICT, f"{MAX_SILENCED} viewers are {part} already", "user")
        return until


def _keys(room: str, part: Part) -> list[str]:
    return [room_key(room, part), room_key(room, f"{part}:reasons")]


def _by_user(flat: list[bytes | int]) -> dict[str, Silence]:
    """`flat`: user, until, reason, and so on."""
    rows = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return {
        cast(bytes, user).decode(): Silence(int(until), cast(bytes, reason).decode())
        for user, until, reason in rows
    }
