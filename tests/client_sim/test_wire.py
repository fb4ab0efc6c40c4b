from __future__ import annotations

import msgpack
import orjson
import pytest

from client_sim.wire import BadBatch, Batch, Encoding, SharedDecoder, decode_json, decoder, encode
from schemas.codecs import JSON, MSGPACK, Codec
from schemas.commands import (
    Command,
    DanmakuSend,
    Hello,
    OrderPlace,
    Ping,
    ProductMount,
    ProductUpdate,
    SaleSchedule,
)
from schemas.events import DanmakuSkipped, Event, ProductMounted, RoomState, SaleScheduled
from schemas.models import ProductInput, Resume
from tests.client_sim.room_model import NOW, batch, chat, product, sale, snapshot, welcome

CODECS: list[tuple[Encoding, Codec]] = [(Encoding.JSON, JSON), (Encoding.MSGPACK, MSGPACK)]


@pytest.mark.parametrize(("encoding", "codec"), CODECS)
def test_what_the_server_encodes_is_read_by_another_decoder(encoding: Encoding, codec: Codec) -> None:
    events: list[Event] = [
        welcome(snapshot(products=[{"sku": "a", "title": "一", "price": 1}])),
        ProductMounted(product=product("a", image="data:,x"), seq=1),
        SaleScheduled(sale=sale("s1", "a"), seq=2),
        RoomState(server_time=NOW, stock={"a": 3}),
        chat("你好"),
        DanmakuSkipped(count=4),
    ]
    data = codec.join([codec.encode(event) for event in events])
    assert list(decoder(encoding)(data).events) == events


@pytest.mark.parametrize(("encoding", "codec"), CODECS)
@pytest.mark.parametrize(
    "command",
    [
        Hello(token="t", resume=Resume(epoch="e", seq=3)),
        Hello(),
        Ping(id=1, client_time=5),
        DanmakuSend(id=2, text="你好"),
        OrderPlace(id=3, request_id="r", sale="s1", pay=True),
        ProductMount(id=4, product=ProductInput(sku="a", title="A", price=1, stock=2)),
        ProductUpdate(id=5, sku="a", list_price=None, price=7),
        SaleSchedule(id=6, sku="a", price=1, stock=1, starts_in_ms=5, duration_ms=10),
    ],
)
def test_the_server_reads_a_command_as_it_was_meant(
    encoding: Encoding, codec: Codec, command: Command
) -> None:
    assert codec.decode_control(encode(encoding, command)) == command


def test_a_batch_of_chat_and_state_is_plain_and_any_other_is_not() -> None:
    plain = decode_json(batch(chat("a"), RoomState(server_time=1), DanmakuSkipped(count=2)))
    assert plain.plain
    assert plain.skipped == 2
    assert [message.text for message in plain.chat] == ["a"]
    assert not decode_json(batch(chat("a"), ProductMounted(product=product("p"), seq=1))).plain


def test_an_event_of_a_newer_server_is_counted_and_passed_over() -> None:
    found = decode_json(orjson.dumps([{"type": "hologram", "x": 1}, {"type": "danmaku.skipped", "count": 1}]))
    assert found.unknown == 1
    assert found.events == (DanmakuSkipped(count=1),)


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"type":"pong"}',
        b"[1]",
        b'[{"count":1}]',
        b'[{"type":"danmaku.skipped","count":"many"}]',
        b'[{"type":"room.updated","seq":1,"status":"asleep"}]',
        b"\xff\xfe",
    ],
)
def test_what_is_no_batch_is_said_to_be_bad(data: bytes) -> None:
    with pytest.raises(BadBatch):
        decode_json(data)


@pytest.mark.parametrize("data", [b"\xc1", b"\x92\x01", msgpack.packb({"a": 1}), b"\x90\x90"])
def test_what_is_no_messagepack_batch_is_said_to_be_bad(data: bytes) -> None:
    with pytest.raises(BadBatch):
        decoder(Encoding.MSGPACK)(data)


def test_a_message_is_decoded_once_for_all_who_got_it() -> None:
    decoded: list[bytes] = []
    retired: list[Batch] = []

    def decode(data: bytes) -> Batch:
        decoded.append(data)
        return decode_json(data)

    shared = SharedDecoder(decode, retired.append, keep=2)
    first = batch(chat("one"))
    assert shared(first) is shared(bytes(bytearray(first)))
    shared(batch(chat("two")))
    assert retired == []
    shared(batch(chat("three")))
    assert [found.chat[0].text for found in retired] == ["one"]
    shared.drain()
    assert [found.chat[0].text for found in retired] == ["one", "two", "three"]
    assert len(decoded) == 3
