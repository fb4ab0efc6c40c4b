"""Histories for tests of the checks: told event by event, as a client session would."""

from __future__ import annotations

from client_sim.notices import Joined, Lost, Moved, Notice, Reply, Talk
from loadtest.stress.history import History
from loadtest.stress.truth import Truth
from schemas.codes import Role
from schemas.commands import DanmakuSend, RoomAnnounce
from schemas.events import Danmaku, DanmakuAccepted, RoomUpdated
from schemas.models import User
from tests.client_sim.room_model import snapshot, welcome

AT = 1_790_000_000_000


def truth(*places: int, first: int = 4) -> Truth:
    """`event N` at each place N."""
    true = Truth(first=first, last=first)
    for place in places:
        true.done(place, RoomAnnounce(text=f"event {place}"))
    return true


def joined(seq: int, announcement: str | None = None) -> Joined:
    """Welcomed with a snapshot of `seq`."""
    return Joined(welcome(snapshot(announcement=announcement), seq=seq), first=True)


def recovered(seq: int) -> Joined:
    return Joined(welcome(seq=seq, recovered=True), first=False)


def moved(seq: int, text: str | None = None) -> Moved:
    return Moved(RoomUpdated(seq=seq, announcement=f"event {seq}" if text is None else text))


def lost(code: int | None = None, at: float = 0) -> Lost:
    del at
    return Lost(code, "gone", None)


def danmaku(name: str, speaker: str) -> Danmaku:
    return Danmaku(message=name, user=User(id=speaker, name=speaker, role=Role.VIEWER), text="x", at=AT)


def talk(*names: str, speaker: str = "ann", skipped: int = 0) -> Talk:
    return Talk(tuple(danmaku(name, speaker) for name in names), skipped)


def accepted(name: str) -> Reply:
    return Reply(1, DanmakuSend(text="x"), DanmakuAccepted(id=1, message=name), 0.0)


def history(*notices: Notice, name: str = "bob", start: int = 0, now: float = 0.0) -> History:
    told = History(name, start)
    for notice in notices:
        told.took([notice], now)
    return told
