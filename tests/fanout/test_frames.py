"""Frames are read back by an independent implementation: the websockets library's client."""

from __future__ import annotations

import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from schemas.codecs import JSON, MSGPACK
from schemas.events import DanmakuSkipped, ProductUnmounted
from server.fanout.frames import batch_bytes, wire_frame


def read_frames(data: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://example.com/"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    return [event for event in client.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 70_000])
@pytest.mark.parametrize("text", [True, False])
def test_every_length_class_is_a_frame_of_its_own(length: int, text: bool) -> None:
    payload = b"x" * length
    frames = read_frames(wire_frame(payload, text) + wire_frame(b"next", text))
    assert [bytes(frame.data) for frame in frames] == [payload, b"next"]
    assert {frame.opcode for frame in frames} == {Opcode.TEXT if text else Opcode.BINARY}
    assert all(frame.fin for frame in frames)


@given(st.lists(st.integers(0, 2**40), max_size=40))
def test_a_batch_holds_its_events_in_order_in_both_codecs(counts: list[int]) -> None:
    events = [DanmakuSkipped(count=count) for count in counts]
    expected = [{"type": "danmaku.skipped", "count": count} for count in counts]
    as_json = batch_bytes(JSON, [JSON.encode(event) for event in events], framed=False)
    as_msgpack = batch_bytes(MSGPACK, [MSGPACK.encode(event) for event in events], framed=False)
    assert orjson.loads(as_json) == expected
    assert msgpack.unpackb(as_msgpack) == expected


def test_framed_and_bare_carry_the_same_message() -> None:
    events = [JSON.encode(ProductUnmounted(sku="A1", seq=7))]
    (frame,) = read_frames(batch_bytes(JSON, events, framed=True))
    assert bytes(frame.data) == batch_bytes(JSON, events, framed=False)
