"""Bytes to typed commands and events, and back, in the two encodings of the wire.

A batch is an array of events. Each event is encoded once and joined into as many batches as
needs it (`join`), so the cost of a frame does not grow with who receives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from schemas.codes import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from schemas.commands import Command, CommandId, ControlCommand, ViewerCommand
from schemas.events import Event

_PATH = re.compile(r" - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`\Z")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_SENTENCE_LENGTH = 300

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""All that a msgspec decoder raises for bytes it cannot make sense of."""


class BadCommand(ValueError):
    """A message that is no command.

    `message` says what was wrong, `field` is the path of the bad field (None when the message as
    a whole is bad), `id` is the command's id where it could still be read.
    """

    def __init__(self, message: str, field: str | None, id: int | None) -> None:
        self.message = message
        self.field = field
        self.id = id

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def split_error(error: Exception) -> tuple[str, str | None]:
    """The sentence of an `UNREADABLE` error, and the dotted path of the field it is about.

    >>> split_error(ValueError("Expected `int`, got `str` - at `$.product.price`"))
    ('Expected `int`, got `str`', 'product.price')
    >>> split_error(ValueError("Object missing required field `sku` - at `$.product`"))
    ('Object missing required field `sku`', 'product.sku')
    """
    if isinstance(error, UnicodeError):
        return "Not UTF-8", None
    if isinstance(error, RecursionError):
        return "Nested too deeply", None
    sentence, path = str(error), ""
    found = _PATH.search(sentence)
    if found is not None:
        subject = "Object key: " if found["key"] else ""
        sentence, path = subject + sentence[: found.start()], found["path"].lstrip(".")
    missing = _MISSING.fullmatch(sentence)
    if missing is not None:
        path = f"{path}.{missing['name']}" if path else missing["name"]
    # The sentence may quote what the client sent: a reply never carries a whole message back.
    return sentence[:_SENTENCE_LENGTH], path or None


class _Identified(msgspec.Struct):
    """What is still wanted of a message that is no command."""

    id: CommandId | None = None


class Codec:
    """One encoding of the wire.

    `name` is its subprotocol; `text` says which WebSocket opcode carries it. `encode(message)`
    makes the bytes of one event or command, `join(events)` one batch of events so encoded.
    """

    def __init__(
        self,
        name: str,
        *,
        text: bool,
        encode: Callable[[Any], bytes],
        decoder: Callable[[Any], Any],
        join: Callable[[Sequence[bytes]], bytes],
    ) -> None:
        self.name = name
        self.text = text
        self.encode = encode
        self.join = join
        self._viewer = decoder(ViewerCommand)
        self._control = decoder(ControlCommand)
        self._batch = decoder(list[Event])
        self._identified = decoder(_Identified)

    def decode_viewer(self, data: bytes | str) -> ViewerCommand:
        """A command of the live socket; raises BadCommand and nothing else."""
        command: ViewerCommand = self._decode(self._viewer, data)
        return command

    def decode_control(self, data: bytes | str) -> ControlCommand:
        """A command of the control socket; raises BadCommand and nothing else."""
        command: ControlCommand = self._decode(self._control, data)
        return command

    def decode_batch(self, data: bytes | str) -> list[Event]:
        """A batch as a client reads it; raises one of `UNREADABLE`."""
        batch: list[Event] = self._batch.decode(data)
        return batch

    def _decode(self, decoder: Any, data: bytes | str) -> Any:
        if not self.text and isinstance(data, str):
            raise BadCommand("Expected a binary message", None, None)
        try:
            return decoder.decode(data)
        except UNREADABLE as error:
            message, field = split_error(error)
            raise BadCommand(message, field, self._id_of(data)) from None

    def _id_of(self, data: bytes | str) -> int | None:
        try:
            found: _Identified = self._identified.decode(data)
        except UNREADABLE:
            return None
        return found.id


def _join_json(events: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(events) + b"]"


def _join_msgpack(events: Sequence[bytes]) -> bytes:
    return _array_header(len(events)) + b"".join(events)


def _array_header(length: int) -> bytes:
    """MessagePack array header (spec: fixarray, array 16, array 32)."""
    if length < 16:
        return bytes((0x90 | length,))
    if length < 65536:
        return b"\xdc" + length.to_bytes(2, "big")
    return b"\xdd" + length.to_bytes(4, "big")


JSON = Codec(
    SUBPROTOCOL_JSON,
    text=True,
    encode=msgspec.json.Encoder().encode,
    decoder=msgspec.json.Decoder,
    join=_join_json,
)
MSGPACK = Codec(
    SUBPROTOCOL_MSGPACK,
    text=False,
    encode=msgspec.msgpack.Encoder().encode,
    decoder=msgspec.msgpack.Decoder,
    join=_join_msgpack,
)
CODECS: dict[str, Codec] = {JSON.name: JSON, MSGPACK.name: MSGPACK}


def choose_codec(offered: Sequence[str]) -> tuple[Codec, str | None]:
    """The codec for a handshake's subprotocols, and the name to answer with.

    The client's first known name wins; none offered, or none known, means JSON and no answer.
    """
    for name in offered:
        if name in CODECS:
            return CODECS[name], name
    return JSON, None


def encode_command(codec: Codec, command: Command) -> bytes:
    """A command as a client sends it."""
    return codec.encode(command)
