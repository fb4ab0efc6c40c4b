"""Messages that are no commands: each is refused with the path of the field, and none breaks a decoder."""

from __future__ import annotations

from typing import Any

import msgpack
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import examples
from schemas.codecs import JSON, MSGPACK, BadCommand, Codec
from tests.schemas.wire import COMMANDS, plain, tag

BOTH = pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
DEEP = 100_000


def refused(codec: Codec, data: bytes | str) -> BadCommand:
    with pytest.raises(BadCommand) as caught:
        codec.decode_control(data)
    return caught.value


def packed(codec: Codec, message: Any) -> bytes:
    if codec is JSON:
        return orjson.dumps(message)
    data: bytes = msgpack.packb(message)
    return data


def product(**changes: Any) -> dict[str, Any]:
    mounted = {"sku": "tea-01", "title": "Tea", "price": 12900, "stock": 5, **changes}
    return {"type": "product.mount", "id": 7, "product": mounted}


def order(**changes: Any) -> dict[str, Any]:
    return {"type": "order.place", "id": 7, "request_id": "r", "sku": "tea-01", **changes}


WRONG_FIELDS = [
    # wrong type
    ({"type": "danmaku.send", "id": 7, "text": 5}, "text"),
    ({"type": "danmaku.send", "id": 7, "text": None}, "text"),
    ({"type": "like", "id": 7, "count": "5"}, "count"),
    (order(quantity=True), "quantity"),
    (order(quantity=1.5), "quantity"),
    (order(pay=1), "pay"),
    (product(price="12900"), "product.price"),
    ({"type": "product.mount", "id": 7, "product": []}, "product"),
    ({"type": "product.sort", "id": 7, "skus": ["tea-01", 2]}, "skus[1]"),
    ({"type": "product.sort", "id": 7, "skus": {"tea-01": 1}}, "skus"),
    ({"type": "hello", "id": 7, "resume": "e:41"}, "resume"),
    # missing
    ({"type": "danmaku.send", "id": 7}, "text"),
    ({"type": "order.place", "id": 7}, "request_id"),
    ({"type": "product.mount", "id": 7, "product": {"sku": "tea-01"}}, "product.title"),
    ({"type": "hello", "id": 7, "resume": {"seq": 3}}, "resume.epoch"),
    ({"id": 7, "text": "hello"}, "type"),
    ({"id": 7}, "type"),
    # out of range
    ({"type": "danmaku.send", "id": 7, "text": ""}, "text"),
    ({"type": "danmaku.send", "id": 7, "text": "x" * 201}, "text"),
    ({"type": "like", "id": 7, "count": 0}, "count"),
    ({"type": "like", "id": 7, "count": 101}, "count"),
    (order(quantity=0), "quantity"),
    (order(quantity=-1), "quantity"),
    (order(quantity=2**63), "quantity"),
    (order(request_id=""), "request_id"),
    (order(request_id="r" * 65), "request_id"),
    (order(sku="tea 01"), "sku"),
    (order(sku="tea-01\n"), "sku"),
    (order(sku="茶"), "sku"),
    (order(sale="{p07}"), "sale"),
    (product(price=-1), "product.price"),
    (product(stock=10**9 + 1), "product.stock"),
    ({"type": "sale.schedule", "id": 7, "sku": "a", "price": 1, "stock": 1, "duration_ms": 0}, "duration_ms"),
    ({"type": "hello", "id": 7, "resume": {"epoch": "e", "seq": -1}}, "resume.seq"),
    ({"type": "hello", "id": 7, "token": "x" * 3_001}, "token"),
    # unknown type
    ({"type": "order.steal", "id": 7}, "type"),
    ({"type": "", "id": 7}, "type"),
    ({"type": "welcome", "id": 7}, "type"),
    ({"type": 7, "id": 7}, "type"),
    ({"type": None, "id": 7}, "type"),
]


@BOTH
@pytest.mark.parametrize(("message", "field"), WRONG_FIELDS)
def test_a_wrong_field_is_named(codec: Codec, message: dict[str, Any], field: str) -> None:
    bad = refused(codec, packed(codec, message))
    assert (bad.field, bad.id) == (field, 7)
    assert bad.message


@BOTH
@pytest.mark.parametrize("kind", [tag(cls) for cls in COMMANDS])
def test_every_field_of_every_command_is_checked(codec: Codec, kind: str) -> None:
    """No field of any command takes a value of a kind that no field has."""
    message = plain(examples.COMMANDS[kind])
    wrongs: list[object] = [{"a": {}}, [[]], 0.5]
    for field in message:
        for wrong in wrongs:
            bad = refused(codec, packed(codec, {**message, field: wrong}))
            assert bad.field is not None
            assert bad.field.partition(".")[0].partition("[")[0] == field


@BOTH
@pytest.mark.parametrize("wrong", [-1, 2**53, 1.5, "7", None, True, [7]])
def test_an_id_that_is_none_is_named_and_not_echoed(codec: Codec, wrong: Any) -> None:
    bad = refused(codec, packed(codec, {"type": "ping", "id": wrong}))
    assert (bad.field, bad.id) == ("id", None)


@BOTH
@pytest.mark.parametrize("message", [[], [{"type": "ping"}], None, 5, "ping", True, 1.5])
def test_what_is_not_an_object_is_bad_as_a_whole(codec: Codec, message: Any) -> None:
    bad = refused(codec, packed(codec, message))
    assert (bad.field, bad.id) == (None, None)


@BOTH
def test_half_a_message_is_bad_as_a_whole(codec: Codec) -> None:
    whole = codec.encode(examples.COMMANDS["product.mount"])
    for length in range(len(whole)):
        bad = refused(codec, whole[:length])
        assert bad.field is None
    assert refused(codec, whole + b"\x01").field is None


@pytest.mark.parametrize(
    "data",
    [
        b"[" * DEEP,
        b'{"type":"ping","x":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"type":"ping","x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        b'{"type":"product.mount","product":' + b"[" * DEEP,
    ],
)
def test_json_too_deep(data: bytes) -> None:
    assert refused(JSON, data).message


def test_too_deep_is_said_and_the_id_read_where_it_is() -> None:
    assert refused(JSON, b'{"type":"ping","x":' + b"[" * DEEP).message == "Nested too deeply"
    assert refused(MSGPACK, b"\x82\xa4type\xa4ping\xa1x" + b"\x91" * DEEP).message == "Nested too deeply"
    long_digits = b'{"type":"like","id":7,"count":"x","x":' + b"9" * 5_000 + b"}"
    assert refused(JSON, long_digits).id == 7


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (JSON, b'{"type":"danmaku.send","text":"\xff"}'),
        (JSON, b'{"type":"danmaku.send","text":"\xed\xa0\x80"}'),
        (JSON, b'{"type":"danmaku.send","text":"\xc0\xaf"}'),
        (JSON, '{"type":"danmaku.send","text":"\ud800"}'),
        (MSGPACK, b"\x82\xa4type\xacdanmaku.send\xa4text\xa1\xff"),
        (MSGPACK, b"\x82\xa4type\xacdanmaku.send\xa4text\xa3\xed\xa0\x80"),
    ],
)
def test_not_utf8(codec: Codec, data: bytes | str) -> None:
    bad = refused(codec, data)
    assert (bad.message, bad.field) == ("Not UTF-8", None)


@pytest.mark.parametrize("data", [b"\xff\xfe{\x00", b"\xef\xbb\xbf{}", b"", b" ", b"\x00", b"ping"])
def test_bytes_that_are_no_json(data: bytes) -> None:
    assert refused(JSON, data).field is None


@pytest.mark.parametrize("escape", [rb"\ud800", rb"\udc00\ud800", rb"\x41", rb"\u12"])
def test_json_escapes_that_stand_for_nothing(escape: bytes) -> None:
    refused(JSON, b'{"type":"danmaku.send","text":"' + escape + b'"}')


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"01", b"+1", b"0x10", b".5"])
def test_numbers_that_json_has_not(word: bytes) -> None:
    bad = refused(JSON, b'{"type":"order.place","request_id":"r","quantity":' + word + b"}")
    assert bad.field in (None, "quantity")


@pytest.mark.parametrize("digits", [20, 400, 4_400, 60_000])
def test_huge_integers(digits: int) -> None:
    bad = refused(JSON, b'{"type":"order.place","id":7,"request_id":"r","quantity":' + b"9" * digits + b"}")
    assert (bad.field, bad.id) == ("quantity", 7)
    bad = refused(JSON, b'{"type":"ping","id":' + b"9" * digits + b"}")
    assert (bad.field, bad.id) == ("id", None)


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), float("nan"), float("inf"), 2.0])
def test_msgpack_numbers_out_of_range(value: float) -> None:
    bad = refused(MSGPACK, msgpack.packb(order(quantity=value)))
    assert (bad.field, bad.id) == ("quantity", 7)


@pytest.mark.parametrize(
    "value",
    [
        msgpack.ExtType(5, b"x"),
        msgpack.ExtType(127, b"x" * 300),
        msgpack.Timestamp(1),
        msgpack.Timestamp(2**40, 1),
    ],
)
def test_msgpack_extension_types(value: Any) -> None:
    assert refused(MSGPACK, msgpack.packb(order(quantity=value))).field == "quantity"
    assert refused(MSGPACK, msgpack.packb(order(request_id=value))).field == "request_id"
    assert refused(MSGPACK, msgpack.packb({"type": value})).field == "type"
    assert refused(MSGPACK, msgpack.packb(value)).field is None


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"\x81\xa4type\xc4\x04ping", "type"),  # binary where text belongs
        (b"\x81\xc4\x04type\xa4ping", None),  # a key that is no text
        (b"\x82\x01\x02\xa4type\xa4ping", None),
        (b"\x82\xa4type\xa4ping\x92\x01\x02\x01", None),
        (b"\x82\xa4type\xa4ping\xc0\x01", None),
        (b"\xc1", None),  # the opcode that is never used
        (b"\xdf\xff\xff\xff\xff", None),  # lengths that promise what does not come
        (b"\xdd\xff\xff\xff\xff", None),
        (b"\x82\xa4type\xacproduct.sort\xa4skus\xdd\xff\xff\xff\xff", "skus"),
        (b"\x82\xa4type\xacdanmaku.send\xa4text\xdb\xff\xff\xff\xff", None),
    ],
)
def test_msgpack_that_is_no_command(data: bytes, field: str | None) -> None:
    assert refused(MSGPACK, data).field == field


def test_a_text_message_is_no_msgpack() -> None:
    assert refused(MSGPACK, '{"type":"ping"}').message == "Expected a binary message"


@BOTH
def test_a_repeated_key_counts_once_and_a_repeated_type_is_refused(codec: Codec) -> None:
    """The last value is checked like any other; a second type cannot change what a message is."""
    texts = {
        "twice": (b'{"type":"like","count":1,"count":2}', b"\x83\xa4type\xa4like\xa5count\x01\xa5count\x02"),
        "bad": (b'{"type":"like","count":1,"count":0}', b"\x83\xa4type\xa4like\xa5count\x01\xa5count\x00"),
        "type": (b'{"type":"like","type":"ping"}', b"\x82\xa4type\xa4like\xa4type\xa4ping"),
    }
    twice, bad, kind = (pair[codec is MSGPACK] for pair in texts.values())
    assert plain(codec.decode_viewer(twice))["count"] == 2
    assert refused(codec, bad).field == "count"
    assert refused(codec, kind).field == "type"


# ---- nothing but BadCommand gets out --------------------------------------------------------

_SEEDS = [codec.encode(command) for codec in (JSON, MSGPACK) for command in examples.COMMANDS.values()]


def survives(codec: Codec, data: bytes | str) -> None:
    for decode in (codec.decode_viewer, codec.decode_control):
        try:
            decode(data)
        except BadCommand as bad:
            assert bad.message.encode()
            assert bad.field is None or bad.field.encode()
            assert bad.id is None or 0 <= bad.id < 2**53


@BOTH
@settings(max_examples=400, deadline=None)
@given(data=st.binary(max_size=200))
@example(data=b"\xdd\xff\xff\xff\xff" * 8)
def test_any_bytes(codec: Codec, data: bytes) -> None:
    survives(codec, data)


@BOTH
@settings(max_examples=200, deadline=None)
@given(data=st.text(st.characters(exclude_categories=()), max_size=80))
@example(data='{"type":"\ud800"}')
def test_any_text(codec: Codec, data: str) -> None:
    survives(codec, data)


@BOTH
@settings(max_examples=800, deadline=None)
@given(
    seed=st.sampled_from(_SEEDS),
    places=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), min_size=1, max_size=4
    ),
    kept=st.booleans(),
)
def test_commands_with_bytes_changed(
    codec: Codec, seed: bytes, places: list[tuple[float, bytes]], kept: bool
) -> None:
    """Valid commands of both encodings with bytes replaced or put in between."""
    data = bytearray(seed)
    for place, content in places:
        at = int(place * len(data))
        data[at : at if kept else at + len(content)] = content
    survives(codec, bytes(data))


_JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@BOTH
@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from([tag(cls) for cls in COMMANDS]),
    changes=st.dictionaries(
        st.sampled_from(["id", "sku", "sale", "text", "product", "skus", "resume", "quantity", "order", "x"]),
        _JSON_VALUES,
        max_size=4,
    ),
)
def test_commands_with_fields_changed(codec: Codec, kind: str, changes: dict[str, Any]) -> None:
    survives(codec, packed(codec, {**plain(examples.COMMANDS[kind]), **changes}))
