"""Bytes to typed commands and events, and back, in the two encodings of the wire.

A batch is an array of events. Each event is encoded once and joined into as many batches as
needs it (`join`), so the cost of a frame does not grow with who receives it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.codes import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from schemas.commands import Command, ControlCommand, ViewerCommand
from schemas.events import Event

_PATH = re.compile(r" - at `(?P<where>key in )?\$(?P<path>[^`]*)`$")


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
    """A msgspec error's sentence and the dotted path of the field it is about.

    >>> split_error(ValueError("Expected `int`, got `str` - at `$.product.price`"))
    ('Expected `int`, got `str`', 'product.price')
    """
    text = str(error)
    found = _PATH.search(text)
    if found is not None:
        return text[: found.start()], found["path"].lstrip(".") or None
    missing = re.search(r"missing required field `([^`]+)`", text)
    return text, missing[1] if missing else None


class Codec:
    """One encoding. `text` says which WebSocket opcode carries it; `name` is its subprotocol."""

    name: str
    text: bool

    def encode(self, event: Any) -> bytes:
        raise NotImplementedError

    def join(self, events: Sequence[bytes]) -> bytes:
        """One batch out of events that `encode` made."""
        raise NotImplementedError

    def decode_viewer(self, data: bytes | str) -> ViewerCommand:
        """A command of the live socket; raises BadCommand."""
        raise NotImplementedError

    def decode_control(self, data: bytes | str) -> ControlCommand:
        """A command of the control socket; raises BadCommand."""
        raise NotImplementedError

    def decode_batch(self, data: bytes | str) -> list[Event]:
        """A batch as a client reads it; raises msgspec.MsgspecError."""
        raise NotImplementedError


def _bad(error: msgspec.MsgspecError, raw: Any) -> BadCommand:
    message, field = split_error(error)
    identifier = raw.get("id") if isinstance(raw, dict) else None
    usable = isinstance(identifier, int) and not isinstance(identifier, bool) and identifier >= 0
    if field is None and isinstance(raw, dict) and "type" not in raw:
        field = "type"
    return BadCommand(message, field, identifier if usable else None)


class JsonCodec(Codec):
    name = SUBPROTOCOL_JSON
    text = True

    def __init__(self) -> None:
        self.encode = msgspec.json.Encoder().encode  # type: ignore[method-assign]
        self._viewer = msgspec.json.Decoder(ViewerCommand)
        self._control = msgspec.json.Decoder(ControlCommand)
        self._batch = msgspec.json.Decoder(list[Event])

    def join(self, events: Sequence[bytes]) -> bytes:
        return b"[" + b",".join(events) + b"]"

    def _decode(self, decoder: Any, data: bytes | str) -> Any:
        try:
            return decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            try:
                raw = msgspec.json.decode(data)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                raw = None
            if not isinstance(error, msgspec.MsgspecError):
                error = msgspec.DecodeError("not a command: nested too deeply or not UTF-8")
            raise _bad(error, raw) from None

    def decode_viewer(self, data: bytes | str) -> ViewerCommand:
        command: ViewerCommand = self._decode(self._viewer, data)
        return command

    def decode_control(self, data: bytes | str) -> ControlCommand:
        command: ControlCommand = self._decode(self._control, data)
        return command

    def decode_batch(self, data: bytes | str) -> list[Event]:
        batch: list[Event] = self._batch.decode(data)
        return batch


def _array_header(length: int) -> bytes:
    """MessagePack array header (spec: fixarray, array 16, array 32)."""
    if length < 16:
        return bytes((0x90 | length,))
    if length < 65536:
        return b"\xdc" + length.to_bytes(2, "big")
    return b"\xdd" + length.to_bytes(4, "big")


class MsgpackCodec(Codec):
    name = SUBPROTOCOL_MSGPACK
    text = False

    def __init__(self) -> None:
        self.encode = msgspec.msgpack.Encoder().encode  # type: ignore[method-assign]
        self._viewer = msgspec.msgpack.Decoder(ViewerCommand)
        self._control = msgspec.msgpack.Decoder(ControlCommand)
        self._batch = msgspec.msgpack.Decoder(list[Event])

    def join(self, events: Sequence[bytes]) -> bytes:
        return _array_header(len(events)) + b"".join(events)

    def _decode(self, decoder: Any, data: bytes | str) -> Any:
        payload = data.encode() if isinstance(data, str) else data
        try:
            return decoder.decode(payload)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            try:
                raw = msgspec.msgpack.decode(payload)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError, TypeError):
                raw = None
            if not isinstance(error, msgspec.MsgspecError):
                error = msgspec.DecodeError("not a command: nested too deeply or not UTF-8")
            raise _bad(error, raw) from None

    def decode_viewer(self, data: bytes | str) -> ViewerCommand:
        command: ViewerCommand = self._decode(self._viewer, data)
        return command

    def decode_control(self, data: bytes | str) -> ControlCommand:
        command: ControlCommand = self._decode(self._control, data)
        return command

    def decode_batch(self, data: bytes | str) -> list[Event]:
        payload = data.encode() if isinstance(data, str) else data
        batch: list[Event] = self._batch.decode(payload)
        return batch


JSON = JsonCodec()
MSGPACK = MsgpackCodec()
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
