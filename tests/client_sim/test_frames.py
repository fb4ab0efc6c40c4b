from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Close, Frame
from websockets.frames import Opcode as Theirs
from websockets.protocol import SERVER, Protocol, State

from client_sim.frames import (
    MAX_MESSAGE,
    BadFrame,
    FrameReader,
    Opcode,
    close_payload,
    frame,
    parse_close,
)

payloads = st.one_of(st.binary(max_size=300), st.sampled_from([b"x" * 125, b"x" * 126, b"y" * 65_536]))


def served(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    return Frame(Theirs(opcode), payload, fin).serialize(mask=False)


@given(st.lists(st.tuples(st.sampled_from([1, 2, 9, 10]), payloads), max_size=6), st.data())
def test_frames_are_read_however_they_arrive(frames: list[tuple[int, bytes]], data: st.DataObject) -> None:
    frames = [(opcode, payload[:125] if opcode > 8 else payload) for opcode, payload in frames]
    stream = b"".join(served(opcode, payload) for opcode, payload in frames)
    reader = FrameReader()
    found: list[tuple[int, bytes]] = []
    while stream:
        size = data.draw(st.integers(1, max(1, len(stream))))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == frames


@given(st.lists(st.binary(max_size=50), min_size=2, max_size=5))
def test_fragments_make_one_message_and_control_frames_pass_between_them(parts: list[bytes]) -> None:
    stream = b""
    for index, part in enumerate(parts):
        stream += served(0 if index else 2, part, fin=index == len(parts) - 1)
        if index < len(parts) - 1:
            stream += served(9, b"!")
    found = FrameReader().feed(stream)
    assert found == [*[(9, b"!")] * (len(parts) - 1), (2, b"".join(parts))]


@given(payloads)
def test_a_server_reads_what_we_write(payload: bytes) -> None:
    server = Protocol(SERVER, state=State.OPEN, max_size=None)
    server.receive_data(frame(Opcode.BINARY, payload))
    (got,) = server.events_received()
    assert isinstance(got, Frame)
    assert (got.opcode, bytes(got.data)) == (Theirs.BINARY, payload)


def compressed(payload: bytes, opcode: int = 1) -> bytes:
    """As websockets' own permessage-deflate writes it, without context takeover."""
    extension = PerMessageDeflate(True, True, 15, 15)
    return Frame(Theirs(opcode), payload).serialize(mask=False, extensions=[extension])


@given(payloads, payloads)
def test_compressed_messages_are_read_where_that_was_agreed(one: bytes, other: bytes) -> None:
    reader = FrameReader()
    reader.deflate = True
    found = reader.feed(compressed(one, 2) + served(2, one) + compressed(other, 1))
    assert found == [(2, one), (2, one), (1, other)]


@pytest.mark.parametrize("data", [b"\xc9\x00", b"\x01\x01x\xc0\x01x", b"\xe1\x00", b"\xc1\x02\xff\xff"])
def test_what_is_no_compressed_message(data: bytes) -> None:
    reader = FrameReader()
    reader.deflate = True
    with pytest.raises(BadFrame) as caught:
        reader.feed(data)
    assert caught.value.code == 1002


def test_a_message_that_inflates_beyond_all_bounds() -> None:
    reader = FrameReader()
    reader.deflate = True
    with pytest.raises(BadFrame) as caught:
        reader.feed(compressed(bytes(MAX_MESSAGE + 1)))
    assert caught.value.code == 1009


def test_a_close_says_code_and_reason_both_ways() -> None:
    assert parse_close(Close(4001, "slow 慢").serialize()) == (4001, "slow 慢")
    assert Close.parse(close_payload(1000, "bye")) == Close(1000, "bye")
    assert parse_close(b"") == (None, "")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(Frame(Theirs.TEXT, b"x").serialize(mask=True), 1002, id="masked"),  # by a random mask
        (b"\xc1\x01x", 1002),
        (b"\x83\x01x", 1002),
        (b"\x09\x01x", 1002),
        (b"\x80\x01x", 1002),
        (b"\x01\x01x\x81\x01y", 1002),
        (b"\x82\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big"), 1009),
        (b"\x89\x7e\x00\x7e" + b"x" * 126, 1002),
    ],
)
def test_what_a_server_may_not_send_is_refused_with_the_code_for_it(data: bytes, code: int) -> None:
    with pytest.raises(BadFrame) as caught:
        FrameReader().feed(data)
    assert caught.value.code == code
