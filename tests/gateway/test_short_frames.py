"""Messages taken out before the parser: the same as through it, wherever the bytes are cut."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.protocol import Protocol, Side, State

from server.gateway import stream
from server.gateway.short_frames import between_frames, short_frame
from server.gateway.stream import FrameStream
from tests.depth import rounds

LONGEST = 300
MASK = b"\x01\x02\x03\x04"
CLOSING = (b"close", b"\xff")
"""Messages that end the conversation."""


class Transport(asyncio.Transport):
    """Remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Listener:
    """Remembers what was heard; closes at a message of the test's choosing."""

    def __init__(self) -> None:
        self.heard_: list[object] = []
        self.stream: FrameStream | None = None

    def heard(self, data: bytes, text: bool) -> None:
        self.heard_.append((bytes(data), text))
        if data == b"close" and self.stream is not None:
            self.stream.close(4001, "told to")

    def wrote(self) -> None: ...

    def poked(self) -> None:
        self.heard_.append("poked")

    def paused(self) -> None: ...

    def resumed(self) -> None: ...

    def gone(self) -> None:
        self.heard_.append("gone")


def opened() -> Protocol:
    return Protocol(Side.SERVER, state=State.OPEN, max_size=LONGEST)


async def converse(pieces: list[bytes]) -> tuple[list[object], bytes, bool]:
    listener, transport = Listener(), Transport()
    listener.stream = FrameStream(transport, opened(), set(), listener, 1_000, 1_000)
    for piece in pieces:
        listener.stream.data_received(piece)
    for _ in range(100):  # what was read at once is heard in turns
        await asyncio.sleep(0)
    listener.stream.connection_lost(None)
    return listener.heard_, transport.written, transport.closed


def wire(opcode: int, data: bytes, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """Its mask is always the same."""
    first = bytes([opcode | 0x80 * fin | 0x40 * rsv1])
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return first + length + _masked(data)


def _masked(data: bytes) -> bytes:
    return MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(data))


messages = st.one_of(
    st.text(max_size=4).map(str.encode),
    st.sampled_from([*CLOSING, "你好".encode(), b"x" * 125, b"x" * 126, b"x" * LONGEST, b"y" * 301]),
)
frames = st.one_of(
    st.builds(wire, st.sampled_from([1, 1, 1, 2]), messages),
    st.builds(wire, st.sampled_from([1, 2]), messages, fin=st.just(False)),
    st.builds(wire, st.just(0), messages, fin=st.booleans()),
    st.builds(wire, st.sampled_from([9, 10]), st.binary(max_size=5)),
    st.builds(wire, st.just(8), st.sampled_from([b"", b"\x03\xe8"])),
    st.sampled_from([b"\x81\x05hello", b"\xc1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x81\xfe\0\x01\0\0\0\0a"]),
)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(
    max_examples=rounds(150, 2_000),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@example(sent=[wire(1, b"close"), wire(9, b""), wire(0, b"", fin=False)], cuts=[])
@given(sent=st.lists(frames, max_size=12), cuts=st.lists(st.integers(0, 3_000), max_size=8))
def test_the_same_is_heard_and_answered(runner: asyncio.Runner, sent: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(sent)
    ends = sorted({cut for cut in cuts if cut < len(whole)})
    pieces = [whole[a:b] for a, b in zip([0, *ends], [*ends, len(whole)], strict=True) if a < b]
    short = runner.run(converse(pieces))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "between_frames", lambda websocket: False)
        through_the_parser = runner.run(converse(pieces))
    assert short[0] == through_the_parser[0]
    # Behind a message that closes, the parser reads on and may answer before the message is heard.
    if not any(_masked(one) in whole for one in CLOSING):
        assert short == through_the_parser


def test_what_is_taken_and_what_is_left() -> None:
    text, binary = wire(1, b"abc"), wire(2, b"x" * 200)
    assert short_frame(text + b"rest", 0, LONGEST) == (True, b"abc", len(text))
    assert short_frame(text + binary, len(text), LONGEST) == (False, b"x" * 200, len(text + binary))
    for left in (
        b"",
        text[:-1],
        binary[:3],
        wire(1, b"x" * 301),
        wire(1, b"abc", fin=False),
        wire(1, b"abc", rsv1=True),
        wire(0, b"abc"),
        wire(9, b"abc"),
        wire(8, b""),
        b"\x81\x03abc4567",
    ):
        assert short_frame(left, 0, LONGEST) is None


def test_canary_the_parser_says_where_it_stands() -> None:
    """Between two frames, and nowhere else."""
    whole = wire(1, os.urandom(200))
    for cut in range(len(whole)):
        websocket = opened()
        websocket.receive_data(whole[:cut])
        assert between_frames(websocket) is (cut == 0)
        websocket.receive_data(whole[cut:])
        assert between_frames(websocket) and len(websocket.events_received()) == 1
    websocket.receive_data(wire(1, b"a", fin=False))
    assert not between_frames(websocket), "a message in pieces"
    websocket.receive_data(wire(0, b"b"))
    assert between_frames(websocket)
