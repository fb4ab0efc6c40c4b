"""Bytes to events and commands to bytes, with decoders the server does not use.

orjson and msgpack read what msgspec wrote, so that both ends of the wire are not the same code.
What they read is then held against `schemas`: an event that does not fit is a `BadBatch`.

A room's frame is byte for byte the same for every viewer, so a swarm decodes it once:
`SharedDecoder` keeps the last batches and hands the same immutable `Batch` to all who got it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Any, cast

import msgpack
import msgspec
import orjson

from schemas.codes import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from schemas.commands import Command
from schemas.events import LANES, Danmaku, DanmakuSkipped, Dashboard, Event, RoomState

_TYPES: dict[str, type[msgspec.Struct]] = {
    str(kind.__struct_config__.tag): kind for lane in LANES.values() for kind in lane
}
_L1 = LANES["L1"]


class Encoding(str, Enum):
    """How a socket's messages are written."""

    JSON = "json"
    MSGPACK = "msgpack"

    @property
    def subprotocol(self) -> str:
        return SUBPROTOCOL_JSON if self is Encoding.JSON else SUBPROTOCOL_MSGPACK

    @property
    def text(self) -> bool:
        """Whether messages are text frames."""
        return self is Encoding.JSON


class BadBatch(ValueError):
    """A message from the server that is no batch of known shape. `message` says what was wrong."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __str__(self) -> str:
        return self.message


class Batch:
    """One message of the server.

    `plain` batches hold nothing but chat and state: they can be counted without being looked into.
    `arrivals` is where receivers note when (server milliseconds) they got it, see `SharedDecoder`.
    """

    __slots__ = ("arrivals", "chat", "dashboards", "events", "plain", "size", "skipped", "state", "unknown")

    def __init__(self, events: tuple[Event, ...], size: int, unknown: int) -> None:
        self.events = events
        self.size = size
        self.unknown = unknown
        self.chat = tuple(event for event in events if isinstance(event, Danmaku))
        self.state = tuple(event for event in events if isinstance(event, RoomState))
        self.dashboards = tuple(event for event in events if isinstance(event, Dashboard))
        self.skipped = sum(event.count for event in events if isinstance(event, DanmakuSkipped))
        self.plain = all(isinstance(e, RoomState | Danmaku | DanmakuSkipped) for e in events)
        self.arrivals: Counter[int] = Counter()


Decode = Callable[[bytes], Batch]


def _events(raw: object, size: int) -> Batch:
    if not isinstance(raw, list):
        raise BadBatch(f"a batch is an array, not {type(raw).__name__}")
    events: list[Event] = []
    unknown = 0
    for item in raw:
        name = item.get("type") if isinstance(item, dict) else None
        kind = _TYPES.get(name) if isinstance(name, str) else None
        if kind is None:
            if not isinstance(name, str):
                raise BadBatch("an event without a type")
            unknown += 1
            continue
        try:
            events.append(cast(Event, msgspec.convert(item, kind)))
        except msgspec.ValidationError as error:
            raise BadBatch(f"{name}: {error}") from None
    return Batch(tuple(events), size, unknown)


def decode_json(data: bytes) -> Batch:
    """A text message as a batch; raises BadBatch."""
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadBatch(f"not JSON: {error}") from None
    return _events(raw, len(data))


def decode_msgpack(data: bytes) -> Batch:
    """A binary message as a batch; raises BadBatch."""
    try:
        raw = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException, msgpack.ExtraData) as error:
        raise BadBatch(f"not MessagePack: {error}") from None
    return _events(raw, len(data))


def decoder(encoding: Encoding) -> Decode:
    return decode_json if encoding is Encoding.JSON else decode_msgpack


def encode(encoding: Encoding, command: Command) -> bytes:
    """A command as a client sends it; fields that are null stay away."""
    document: dict[str, Any] = msgspec.to_builtins(command)
    document = {key: value for key, value in document.items() if value is not None or key in _NULLABLE}
    if encoding is Encoding.JSON:
        return orjson.dumps(document)
    return cast(bytes, msgpack.packb(document))


_NULLABLE = frozenset({"image", "list_price", "per_user_limit"})
"""Where null is not the same as absent: `product.update` takes a field away with it."""


class SharedDecoder:
    """Decodes each distinct message once. Holds the last `keep` batches, the oldest goes first.

    `retire` is told about every batch that leaves: by then (nearly) all receivers have noted their
    arrival, and latency can be summed up per batch instead of per viewer and message.
    """

    def __init__(self, decode: Decode, retire: Callable[[Batch], None], keep: int = 512) -> None:
        self._decode = decode
        self._retire = retire
        self._keep = keep
        self._batches: OrderedDict[bytes, Batch] = OrderedDict()

    def __call__(self, data: bytes) -> Batch:
        batch = self._batches.get(data)
        if batch is None:
            batch = self._decode(data)
            self._batches[data] = batch
            if len(self._batches) > self._keep:
                self._retire(self._batches.popitem(last=False)[1])
        return batch

    def drain(self) -> None:
        """Retire everything, e.g. before percentiles are read."""
        while self._batches:
            self._retire(self._batches.popitem(last=False)[1])
