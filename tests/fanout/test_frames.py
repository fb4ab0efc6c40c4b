"""Frames are read back by an independent implementation: the websockets library's client."""

from __future__ import annotations

import random

import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from schemas.codecs import JSON, MSGPACK
from schemas.events import DanmakuSkipped, ProductUnmounted
from server.fanout.deflate import WINDOW_BITS
from server.fanout.frames import FrameMaker, Variant, batch_bytes, portions, wire_frame


def read_frames(data: bytes, window_bits: int | None = None) -> list[Frame]:
    """`window_bits`: of a client that negotiated compression."""
    client = ClientProtocol(parse_uri("ws://example.com/"), state=State.OPEN, max_size=None)
    if window_bits is not None:
        client.extensions = [PerMessageDeflate(True, True, window_bits, window_bits)]
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


@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(1, 100))
def test_portions_are_whole_ordered_and_bounded(events: list[bytes], limit: int) -> None:
    cut = list(portions(events, limit))
    assert [event for some in cut for event in some] == events
    for some in cut:
        assert len(some) <= 1 or sum(map(len, some)) <= limit or not any(map(len, some[:-1]))
    assert len(cut) == 1 or all(cut)


@given(st.lists(st.text(max_size=400), min_size=1, max_size=20), st.integers(0, 600), st.integers(100, 2_000))
def test_every_client_reads_the_same_whatever_it_negotiated(
    texts: list[str], threshold: int, limit: int
) -> None:
    maker = FrameMaker(limit, threshold)
    for codec, loads in ((JSON, orjson.loads), (MSGPACK, msgpack.unpackb)):
        encoded = [codec.encode(ProductUnmounted(sku=text, seq=seq)) for seq, text in enumerate(texts)]
        payloads = maker.payloads(codec, encoded)
        plain = maker.messages(Variant(codec, framed=True), payloads)
        packed = maker.messages(Variant(codec, framed=True, deflate=True), payloads)
        bare = maker.messages(Variant(codec, framed=False), payloads)
        assert len(plain) == len(packed) == 1 and len(packed[0]) <= len(plain[0])
        for bits in (WINDOW_BITS, 15):
            read = [bytes(frame.data) for frame in read_frames(packed[0], bits)]
            assert read == [bytes(frame.data) for frame in read_frames(plain[0])] == bare == payloads
        assert [event["sku"] for payload in payloads for event in loads(payload)] == texts


def test_a_short_payload_is_not_compressed_and_neither_is_noise() -> None:
    maker = FrameMaker(100_000, threshold=200)
    variant = Variant(JSON, framed=True, deflate=True)
    (short,) = maker.messages(variant, [b"a" * 199])
    (long,) = maker.messages(variant, [b"a" * 200])
    noise = random.Random(1).randbytes(2_000)
    (noisy,) = maker.messages(variant, [noise])
    assert short == wire_frame(b"a" * 199, True) and noisy == wire_frame(noise, True)
    assert len(long) < 50 and long[0] & 0x40
