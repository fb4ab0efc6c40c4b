"""What newcomers are told of the chat: the latest, bounded, without what was taken back."""

from __future__ import annotations

import msgspec
import pytest

from schemas.codecs import JSON, MSGPACK, Codec
from schemas.codes import Role
from schemas.events import Danmaku
from schemas.models import User
from server.rooms.recent import RECENT, RECENT_BYTES, RecentChat


def said(number: int, user: str = "ann", text: str = "茶") -> Danmaku:
    return Danmaku(
        message=f"m{number}", user=User(id=user, name=user, role=Role.VIEWER), text=text, at=number
    )


def shown(recent: RecentChat) -> list[str]:
    encoded = recent.encoded(JSON)
    return [one.message for one in msgspec.json.decode(encoded, type=list[Danmaku])] if encoded else []


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
def test_the_latest_are_kept_oldest_first_and_encoded_once(codec: Codec) -> None:
    recent = RecentChat()
    assert recent.encoded(codec) == b""
    recent.heard([said(number) for number in range(RECENT)])
    recent.heard([said(number) for number in range(RECENT, RECENT + 5)])
    encoded = recent.encoded(codec)
    assert codec.decode_batch(encoded) == [said(number) for number in range(5, RECENT + 5)]
    assert recent.encoded(codec) is encoded
    recent.heard([said(99)])
    assert codec.decode_batch(recent.encoded(codec))[-1] == said(99)


def test_long_ones_leave_out_the_oldest() -> None:
    recent = RecentChat()
    recent.heard([said(number, text="茶" * 200) for number in range(RECENT)])
    assert len(recent.encoded(JSON)) <= RECENT_BYTES + RECENT + 1
    assert 5 < len(shown(recent)) < RECENT and shown(recent)[-1] == f"m{RECENT - 1}"
    recent.heard([said(99, text="茶" * RECENT_BYTES)])
    assert shown(recent) == []


def test_recalled_ones_and_those_of_silenced_speakers_are_gone() -> None:
    recent = RecentChat()
    recent.heard([said(1), said(2, "bob"), said(3, "eve"), said(4)])
    assert shown(recent) == ["m1", "m2", "m3", "m4"]
    recent.recalled("m1")
    recent.recalled("unknown")
    assert shown(recent) == ["m2", "m3", "m4"]
    recent.silenced({"eve"})
    assert shown(recent) == ["m2", "m4"]
    assert recent.oldest_at is not None
    recent.forget()
    assert shown(recent) == [] and recent.oldest_at is None
