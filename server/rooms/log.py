"""A room's log in the store: one append is one atomic call that also stores and publishes.

The state hash is always the log applied up to its `seq`, so that a reader gets either every event
it misses (`since`) or the whole room (`load`), never a part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
from redis.asyncio import Redis
from uuid_utils import uuid7

from schemas.codes import ErrorCode, RoomStatus
from schemas.commands import command_type as event_type
from schemas.events import RoomUpdated, SequencedEvent
from schemas.http import RoomCreate
from schemas.models import RoomSnapshot
from server.rooms import metrics
from server.rooms.rules import Refused
from server.rooms.state import RoomState
from server.rooms.store import LIVE_ROOMS, room_key, room_lock
from server.settings import RoomSettings
from server.valkey import Script, room_channel, store_errors, store_time

PAGE = 100
"""Rooms in one answer of `live` at most."""

_create = Script.from_package("server.rooms", "lua/create.lua")
_append = Script.from_package("server.rooms", "lua/append.lua")
_load = Script.from_package("server.rooms", "lua/load.lua")
_since = Script.from_package("server.rooms", "lua/since.lua")


class SequenceConflict(Exception):
    """The room moved on since the state was read; nothing was written. Load again and decide again."""


_event_decoder: msgspec.json.Decoder[SequencedEvent] = msgspec.json.Decoder(SequencedEvent)


def encode_event(event: SequencedEvent) -> bytes:
    """An event as the log keeps it: JSON, without its `seq`, which is its place there."""
    fields: dict[str, object] = msgspec.to_builtins(event)
    fields.pop("seq", None)
    return msgspec.json.encode(fields)


class RoomLog:
    """All rooms' logs. Every method raises StoreUnavailable when the store is out of reach."""

    def __init__(self, client: Redis, settings: RoomSettings) -> None:
        self._client = client
        self._settings = settings

    async def create(self, request: RoomCreate, owner: str, now: int) -> RoomState:
        """A new scheduled room of `owner`, made at `now` (ms); its id is made up where none is named.

        Asking again for a room one already hosts returns it as it is; another's id is Refused
        `conflict`.
        """
        state = RoomState(
            id=request.id or uuid7().hex,
            epoch=uuid7().hex,
            title=request.title,
            currency=request.currency,
            hosts=[owner],
            created_at=now,
            stream_url=request.stream_url,
            guests=request.guests,
            starts_at=request.starts_at,
        )
        keys = [room_key(state.id, "state"), room_key(state.id, "log")]
        with store_errors():
            made = await _create.run(self._client, keys, [state.epoch, state.documents()["room"]])
        if made:
            return state
        existing = await self.load(state.id)
        if existing is None or owner not in existing.hosts:
            raise Refused(ErrorCode.CONFLICT, f"the id {state.id} is taken", "id")
        return existing

    async def load(self, room: str) -> RoomState | None:
        """The room as of one instant, with its counters; None when there is none.

        `available` is what the last event about a product or sale said: pools know the number now.
        """
        keys = [room_key(room, part) for part in ("state", "nodes", "totals")]
        with store_errors():
            flat, online, peak, likes = await _load.run(self._client, keys, [])
        if not flat:
            return None
        fields = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
        state = RoomState.from_documents(
            room, epoch=fields["epoch"].decode(), seq=int(fields["seq"]), documents=fields
        )
        state.online, state.peak, state.likes = online, peak, likes
        return state

    async def append(self, state: RoomState, events: Sequence[SequencedEvent]) -> int:
        """Log `events`, decided on `state`, and return the last one's seq. `state` is left as it is.

        Raises SequenceConflict when the room is no longer at `state.seq`.
        """
        after = state.copy()
        for event in events:
            after.apply(after.seq + 1, event)
        before, now = state.documents(), after.documents()
        changed = [(name, document) for name, document in now.items() if before.get(name) != document]
        gone = [name for name in before if name not in now]
        arguments: list[str | bytes | int | float] = [
            state.epoch,
            state.seq,
            self._settings.log_length,
            room_channel(state.id),
            len(events),
            len(changed),
            *(encode_event(event) for event in events),
            *(part for pair in changed for part in pair),
            *gone,
        ]
        keys = [room_key(state.id, "state"), room_key(state.id, "log")]
        statuses = {event.status for event in events if isinstance(event, RoomUpdated)}
        with store_errors():
            if RoomStatus.LIVE in statuses:
                # Listed first: a crash in between leaves a room too many there, which `live` skips.
                await self._client.zadd(LIVE_ROOMS, {state.id: 0})
            seq = int(await _append.run(self._client, keys, arguments))
            if seq < 0:
                metrics.CONFLICTS.inc()
                raise SequenceConflict(f"room {state.id} is no longer at {state.seq}")
            if RoomStatus.ENDED in statuses:
                await self._client.zrem(LIVE_ROOMS, state.id)
        for event in events:
            metrics.EVENTS.labels(event_type(event)).inc()
        return seq

    async def since(self, room: str, epoch: str, seq: int) -> list[tuple[int, SequencedEvent]] | None:
        """Every event after `seq`, in order and without holes.

        None when that cannot be had: trimmed past, another epoch, no room, or `seq` not reached yet.
        """
        keys = [room_key(room, "state"), room_key(room, "log")]
        with store_errors():
            raw = await _since.run(self._client, keys, [epoch, seq])
        if raw is None:
            return None
        events: list[tuple[int, SequencedEvent]] = []
        for number, entry in enumerate(raw, start=seq + 1):
            event = _event_decoder.decode(entry)
            event.seq = number
            events.append((number, event))
        return events

    async def live(self, cursor: str | None = None, limit: int = 20) -> tuple[list[RoomSnapshot], str | None]:
        """Live rooms in the order of their ids, and the cursor to ask on with (None: no more)."""
        limit = max(1, min(limit, PAGE))
        found: list[RoomSnapshot] = []
        after = cursor
        while True:
            low = f"({after}" if after else "-"
            with store_errors():
                names = await self._client.zrangebylex(LIVE_ROOMS, low, "+", start=0, num=limit + 1)
            rooms = [name if isinstance(name, str) else name.decode() for name in names]
            states = await asyncio.gather(*(self.load(room) for room in rooms))
            for room, state in zip(rooms, states, strict=True):
                if len(found) == limit:
                    return found, after
                after = room
                if state is not None and state.status is RoomStatus.LIVE:
                    found.append(state.snapshot())
            if len(rooms) <= limit:
                return found, None

    def lock(self, room: str) -> AbstractAsyncContextManager[None]:
        """One command at a time between the room's stock and its log; see `room_lock`."""
        return room_lock(self._client, room)

    async def now(self) -> int:
        """The store's clock in ms."""
        with store_errors():
            return await store_time(self._client)
