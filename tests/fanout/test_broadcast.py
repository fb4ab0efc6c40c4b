"""The broadcast over recording links: who gets which bytes, when, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from schemas.codecs import JSON, MSGPACK, Codec
from schemas.codes import CloseCode, Role
from schemas.events import Danmaku, Pong, ProductUnmounted
from schemas.models import User
from server.fanout.broadcast import SEQUENCED_PENDING, Broadcast
from server.fanout.member import Member
from server.fanout.outbox import Outbox
from server.settings import FanoutSettings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_blocks_the_loop")]


class RecordingLink:
    """Keeps bare messages; `stuck` bytes stand for a transport that does not drain."""

    framed = deflate = False
    descriptor = -1

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.stuck = 0

    @property
    def write(self) -> Callable[[bytes], object]:
        return self.written.append

    def is_open(self) -> bool:
        return self.closed is None

    def buffered(self) -> int:
        return self.stuck

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def events(self) -> list[dict[str, Any]]:
        return [event for message in self.written for event in orjson.loads(message)]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


SETTINGS = FanoutSettings(tick_ms=20, chat_budget=3, hard_mark=100, slow_timeout_ms=1_000)


def room(clock: Clock | None = None, settings: FanoutSettings = SETTINGS) -> Broadcast:
    return Broadcast(settings, clock or Clock(), asyncio.get_running_loop())


def viewer(
    broadcast: Broadcast, user: str | None = None, codec: Codec = JSON
) -> tuple[Member, RecordingLink]:
    link = RecordingLink()
    member = Member(link, codec, Outbox(SETTINGS.hard_mark, SETTINGS.slow_timeout_ms), user, control=False)
    broadcast.join(member)
    return member, link


def said(number: int, speaker: str = "a") -> Danmaku:
    user = User(id=speaker, name=speaker, role=Role.VIEWER)
    return Danmaku(message=f"m{number}", user=user, text="hi", at=number)


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_quiet_room_flushes_in_the_next_turn_and_a_busy_one_once_per_tick() -> None:
    broadcast = room()
    _, link = viewer(broadcast)
    broadcast.sequenced(ProductUnmounted(sku="a", seq=1))
    await turn()
    assert len(link.written) == 1
    for number in range(5):
        broadcast.chat(said(number))
        await turn()
    assert len(link.written) == 1, "within the tick nothing more goes out"
    async with asyncio.timeout(5):
        while len(link.written) < 2:
            await asyncio.sleep(0.005)
    assert link.types()[1:] == ["danmaku.skipped", "danmaku", "danmaku", "danmaku"]


async def test_members_of_one_codec_get_the_same_object() -> None:
    broadcast = room()
    links = [viewer(broadcast)[1] for _ in range(3)]
    _, other = viewer(broadcast, codec=MSGPACK)
    broadcast.sequenced(ProductUnmounted(sku="a", seq=1))
    broadcast.flush()
    assert links[0].written[0] is links[1].written[0] is links[2].written[0]
    assert other.written[0] != links[0].written[0]


async def test_lanes_are_written_in_their_order() -> None:
    broadcast = room()
    _, link = viewer(broadcast)
    broadcast.chat(said(1))
    broadcast.state(("online", ""), 5)
    broadcast.sequenced(ProductUnmounted(sku="a", seq=1))
    broadcast.flush()
    assert link.types() == ["product.unmounted", "room.state", "danmaku"]


async def test_direct_events_wait_for_no_tick() -> None:
    broadcast = room()
    member, link = viewer(broadcast, "u1")
    broadcast.chat(said(1))
    member.send(Pong(id=1, client_time=0, server_time=0))
    assert link.types() == ["pong"]


async def test_a_slow_member_keeps_the_lossless_lane_and_is_told_what_it_missed() -> None:
    broadcast = room()
    member, link = viewer(broadcast)
    _, healthy = viewer(broadcast)
    broadcast.paused(member)
    for number in range(2):
        broadcast.sequenced(ProductUnmounted(sku=str(number), seq=number + 1))
        broadcast.state(("online", ""), number)
        broadcast.chat(said(number))
        broadcast.flush()
    assert link.types() == ["product.unmounted", "product.unmounted"]
    assert healthy.types().count("danmaku") == 2
    broadcast.resumed(member)
    assert link.events()[2:] == [
        {"type": "room.state", "server_time": Clock.now, "online": 1},
        {"type": "danmaku.skipped", "count": 2},
    ]
    broadcast.chat(said(9))
    broadcast.flush()
    assert link.types()[-1] == "danmaku"


async def test_a_member_over_the_hard_mark_is_closed_with_4001_and_others_go_on() -> None:
    broadcast = room()
    member, link = viewer(broadcast, "u1")
    _, healthy = viewer(broadcast)
    broadcast.paused(member)
    link.stuck = SETTINGS.hard_mark + 1
    broadcast.chat(said(1))
    broadcast.flush()
    assert link.closed == (CloseCode.SLOW, "slow")
    assert len(broadcast) == 1 and broadcast.of_user("u1") == []
    broadcast.chat(said(2))
    broadcast.flush()
    assert link.types() == [] and healthy.types() == ["danmaku", "danmaku"]


async def test_a_member_that_stays_slow_too_long_is_closed_by_the_sweep() -> None:
    clock = Clock()
    broadcast = room(clock)
    member, link = viewer(broadcast)
    broadcast.paused(member)
    clock.now += SETTINGS.slow_timeout_ms
    broadcast.sweep()
    assert link.closed is None
    clock.now += 1
    broadcast.sweep()
    assert link.closed == (CloseCode.SLOW, "slow")


async def test_replies_to_a_member_that_does_not_read_are_bounded_too() -> None:
    broadcast = room()
    member, link = viewer(broadcast)
    broadcast.paused(member)
    link.stuck = SETTINGS.hard_mark + 1
    broadcast.direct([member], Pong(id=1, client_time=0, server_time=0))
    assert link.closed == (CloseCode.SLOW, "slow")


async def test_a_speaker_sees_their_own_words_when_they_were_sampled_away() -> None:
    broadcast = room()
    _, loud = viewer(broadcast, "loud")
    _, other = viewer(broadcast, "other")
    for number in range(SETTINGS.chat_budget + 2):
        broadcast.chat(said(number, "loud"))
    broadcast.flush()
    assert other.types().count("danmaku") == SETTINGS.chat_budget
    assert loud.types().count("danmaku") == SETTINGS.chat_budget + 2
    assert {"type": "danmaku.skipped", "count": 2} in other.events()


async def test_a_joiner_is_not_told_what_was_said_before() -> None:
    broadcast = room()
    _, first = viewer(broadcast)
    broadcast.sequenced(ProductUnmounted(sku="a", seq=1))
    _, joiner = viewer(broadcast)
    broadcast.flush()
    assert first.types() == ["product.unmounted"]
    assert joiner.types() == []


async def test_leaving_is_idempotent_and_final() -> None:
    broadcast = room()
    member, link = viewer(broadcast, "u1")
    broadcast.leave(member)
    broadcast.leave(member)
    broadcast.chat(said(1))
    broadcast.flush()
    assert len(broadcast) == 0 and link.written == []
    assert member.send(Pong(id=1, client_time=0, server_time=0)) is False


async def test_too_many_sequenced_events_do_not_wait_for_the_tick() -> None:
    broadcast = room(settings=FanoutSettings(tick_ms=10_000))
    _, link = viewer(broadcast)
    broadcast.sequenced(ProductUnmounted(sku="first", seq=0))
    await turn()
    for number in range(SEQUENCED_PENDING + 1):
        broadcast.sequenced(ProductUnmounted(sku=str(number), seq=number + 1))
    assert len(link.events()) == SEQUENCED_PENDING + 2


async def test_a_link_that_pauses_while_it_is_written_does_not_disturb_the_loop() -> None:
    broadcast = room()
    pausing: list[Member] = []

    class PausingLink(RecordingLink):
        @property
        def write(self) -> Callable[[bytes], object]:
            def write(data: bytes) -> None:
                self.written.append(data)
                broadcast.paused(pausing[0])

            return write

    link = PausingLink()
    member = Member(link, JSON, Outbox(100, 1_000), None, control=False)
    pausing.append(member)
    broadcast.join(member)
    _, after = viewer(broadcast)
    broadcast.chat(said(1))
    broadcast.flush()
    broadcast.chat(said(2))
    broadcast.flush()
    assert link.types() == ["danmaku"] and after.types() == ["danmaku", "danmaku"]


async def test_numbers_wait_longer_than_words_but_not_a_stock_of_nothing() -> None:
    broadcast = room(settings=FanoutSettings(tick_ms=20, state_ms=60_000))
    _, link = viewer(broadcast)
    broadcast.state(("stock", "a"), 9)
    await turn()
    assert [event["stock"] for event in link.events()] == [{"a": 9}], "quiet: at once"
    broadcast.state(("stock", "a"), 8)
    await asyncio.sleep(0.04)
    assert len(link.written) == 1
    broadcast.state(("stock", "a"), 0)
    async with asyncio.timeout(5):
        while len(link.written) < 2:
            await asyncio.sleep(0.005)
    assert link.events()[-1]["stock"] == {"a": 0}
    broadcast.state(("online", ""), 7)
    broadcast.chat(said(1))
    async with asyncio.timeout(5):
        while len(link.written) < 3:
            await asyncio.sleep(0.005)
    assert link.types()[-2:] == ["room.state", "danmaku"], "numbers ride along with words"
