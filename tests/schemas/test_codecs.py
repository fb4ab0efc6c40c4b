"""Both encodings, read by other libraries than the one that wrote them."""

from __future__ import annotations

from typing import Any

import msgpack
import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import examples
from schemas.codecs import CODECS, JSON, MSGPACK, BadCommand, Codec, choose_codec, encode_command, split_error
from schemas.codes import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from schemas.commands import Command, DanmakuSend, ProductMount
from tests.schemas.wire import COMMANDS, EVENTS, HOST_COMMANDS, VIEWER_COMMANDS, plain, tag, values

BOTH = pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])


def independently(codec: Codec, data: bytes) -> Any:
    """The message as orjson or msgpack reads it."""
    return orjson.loads(data) if codec is JSON else msgpack.unpackb(data)


@BOTH
@pytest.mark.parametrize("kind", [tag(cls) for cls in COMMANDS])
def test_every_command_reads_the_same_elsewhere(codec: Codec, kind: str) -> None:
    command = examples.COMMANDS[kind]
    read = independently(codec, encode_command(codec, command))
    assert read == plain(command)
    assert read["type"] == kind


@BOTH
@pytest.mark.parametrize("kind", [tag(cls) for cls in EVENTS])
def test_every_event_reads_the_same_elsewhere(codec: Codec, kind: str) -> None:
    event = examples.EVENTS[kind]
    read = independently(codec, codec.encode(event))
    assert read == plain(event)
    assert read["type"] == kind


@BOTH
def test_what_another_library_writes_is_taken(codec: Codec) -> None:
    for command in examples.COMMANDS.values():
        written = orjson.dumps(plain(command)) if codec is JSON else msgpack.packb(plain(command))
        assert codec.decode_control(written) == command


@BOTH
@settings(max_examples=150, deadline=None)
@given(command=st.one_of([values(cls) for cls in COMMANDS]))
def test_any_command_survives_the_round_trip(codec: Codec, command: Command) -> None:
    data = codec.encode(command)
    assert codec.decode_control(data) == command
    assert independently(codec, data) == plain(command)


@BOTH
@settings(max_examples=80, deadline=None)
@given(batch=st.lists(st.one_of([values(cls) for cls in EVENTS]), max_size=5))
def test_any_batch_survives_the_round_trip(codec: Codec, batch: list[msgspec.Struct]) -> None:
    data = codec.join([codec.encode(event) for event in batch])
    assert codec.decode_batch(data) == batch
    assert independently(codec, data) == plain(batch)


@BOTH
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 255, 256, 65_535, 65_536])
def test_a_batch_is_an_array_of_any_length(codec: Codec, length: int) -> None:
    event = examples.EVENTS["danmaku.skipped"]
    encoded = codec.encode(event)
    read = independently(codec, codec.join([encoded] * length))
    assert read == [plain(event)] * length


@BOTH
def test_a_joined_batch_has_the_bytes_of_an_encoded_one(codec: Codec) -> None:
    events = list(examples.EVENTS.values())
    assert codec.join([codec.encode(event) for event in events]) == codec.encode(events)


@BOTH
def test_a_recovered_welcome_has_no_room(codec: Codec) -> None:
    welcome = independently(codec, codec.encode(examples.RECOVERED[0]))
    assert welcome["recovered"] is True
    assert "room" not in welcome


@BOTH
def test_the_live_socket_knows_only_viewer_commands(codec: Codec) -> None:
    for cls in VIEWER_COMMANDS:
        command = examples.COMMANDS[tag(cls)]
        assert codec.decode_viewer(codec.encode(command)) == command
    for cls in HOST_COMMANDS:
        with pytest.raises(BadCommand) as caught:
            codec.decode_viewer(codec.encode(examples.COMMANDS[tag(cls)]))
        assert caught.value.field == "type"


@BOTH
def test_unknown_fields_are_ignored(codec: Codec) -> None:
    message = {**plain(examples.COMMANDS["ping"]), "since_version_9": {"deep": [1, None, "x"]}}
    data = orjson.dumps(message) if codec is JSON else msgpack.packb(message)
    assert codec.decode_viewer(data) == examples.COMMANDS["ping"]


def test_text_messages_may_come_as_text() -> None:
    command = examples.COMMANDS["danmaku.send"]
    assert JSON.decode_viewer(JSON.encode(command).decode()) == command


def test_text_is_measured_in_characters() -> None:
    assert JSON.decode_viewer(JSON.encode(DanmakuSend(text="茶" * 200))) == DanmakuSend(text="茶" * 200)
    with pytest.raises(BadCommand):
        JSON.decode_viewer(JSON.encode(DanmakuSend(text="茶" * 201)))


@pytest.mark.parametrize(
    ("offered", "codec", "answer"),
    [
        ([], JSON, None),
        (["chat"], JSON, None),
        ([SUBPROTOCOL_MSGPACK], MSGPACK, SUBPROTOCOL_MSGPACK),
        (["chat", SUBPROTOCOL_MSGPACK, SUBPROTOCOL_JSON], MSGPACK, SUBPROTOCOL_MSGPACK),
        ([SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK], JSON, SUBPROTOCOL_JSON),
    ],
)
def test_the_clients_first_known_subprotocol_wins(
    offered: list[str], codec: Codec, answer: str | None
) -> None:
    assert choose_codec(offered) == (codec, answer)


def test_each_codec_is_found_under_its_subprotocol() -> None:
    assert {name: codec.name for name, codec in CODECS.items()} == {name: name for name in CODECS}
    assert [codec.text for codec in (JSON, MSGPACK)] == [True, False]


def test_split_error_serves_any_decoder() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"product": {"sku": "a", "title": "A", "price": 1}}', type=ProductMount)
    assert split_error(caught.value) == ("Object missing required field `stock`", "product.stock")
    assert split_error(RecursionError()) == ("Nested too deeply", None)
    assert split_error(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")) == ("Not UTF-8", None)


def test_a_quoted_value_cannot_pose_as_a_path_or_grow() -> None:
    with pytest.raises(BadCommand) as caught:
        JSON.decode_viewer(orjson.dumps({"type": "x` - at `$.price`"}))
    assert caught.value.field == "type"
    with pytest.raises(BadCommand) as caught:
        JSON.decode_viewer(orjson.dumps({"type": "x" * 4_000}))
    assert len(caught.value.message) <= 300
    assert caught.value.field == "type"


def test_bad_command_reads_as_a_sentence() -> None:
    assert str(BadCommand("Expected `int`", "quantity", 4)) == "quantity: Expected `int`"
    assert str(BadCommand("Not UTF-8", None, None)) == "Not UTF-8"
