from __future__ import annotations

import pytest

from client_sim.notices import Fault, Joined, Lost, Moved, Reloaded, Reply, Talk, Told, Violation
from client_sim.session import PROBES, WELCOME_TIMEOUT_MS, Phase, violations
from schemas.codes import ErrorCode
from schemas.commands import DanmakuSend, Like, Ping
from schemas.events import (
    DanmakuAccepted,
    Error,
    Kicked,
    Pong,
    ProductMounted,
    ProductPinned,
    RoomState,
    RoomUpdated,
)
from tests.client_sim.driving import Bench
from tests.client_sim.room_model import NOW, batch, chat, product, snapshot, welcome


def faults(notices: object) -> list[Fault]:
    return [violation.fault for violation in violations(notices)]  # type: ignore[arg-type]


def test_the_first_hello_has_a_token_and_nothing_to_resume() -> None:
    bench = Bench()
    assert bench.connect() == {"type": "hello", "token": "t"}
    assert bench.session.phase is Phase.OPENING


def test_a_welcome_loads_the_snapshot_and_starts_the_clock() -> None:
    bench = Bench()
    room = snapshot(products=[{"sku": "a", "title": "A", "price": 9, "available": 4}])
    notices = bench.join(room, seq=41)
    assert [type(notice) for notice in notices] == [Joined, Reloaded]
    assert (bench.session.phase, bench.session.epoch, bench.session.seq) == (Phase.LIVE, "e1", 41)
    assert bench.session.replica.stock() == {"a": 4}
    assert bench.session.clock.offset == NOW - bench.now


def test_coming_back_it_says_where_it_stopped() -> None:
    bench = Bench()
    bench.join(seq=41)
    bench.hear(RoomUpdated(seq=42, announcement="hi"))
    (lost,) = bench.lose()
    assert isinstance(lost, Lost)
    assert lost.retry_at is not None
    assert lost.retry_at <= bench.now + 500
    assert bench.connect()["resume"] == {"epoch": "e1", "seq": 42}


def test_it_comes_back_when_it_was_told_to_and_not_before() -> None:
    bench = Bench()
    bench.connect()
    (told,) = bench.hear(Error(code=ErrorCode.RATE_LIMITED, message="too many joins", retry_after_ms=7_000))
    assert isinstance(told, Told)
    (lost,) = bench.lose(4003)
    assert isinstance(lost, Lost) and lost.retry_at is not None
    assert bench.now + 7_000 <= lost.retry_at <= bench.now + 7_500
    bench.connect()
    (again,) = bench.lose()
    assert isinstance(again, Lost) and again.retry_at is not None
    assert again.retry_at <= bench.now + 1_000, "the advice was for that time only"


def test_an_error_that_answers_a_command_delays_no_return() -> None:
    bench = Bench()
    bench.join(seq=1)
    bench.hear(Error(code=ErrorCode.RATE_LIMITED, message="too many danmaku", retry_after_ms=60_000))
    (lost,) = bench.lose()
    assert isinstance(lost, Lost) and lost.retry_at is not None
    assert lost.retry_at <= bench.now + 500


def test_recovered_means_every_missed_event_and_no_snapshot() -> None:
    bench = Bench()
    bench.join(seq=1)
    bench.lose()
    bench.connect()
    notices = bench.hear(
        welcome(seq=3, recovered=True),
        ProductMounted(product=product("a"), seq=2),
        ProductPinned(sku="a", seq=3),
        RoomState(server_time=NOW, stock={"a": 1}),
    )
    assert faults(notices) == []
    assert [notice.event.seq for notice in notices if isinstance(notice, Moved)] == [2, 3]
    assert bench.session.replica.pinned == "a"
    assert bench.session.replica.stock() == {"a": 1}


def test_a_recovery_that_is_partial_is_a_fault_and_the_next_hello_asks_for_a_snapshot() -> None:
    bench = Bench()
    bench.join(seq=1)
    bench.lose()
    bench.connect()
    notices = bench.hear(welcome(seq=3, recovered=True), RoomUpdated(seq=2))
    assert faults(notices) == [Fault.PARTIAL_RECOVERY]
    assert bench.session.wants_close is not None
    bench.lose(1000)
    assert "resume" not in bench.connect()


def test_nothing_missed_is_a_complete_recovery() -> None:
    bench = Bench()
    bench.join(seq=5)
    bench.lose()
    bench.connect()
    assert faults(bench.hear(welcome(seq=5, recovered=True))) == []


def test_an_unasked_recovery_is_a_fault() -> None:
    bench = Bench()
    bench.connect()
    assert faults(bench.hear(welcome(seq=5, recovered=True))) == [Fault.MALFORMED]


def test_a_welcome_without_room_and_without_recovery_is_a_fault() -> None:
    bench = Bench()
    bench.connect()
    assert faults(bench.hear(welcome(seq=5))) == [Fault.MALFORMED]
    assert bench.session.wants_close is not None
    assert bench.session.phase is Phase.OPENING


def test_a_room_that_went_back_in_one_epoch_is_a_fault_and_a_new_epoch_is_not() -> None:
    bench = Bench()
    bench.join(seq=9)
    bench.lose()
    assert faults(bench.join(seq=8)) == [Fault.WENT_BACK]
    bench.lose()
    assert faults(bench.join(seq=2, epoch="e2")) == []
    assert (bench.session.epoch, bench.session.seq) == ("e2", 2)


def test_a_gap_is_told_once_nothing_is_applied_past_it_and_the_socket_is_given_up() -> None:
    bench = Bench()
    bench.join(seq=1)
    notices = bench.hear(RoomUpdated(seq=3, announcement="three"), RoomUpdated(seq=4, announcement="four"))
    assert faults(notices) == [Fault.GAP]
    assert bench.session.wants_close == (1000, "gap")
    assert (bench.session.seq, bench.session.replica.announcement) == (1, None)
    bench.lose(1000)
    assert bench.connect()["resume"] == {"epoch": "e1", "seq": 1}
    assert bench.session.wants_close is None


def test_what_comes_late_after_a_gap_is_out_of_order() -> None:
    bench = Bench()
    bench.join(seq=1)
    assert faults(bench.hear(RoomUpdated(seq=3), RoomUpdated(seq=2))) == [Fault.GAP, Fault.OUT_OF_ORDER]


def test_a_duplicate_is_told_and_not_applied_again() -> None:
    bench = Bench()
    bench.join(seq=1)
    bench.hear(RoomUpdated(seq=2, announcement="two"))
    assert faults(bench.hear(RoomUpdated(seq=2, announcement="again"))) == [Fault.DUPLICATE]
    assert bench.session.replica.announcement == "two"
    assert bench.session.wants_close is None


def test_events_before_the_welcome_are_a_fault_but_a_refusal_is_not() -> None:
    bench = Bench()
    bench.connect()
    assert faults(bench.hear(RoomUpdated(seq=1))) == [Fault.BEFORE_WELCOME]
    (told,) = bench.hear(Error(code=ErrorCode.UNAUTHORIZED, message="no"))
    assert isinstance(told, Told)


def test_a_malformed_message_is_a_fault_and_the_session_goes_on() -> None:
    bench = Bench()
    bench.join()
    assert faults(bench.session.received(b"[{]", bench.now)) == [Fault.MALFORMED]
    assert bench.session.phase is Phase.LIVE


def test_chat_is_handed_out_and_its_arrival_noted_on_the_servers_clock() -> None:
    bench = Bench()
    bench.join()
    bench.now += 30
    (talk,) = bench.hear(chat("a"), chat("b"))
    assert isinstance(talk, Talk)
    assert [message.text for message in talk.messages] == ["a", "b"]


def test_chat_beside_a_sequenced_event_is_not_forgotten() -> None:
    bench = Bench()
    bench.join()
    notices = bench.hear(RoomUpdated(seq=1, announcement="x"), chat("a"))
    assert [type(notice) for notice in notices] == [Moved, Talk]


def test_state_after_a_mount_in_one_batch_has_the_last_word() -> None:
    bench = Bench()
    bench.join()
    bench.hear(
        ProductMounted(product=product("a", available=10), seq=1), RoomState(server_time=1, stock={"a": 9})
    )
    assert bench.session.replica.stock() == {"a": 9}


def test_probes_first_then_a_ping_each_heartbeat() -> None:
    bench = Bench()
    bench.join(heartbeat_ms=10_000)
    pings = 0
    for _ in range(PROBES):
        bench.now = bench.session.deadline()
        bench.session.tick(bench.now)
        (ping,) = bench.sent_of("ping")
        bench.hear(Pong(id=ping["id"], client_time=ping["client_time"], server_time=NOW))
        pings += 1
    assert bench.session.clock.samples == pings
    assert 7_900 <= bench.session.deadline() - bench.now <= 10_000
    bench.tick(7_000)
    assert bench.sent_of("ping") == []
    bench.tick(3_000)
    assert len(bench.sent_of("ping")) == 1


def test_a_silent_server_is_given_up() -> None:
    bench = Bench()
    bench.join(heartbeat_ms=10_000)
    bench.tick(19_999)
    assert bench.session.wants_close is None
    bench.tick(1)
    assert bench.session.wants_close == (1000, "server is silent")


def test_a_server_that_does_not_welcome_is_given_up() -> None:
    bench = Bench()
    bench.connect()
    assert bench.session.deadline() == bench.now + WELCOME_TIMEOUT_MS
    bench.tick(WELCOME_TIMEOUT_MS)
    assert bench.session.wants_close == (1000, "no welcome")


@pytest.mark.parametrize("code", [None, 1000, 1001, 1006, 1009, 1011, 4000, 4001, 4003, 4499])
def test_these_closes_come_back(code: int | None) -> None:
    bench = Bench()
    bench.join()
    (lost,) = bench.lose(code)
    assert isinstance(lost, Lost)
    assert lost.retry_at is not None
    assert bench.session.phase is Phase.WAITING


@pytest.mark.parametrize("code", [4500, 4502, 4505, 4999])
def test_these_closes_are_final(code: int) -> None:
    bench = Bench()
    bench.join()
    (lost,) = bench.lose(code)
    assert lost == Lost(code, "", None)
    assert bench.session.phase is Phase.FINAL
    assert bench.session.deadline() == float("inf")
    assert bench.lose() == []
    with pytest.raises(RuntimeError, match="final"):
        bench.session.opened(bench.now)


def test_the_waits_grow_until_a_welcome() -> None:
    bench = Bench()
    waits = []
    for _ in range(60):
        bench.session.opened(bench.now)
        (lost,) = bench.lose()
        assert isinstance(lost, Lost)
        assert lost.retry_at is not None
        waits.append(lost.retry_at - bench.now)
    assert max(waits) > 5_000
    bench.join()
    (lost,) = bench.lose()
    assert isinstance(lost, Lost)
    assert lost.retry_at is not None
    assert lost.retry_at - bench.now <= 500


def test_a_command_gets_its_one_reply_with_the_time_it_took() -> None:
    bench = Bench()
    bench.join()
    name = bench.session.command(DanmakuSend(text="hi"), bench.now)
    (said,) = bench.sent_of("danmaku.send")
    assert said["id"] == name
    bench.now += 12
    (reply,) = bench.hear(DanmakuAccepted(id=name, message="m1"))
    assert isinstance(reply, Reply)
    assert (reply.id, reply.after_ms, reply.error) == (name, 12.0, None)
    assert faults(bench.hear(DanmakuAccepted(id=name, message="m1"))) == [Fault.MALFORMED]


def test_a_refused_command_has_an_error() -> None:
    bench = Bench()
    bench.join()
    name = bench.session.command(DanmakuSend(text="hi"), bench.now)
    (reply,) = bench.hear(Error(id=name, code=ErrorCode.MUTED, message="muted"))
    assert isinstance(reply, Reply)
    assert reply.error is not None
    assert reply.error.code is ErrorCode.MUTED


def test_a_lost_socket_answers_every_command_with_nothing() -> None:
    bench = Bench()
    bench.join()
    bench.session.command(Like(count=3), bench.now)
    name = bench.session.command(DanmakuSend(text="hi"), bench.now)
    reply, lost = bench.lose()
    assert isinstance(reply, Reply)
    assert (reply.id, reply.event) == (name, None)
    assert isinstance(lost, Lost)
    assert bench.sent() == []


def test_commands_need_a_live_session() -> None:
    bench = Bench()
    with pytest.raises(RuntimeError, match="expected a live session, it is waiting"):
        bench.session.command(Ping(), bench.now)


def test_being_kicked_is_told_and_then_final() -> None:
    bench = Bench()
    bench.join()
    (told,) = bench.hear(Kicked(reason="spam"))
    assert isinstance(told, Told)
    assert bench.lose(4502) == [Lost(4502, "", None)]


def test_a_second_welcome_is_a_fault() -> None:
    bench = Bench()
    bench.join(seq=3)
    assert faults(bench.hear(welcome(snapshot(), seq=9))) == [Fault.MALFORMED]
    assert bench.session.seq == 3


def test_msgpack_sessions_speak_msgpack() -> None:
    import msgpack

    from client_sim.session import ClientSession
    from client_sim.wire import Encoding
    from schemas.codecs import MSGPACK

    session = ClientSession(encoding=Encoding.MSGPACK, token="t")
    session.opened(0.0)
    (hello,) = session.take()
    assert msgpack.unpackb(hello) == {"type": "hello", "token": "t"}
    session.received(MSGPACK.join([MSGPACK.encode(welcome(snapshot(), seq=7))]), 5.0)
    assert session.seq == 7


def test_violations_picks_the_broken_promises() -> None:
    broken = Violation(Fault.GAP, "x")
    assert violations([Reloaded("e", 1), broken]) == [broken]
    assert batch() == b"[]"
