"""A room too large for one turn: who gets what while a frame is under way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.codes import Role
from schemas.events import Danmaku, Pong, ProductUnmounted
from schemas.models import User
from server.fanout import broadcast as module
from server.fanout.member import Member
from server.settings import FanoutSettings
from tests.fanout.crowd import FakeLink, HandRoom, flowing, frames_of

STEP = 3
MANY = 500
SETTINGS = FanoutSettings(
    tick_ms=20, state_ms=20, chat_budget=2, soft_mark=1_024, hard_mark=10_000_000, deflate_threshold=200
)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOCKETS_AT_ONCE", STEP)
    monkeypatch.setattr(module, "SECTION", MANY)


def unmounted(seq: int, size: int = 1) -> ProductUnmounted:
    return ProductUnmounted(sku="x" * size, seq=seq)


def said(number: int, speaker: str = "a") -> Danmaku:
    user = User(id=speaker, name=speaker, role=Role.VIEWER)
    return Danmaku(message=f"m{number}", user=user, text="hi", at=number)


def sequence(link: FakeLink) -> list[int]:
    return [event["seq"] for event in link.events() if event["type"] == "product.unmounted"]


@pytest.mark.parametrize("direct", [True, False])
def test_a_large_room_is_written_in_steps_with_turns_between(direct: bool) -> None:
    room = HandRoom(SETTINGS, direct)
    links = [room.join()[1] for _ in range(2 * STEP + 1)]
    room.turn()
    room.broadcast.sequenced(unmounted(1))
    reached = []
    for _ in range(3):
        room.turn()
        reached.append(sum(bool(link.wire) for link in links))
    assert reached == [STEP, 2 * STEP, 2 * STEP + 1]


def test_who_joins_while_a_frame_is_under_way_does_not_get_it() -> None:
    room = HandRoom(SETTINGS)
    links = [room.join()[1] for _ in range(2 * STEP)]
    room.turn()
    room.broadcast.sequenced(unmounted(1))
    room.turn()
    _, late = room.join()
    room.calm()
    assert sequence(late) == [] and all(sequence(link) == [1] for link in links)
    room.broadcast.sequenced(unmounted(2))
    room.calm()
    assert sequence(late) == [2] and all(sequence(link) == [1, 2] for link in links)


def test_a_place_that_was_left_is_not_taken_while_a_frame_is_under_way() -> None:
    room = HandRoom(SETTINGS)
    members = [room.join() for _ in range(2 * STEP)]
    room.turn()
    room.broadcast.sequenced(unmounted(1))
    room.turn()
    gone, silent = members[-1]
    room.broadcast.leave(gone)
    silent.closed = True
    _, late = room.join()
    room.calm()
    assert sequence(late) == [] and silent.events() == []


def test_who_turns_slow_before_their_turn_still_gets_the_lossless_part() -> None:
    room = HandRoom(SETTINGS)
    members = [room.join() for _ in range(2 * STEP)]
    room.turn()
    room.broadcast.sequenced(unmounted(1))
    room.broadcast.chat(said(1))
    room.turn()
    last, link = members[-1]
    link.stuck = True
    room.broadcast.reply(last, unmounted(0, size=2_000))
    assert not flowing(last)
    room.calm()
    types = [event["type"] for event in link.events()]
    assert types == ["product.unmounted", "product.unmounted", "danmaku.skipped"]
    assert sequence(link) == [0, 1]


def test_a_reply_is_not_overtaken() -> None:
    room = HandRoom(SETTINGS)
    member, link = room.join("ann")
    room.turn()
    room.broadcast.reply(member, Pong(id=1, client_time=0, server_time=0))
    room.broadcast.flush()
    room.broadcast.sequenced(unmounted(1))
    room.broadcast.flush()
    room.calm()
    assert [event["type"] for event in link.events()] == ["pong", "product.unmounted"]


def test_a_frame_that_was_taken_in_part_is_completed_by_the_transport() -> None:
    room = HandRoom(SETTINGS)
    _, link = room.join()
    room.turn()
    link.stuck, room.sender.takes = True, 5
    for seq in (1, 2, 3):
        room.broadcast.sequenced(unmounted(seq))
        room.broadcast.flush()
    assert len(link.wire) == 5 and link.held
    room.calm()
    assert sequence(link) == [1, 2, 3]


def test_too_many_deliveries_are_not_kept_waiting() -> None:
    room = HandRoom(SETTINGS)
    links = [room.join()[1] for _ in range(2 * STEP)]
    room.turn()
    for seq in range(1, 21):
        room.broadcast.sequenced(unmounted(seq))
        room.broadcast.flush()
        assert len(room.broadcast._deliveries) <= module.DELIVERIES
    room.calm()
    assert all(sequence(link) == list(range(1, 21)) for link in links)


def test_a_room_that_emptied_closes_its_holes() -> None:
    room = HandRoom(SETTINGS)
    members = [room.join()[0] for _ in range(300)]
    room.calm()
    for member in members[:-2]:
        room.broadcast.leave(member)
        member.link.close(1000, "")
    room.broadcast.sequenced(unmounted(1))
    room.calm()
    (roster,) = room.broadcast._sections[0].rosters
    assert len(roster) == roster.count == 2
    room.broadcast.sequenced(unmounted(2))
    room.calm()
    for member in members[-2:]:
        link: Any = member.link
        assert sequence(link) == [1, 2]


def test_what_is_said_while_the_first_are_written_to_is_not_late_for_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECTION", STEP)
    room = HandRoom(SETTINGS)
    links = [room.join()[1] for _ in range(3 * STEP)]
    room.turn()
    room.broadcast.sequenced(unmounted(1))
    room.turn()
    room.broadcast.sequenced(unmounted(2))
    room.turn()
    room.turn()
    assert [sequence(link) for link in links[::STEP]] == [[1], [1, 2], [1, 2]]
    frames = [len(frames_of(bytes(link.wire))) for link in links[::STEP]]
    assert frames == [1, 1, 1]
    room.calm()
    assert all(sequence(link) == [1, 2] for link in links)


def test_a_section_that_was_told_for_a_newcomer_is_not_told_nothing_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECTION", STEP)
    room = HandRoom(SETTINGS)
    links = [room.join()[1] for _ in range(2 * STEP - 1)]
    room.turn()
    room.broadcast.sequenced(unmounted(1))
    room.turn()
    _, late = room.join()
    room.calm()
    assert sequence(late) == [] and all(sequence(link) == [1] for link in links)
    assert all(len(frames_of(bytes(link.wire))) == 1 for link in links)


def test_a_room_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    room = HandRoom(SETTINGS)
    _, link = room.join()
    room.turn()
    with monkeypatch.context() as broken:
        broken.setattr(room.sender, "send", lambda *arguments: 1 / 0)
        room.broadcast.sequenced(unmounted(1))
        with pytest.raises(ZeroDivisionError):
            room.turn()
    room.broadcast.sequenced(unmounted(2))
    room.calm()
    assert sequence(link) == [2]


def test_nothing_is_written_behind_a_close() -> None:
    room = HandRoom(FanoutSettings(soft_mark=1_024, hard_mark=1_024))
    members = [room.join() for _ in range(2 * STEP)]
    room.turn()
    last, link = members[-1]
    link.stuck = True
    for seq in (1, 2, 3):  # each on its way to others when the last one stops reading
        room.broadcast.sequenced(unmounted(seq, 600))
        room.broadcast.flush()
        _, late = room.join()
    room.broadcast.reply(last, unmounted(0, 2_000))
    assert link.closed and last.section is None
    room.calm()
    assert sequence(late) == []


def test_a_section_is_filled_before_another_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECTION", STEP)
    room = HandRoom(SETTINGS)
    members = [room.join("ann" if number in (0, 5) else None)[0] for number in range(2 * STEP)]
    assert [len(section) for section in room.broadcast._sections] == [STEP, STEP]
    room.broadcast.leave(members[0])
    room.join()
    room.join()
    assert [len(section) for section in room.broadcast._sections] == [STEP, STEP, 1]
    assert room.broadcast.of_user("ann") == [members[5]] and len(room.broadcast) == 2 * STEP + 1


class RoomMachine(RuleBasedStateMachine):
    """Whatever comes between the steps: every member hears every sequenced event from its joining on,
    once and in order, and whoever stays is told of each danmaku or that it was skipped."""

    def __init__(self) -> None:
        super().__init__()
        setattr(module, "SECTION", 5)  # noqa: B010 - the fixture puts it back
        self.room = HandRoom(SETTINGS)
        self.seq = 0
        self.said = 0
        self.members: list[tuple[Member, FakeLink, int]] = []
        self.residents = [self.room.join(deflate=bool(number % 2)) for number in range(4)]
        self.members += [(member, link, 0) for member, link in self.residents]

    @rule(deflate=st.booleans(), direct=st.booleans())
    def join(self, deflate: bool, direct: bool) -> None:
        member, link = self.room.join(deflate=deflate, direct=direct)
        self.members.append((member, link, self.seq))

    @precondition(lambda self: len(self.members) > 4)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        member, link, _ = self.members.pop(data.draw(st.integers(4, len(self.members) - 1)))
        self.room.broadcast.leave(member)
        link.closed = True

    @rule(size=st.sampled_from([1, 60, 1_100]))
    def event(self, size: int) -> None:
        self.seq += 1
        self.room.broadcast.sequenced(unmounted(self.seq, size))

    @rule(speaker=st.sampled_from("abc"), count=st.integers(1, 4))
    def speak(self, speaker: str, count: int) -> None:
        for _ in range(count):
            self.said += 1
            self.room.broadcast.chat(said(self.said, speaker))

    @rule(online=st.integers(0, 5))
    def count(self, online: int) -> None:
        self.room.broadcast.state(("online", ""), online)

    @rule(data=st.data(), takes=st.integers(0, 40))
    def stop_reading(self, data: st.DataObject, takes: int) -> None:
        self.room.sender.takes = takes
        data.draw(st.sampled_from(self.members))[1].stuck = True

    @rule(data=st.data())
    def read_on(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.members))[1].stuck = False

    @rule(data=st.data())
    def reply(self, data: st.DataObject) -> None:
        member, _, _ = data.draw(st.sampled_from(self.members))
        self.room.broadcast.reply(member, Pong(id=1, client_time=0, server_time=0))

    @rule(turns=st.integers(1, 3))
    def turn(self, turns: int) -> None:
        for _ in range(turns):
            self.room.turn()

    @rule(milliseconds=st.integers(1, 40))
    def wait(self, milliseconds: int) -> None:
        self.room.loop.now += milliseconds / 1000
        self.room.turn()

    @invariant()
    def bounded(self) -> None:
        assert len(self.room.broadcast._deliveries) <= module.DELIVERIES
        assert len(self.room.broadcast) == len(self.members)

    def teardown(self) -> None:
        self.room.calm()
        for _, link, since in self.members:
            assert sequence(link) == list(range(since + 1, self.seq + 1))
            assert b"[]" not in frames_of(bytes(link.wire)), "a frame with nothing to tell"
        for _, link in self.residents:
            events = link.events()
            heard = sum(event["type"] == "danmaku" for event in events)
            skipped = sum(event["count"] for event in events if event["type"] == "danmaku.skipped")
            assert heard + skipped == self.said
            online = [event["online"] for event in events if "online" in event]
            latest = self.room.broadcast._sections[0].lanes.latest.get(("online", ""))
            assert online[-1:] == ([] if latest is None else [latest])


TestRoom = RoomMachine.TestCase
TestRoom.settings = hypothesis_settings(max_examples=150, stateful_step_count=40, deadline=None)
