"""The conversation's state machine, driven by messages and times."""

from __future__ import annotations

import msgspec
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codecs import JSON
from schemas.codes import MAX_STRIKES, CloseCode, ErrorCode, Role
from schemas.commands import DanmakuSend, RoomStart
from schemas.events import Error, Pong
from server.gateway.session import MAX_EXCESS, Action, Admit, Close, Execute, Phase, Reply, Session
from server.settings import GatewaySettings
from server.trust.limits import Bucket

GATEWAY = GatewaySettings(hello_timeout_ms=5_000, heartbeat_ms=25_000, heartbeat_grace_ms=35_000)
HELLO = b'{"type":"hello"}'


def session(control: bool = False, rate: float = 0) -> Session:
    return Session(JSON, control, GATEWAY, Bucket(rate), now=0)


def live(role: Role = Role.VIEWER, control: bool = False, rate: float = 0) -> Session:
    opened = session(control, rate)
    assert isinstance(opened.received(HELLO, 0)[0], Admit)
    opened.admitted(role, 0)
    return opened


def only_error(actions: list[Action]) -> Error:
    (action,) = actions
    assert isinstance(action, Reply) and isinstance(action.event, Error)
    return action.event


def test_hello_opens_and_commands_run() -> None:
    (action,) = live().received(b'{"type":"danmaku.send","id":4,"text":"hi"}', 1)
    assert action == Execute(DanmakuSend(id=4, text="hi"))


def test_a_command_before_hello_is_refused_and_named() -> None:
    error = only_error(session().received(b'{"type":"ping","id":9}', 0))
    assert (error.code, error.id, error.field) == (ErrorCode.INVALID, 9, "type")


def test_a_second_hello_is_refused() -> None:
    assert only_error(live().received(HELLO, 1)).code is ErrorCode.INVALID


def test_ping_is_answered_by_the_session_itself() -> None:
    (action,) = live(Role.GUEST).received(b'{"type":"ping","id":1,"client_time":77}', 500)
    assert action == Reply(Pong(id=1, client_time=77, server_time=500))


def test_the_fifth_malformed_command_closes() -> None:
    opened = live()
    for _ in range(MAX_STRIKES - 1):
        assert only_error(opened.received(b"{", 1)).code is ErrorCode.INVALID
    *_, last = opened.received(b"{", 1)
    assert last == Close(CloseCode.PROTOCOL_ERROR)
    assert opened.phase is Phase.CLOSING
    assert opened.received(HELLO, 2) == []


def test_control_commands_belong_on_the_control_socket() -> None:
    message = b'{"type":"room.start","id":3}'
    assert only_error(live(Role.HOST).received(message, 1)).code is ErrorCode.FORBIDDEN
    assert live(Role.HOST, control=True).received(message, 1) == [Execute(RoomStart(id=3))]
    moderated = only_error(live(Role.MODERATOR, control=True).received(message, 1))
    assert (moderated.code, moderated.id) == (ErrorCode.FORBIDDEN, 3)


def test_a_guest_may_watch_but_not_speak() -> None:
    error = only_error(live(Role.GUEST).received(b'{"type":"danmaku.send","id":4,"text":"hi"}', 1))
    assert error.code is ErrorCode.UNAUTHORIZED


def test_a_flood_is_rate_limited_with_a_delay_and_pings_are_not() -> None:
    opened = live(rate=1)
    like = b'{"type":"like"}'
    assert isinstance(opened.received(like, 0)[0], Execute)
    error = only_error(opened.received(like, 0))
    assert error.code is ErrorCode.RATE_LIMITED and error.retry_after_ms == 1_000
    assert isinstance(opened.received(b'{"type":"ping"}', 0)[0], Reply)
    assert isinstance(opened.received(like, 1_000)[0], Execute)


def test_a_flood_that_goes_on_is_closed_and_a_burst_is_not() -> None:
    ping = b'{"type":"ping","id":1,"client_time":7}'
    for flood in ("frames", "pings", "commands"):
        opened = live(rate=10)
        for beat in range(1, 4):
            now = beat * 500
            for _ in range(MAX_EXCESS):
                if flood == "frames":
                    opened.poked()
                else:
                    opened.received(ping if flood == "pings" else b'{"type":"like","count":1}', now)
            close = opened.tick(now)
            # Of the commands some were within the limit.
            assert close is None, (flood, beat)
        for _ in range(2 * MAX_EXCESS):
            opened.poked()
        assert opened.tick(2_000) == Close(CloseCode.PROTOCOL_ERROR, "too many messages")
        assert opened.phase is Phase.CLOSING
    early = session()
    for _ in range(MAX_EXCESS + 1):
        early.poked()
    assert early.tick(1) == Close(CloseCode.PROTOCOL_ERROR, "too many messages"), "also before hello"


def test_no_hello_in_time() -> None:
    opened = session()
    assert opened.tick(4_999) is None
    assert opened.tick(5_000) == Close(CloseCode.NO_HELLO)
    assert opened.tick(9_000) is None, "said once"


def test_silence_closes_and_anything_heard_does_not() -> None:
    opened = live()
    opened.received(b'{"type":"ping"}', 50_000)
    assert opened.tick(109_999) is None
    assert opened.tick(110_000) == Close(CloseCode.NO_HEARTBEAT)


def test_a_socket_does_not_outlive_its_token() -> None:
    opened = session()
    opened.received(HELLO, 0)
    opened.admitted(Role.VIEWER, 0, expires_at=3_000)
    assert opened.tick(2_999) is None
    assert opened.tick(3_000) == Close(CloseCode.BAD_TOKEN, "the token has expired")


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([HELLO, b'{"type":"ping","id":1}', b'{"type":"like","count":0}', b"[]", b"null"]),
            st.dictionaries(st.text(max_size=6), st.integers() | st.text(max_size=4)).map(
                lambda fields: (
                    orjson.dumps({"type": "order.place", **fields}, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
                    if all(-(2**53) < v < 2**53 for v in fields.values() if isinstance(v, int))
                    else b"{}"
                )
            ),
        ),
        max_size=20,
    )
)
def test_no_input_escapes_and_strikes_are_exact(messages: list[bytes]) -> None:
    opened = session()
    strikes = 0
    for message in messages:
        for action in opened.received(message, 1):
            match action:
                case Admit():
                    opened.admitted(Role.VIEWER, 1)
                case Reply(event):
                    strikes += isinstance(event, Error) and event.code is ErrorCode.INVALID
                    assert msgspec.json.encode(event)
                case Close(code):
                    assert code is CloseCode.PROTOCOL_ERROR and strikes == MAX_STRIKES
    assert strikes <= MAX_STRIKES
