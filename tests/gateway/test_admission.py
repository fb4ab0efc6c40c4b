"""The welcome: with its parts encoded beforehand the same bytes as encoded as a whole."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest
from msgspec import UNSET, structs

from schemas.codecs import JSON, MSGPACK, Codec
from schemas.codes import CloseCode, ErrorCode, OrderStatus, Role, RoomStatus
from schemas.commands import Hello
from schemas.events import Danmaku, Error, Muted, ProductPinned, RoomState, Welcome
from schemas.models import Order, Product, Resume, RoomSnapshot, User
from server.gateway.admission import Admission, Refused, take_turn, welcome
from server.gateway.doorway import Doorway
from server.rooms.live import LiveRoom
from server.rooms.recent import RecentChat
from server.settings import Settings
from server.trust.tokens import Tokens
from server.trust.turnstile import Turnstile

NOW = 1_790_000_000_000
SNAPSHOT = RoomSnapshot(
    id="r",
    title="茶",
    status=RoomStatus.LIVE,
    currency="CNY",
    hosts=["h"],
    products=[Product(sku=f"s{number}", title="T", price=1) for number in range(20)],
)
NUMBERS = RoomState(server_time=NOW, online=3)
USER = User(id="u", name="安", role=Role.VIEWER)
ORDER = Order(
    order="o",
    request_id="q",
    sku="s1",
    sale=None,
    quantity=1,
    amount=1,
    currency="CNY",
    status=OrderStatus.PAID,
    version=2,
    reserved_at=NOW,
    expires_at=NOW,
)


def admission(codec: Codec, recent: RecentChat | None = None) -> Admission:
    room = SimpleNamespace(
        state=SimpleNamespace(epoch="e", seq=70_000),
        encoded_snapshot=lambda asked: asked.encode(SNAPSHOT),
        numbers=lambda now: NUMBERS,
        recent=recent or RecentChat(),
    )
    return Admission(USER, 0, False, cast(LiveRoom, room), [ORDER], 0)


def door(joins: Turnstile | None = None, draining: bool = False) -> Doorway:
    fields = {"clock": lambda: NOW, "settings": Settings(), "joins": joins, "draining": draining}
    return cast(Doorway, SimpleNamespace(**fields))


def whole(recovered: bool) -> Welcome:
    return Welcome(
        session="x",
        user=USER,
        epoch="e",
        seq=70_000,
        server_time=NOW,
        recovered=recovered,
        room=UNSET if recovered else SNAPSHOT,
        orders=[ORDER],
    )


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
@pytest.mark.parametrize("resume", [None, Resume(epoch="e", seq=1)], ids=["new", "lost"])
def test_a_welcome_with_the_room(codec: Codec, resume: Resume | None) -> None:
    batch = welcome(door(), codec, admission(codec), "x", resume, None)
    assert batch == [codec.encode(whole(recovered=False))]
    assert codec.decode_batch(codec.join(batch)) == [whole(recovered=False)]


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_a_welcome_with_what_was_missed(codec: Codec, count: int) -> None:
    events = [ProductPinned(sku=None, seq=69_981 + number) for number in range(count)]
    missed = [codec.encode(event) for event in events]
    batch = welcome(door(), codec, admission(codec), "x", Resume(epoch="e", seq=1), missed)
    assert codec.decode_batch(codec.join(batch)) == [whole(recovered=True), *events, NUMBERS]
    assert missed == [codec.encode(event) for event in events], "shared with others who resume"


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
def test_a_muted_user_is_told_right_behind_the_welcome(codec: Codec) -> None:
    muted = Muted(until=NOW + 60_000, reason="spam")
    admitted = replace(admission(codec), muted=muted)
    batch = welcome(door(), codec, admitted, "x", None, None)
    assert codec.decode_batch(codec.join(batch)) == [whole(recovered=False), muted]
    pin = ProductPinned(sku=None, seq=70_000)
    batch = welcome(door(), codec, admitted, "x", Resume(epoch="e", seq=1), [codec.encode(pin)])
    assert codec.decode_batch(codec.join(batch)) == [whole(recovered=True), muted, pin, NUMBERS]


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
def test_what_was_last_said_stands_in_the_welcome_of_who_starts_anew(codec: Codec) -> None:
    lines = [Danmaku(message=f"m{number}", user=USER, text="茶", at=NOW) for number in range(20)]
    recent = RecentChat()
    recent.heard(lines)
    admitted = admission(codec, recent)
    expected = structs.replace(whole(recovered=False), recent=lines)
    batch = welcome(door(), codec, admitted, "x", None, None)
    assert batch == [codec.encode(expected)]
    assert codec.decode_batch(codec.join(batch)) == [expected]
    batch = welcome(door(), codec, admitted, "x", Resume(epoch="e", seq=1), [])
    assert codec.decode_batch(codec.join(batch)) == [whole(recovered=True), NUMBERS]


def test_a_turn_is_taken_or_the_time_is_told() -> None:
    full = door(Turnstile(10, 1))
    take_turn(full, Hello())
    with pytest.raises(Refused) as refused:
        take_turn(full, Hello())
    assert refused.value.code is CloseCode.OVER_CAPACITY and refused.value.why == "joins"
    said = Error(code=ErrorCode.RATE_LIMITED, message="too many joins", retry_after_ms=100)
    assert refused.value.event == said


def test_a_bad_token_takes_nobodys_turn() -> None:
    full = door(Turnstile(10, 1))
    full.tokens = Tokens("k" * 32)
    for _ in range(5):
        with pytest.raises(Refused) as refused:
            take_turn(full, Hello(token="x.y.z"))
        assert refused.value.code is CloseCode.BAD_TOKEN
    take_turn(full, Hello(token=full.tokens.sign("ann", Role.VIEWER, now=NOW)))


def test_a_draining_door_takes_nobody() -> None:
    with pytest.raises(Refused) as refused:
        take_turn(door(Turnstile(0), draining=True), Hello())
    assert refused.value.code is CloseCode.DRAINING
