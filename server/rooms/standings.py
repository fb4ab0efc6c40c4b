"""Who is muted in a room and who was kicked out of it, as this process knows it. Sans-I/O.

The store decides; every change of it comes over the room's channel, and the channel forgets. So the
answer is None, ask the store, from the moment the channel was lost until it was there again and the
lists were read after that. What was heard while they were being read is heard once more on top of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from server.rooms.moderation import FOREVER, MAX_SILENCED, Silence, Standing
from server.rooms.notices import DirectNotice

HEARD = 1_000
"""Changes kept while the lists are being read; more of them, and they are read once more."""
_NOT_SILENCED = Standing(None, None)


class Unheard(NamedTuple):
    """What a reading of the lists brought that may not have been heard of here, by user."""

    muted: dict[str, Silence | None]
    """None: they may speak again."""
    kicked: dict[str, str]
    """Why."""


class Standings:
    """Both lists. Holds what the store holds: `MAX_SILENCED` users each, and those whose time ran out
    since `forget` was last called."""

    def __init__(self) -> None:
        self._muted: dict[str, Silence] = {}
        self._kicked: dict[str, Silence] = {}
        self._asked: set[str] = set()
        self._known = False
        self._lost = True
        self._heard: list[DirectNotice] = []
        self._readings = 0
        self._next_end = FOREVER

    @property
    def known(self) -> bool:
        """Whether these are the store's lists."""
        return self._known

    @property
    def wanting(self) -> bool:
        """Whether reading the lists would make them known: they are not, and changes are being heard."""
        return not self._known and not self._lost

    @property
    def users(self) -> set[str]:
        """Everybody who is `listed`."""
        return {*self._muted, *self._kicked}

    def statistics(self) -> dict[str, int]:
        return {"muted": len(self._muted), "kicked": len(self._kicked), "bound": MAX_SILENCED}

    def listed(self, user: str) -> bool:
        """Whether `user` is muted or kicked as far as is known, or was until a moment ago."""
        return user in self._muted or user in self._kicked

    def of(self, user: str, now: int) -> Standing | None:
        """Whether `user` may enter and speak at `now`; None: only the store can say."""
        if not self._known:
            return None
        if user not in self._muted and user not in self._kicked:
            return _NOT_SILENCED
        muted, kicked = _at(self._muted, user, now), _at(self._kicked, user, now)
        why = kicked or muted
        return Standing(
            muted.until if muted else None, kicked.until if kicked else None, why.reason if why else ""
        )

    def muted_until(self, user: str, now: int) -> int | None:
        """Milliseconds left until `user` may speak again; None when they may, -1 for good."""
        silence = _at(self._muted, user, now)
        if silence is None:
            return None
        return -1 if silence.until >= FOREVER else silence.until - now

    def learnt(self, user: str, standing: Standing) -> None:
        """What the store said of one user, while the lists are not known. It is told at the door they came
        in by; their other sockets hear of it once the lists were read."""
        before = self._muted.get(user)
        if standing.muted is None:
            self._muted.pop(user, None)
        else:
            self._put(self._muted, user, Silence(standing.muted, standing.reason))
        if before != self._muted.get(user):
            self._asked.add(user)

    def heard(self, notice: DirectNotice) -> None:
        """A change, from the room's channel."""
        if not self._known and len(self._heard) <= HEARD:
            self._heard.append(notice)
        self._apply(notice)

    def _apply(self, notice: DirectNotice) -> None:
        until = FOREVER if notice.until is None else notice.until
        match notice.kind:
            case "mute":
                self._put(self._muted, notice.user, Silence(until, notice.reason))
            case "unmute":
                self._muted.pop(notice.user, None)
            case "kick":
                self._put(self._kicked, notice.user, Silence(until, notice.reason))

    def _put(self, silences: dict[str, Silence], user: str, silence: Silence) -> None:
        silences[user] = silence
        self._next_end = min(self._next_end, silence.until)

    # ---- reading ----------------------------------------------------------------------------

    def lose(self) -> None:
        """Changes are lost from now on: nothing is known, whatever is read, until `doubt` and a reading."""
        self._lost = True
        self._unknow()

    def doubt(self) -> None:
        """Changes are heard from now on, but some may have been lost: nothing is known until the lists
        are read again."""
        self._lost = False
        self._unknow()

    def _unknow(self) -> None:
        self._known = False
        self._heard.clear()
        self._readings += 1

    def reading(self) -> int:
        """The lists are about to be read; the number to give to `read`."""
        self._heard.clear()
        return self._readings

    def read(
        self, reading: int, muted: Mapping[str, Silence], kicked: Mapping[str, Silence]
    ) -> Unheard | None:
        """The store's lists; what in them is new here. None: changes were lost; read again if `wanting`."""
        if self._lost or reading != self._readings or len(self._heard) > HEARD:
            return None
        muted_before, kicked_before = self._muted, self._kicked
        self._muted, self._kicked = dict(muted), dict(kicked)
        for notice in self._heard:
            self._apply(notice)
        self._heard.clear()
        self._known = True
        self._find_next_end()
        users = {*muted_before, *self._muted}
        changed = {user for user in users if muted_before.get(user) != self._muted.get(user)} | self._asked
        self._asked.clear()
        return Unheard(
            {user: self._muted.get(user) for user in changed},
            {
                user: silence.reason
                for user, silence in self._kicked.items()
                if kicked_before.get(user) != silence
            },
        )

    def forget(self, now: int) -> None:
        """Drop those whose time ran out."""
        if now < self._next_end:
            return
        for silences in (self._muted, self._kicked):
            for user in [user for user, silence in silences.items() if silence.until <= now]:
                del silences[user]
        self._find_next_end()

    def _find_next_end(self) -> None:
        silences = (*self._muted.values(), *self._kicked.values())
        self._next_end = min((silence.until for silence in silences), default=FOREVER)


def _at(silences: Mapping[str, Silence], user: str, now: int) -> Silence | None:
    silence = silences.get(user)
    return silence if silence is not None and silence.until > now else None
