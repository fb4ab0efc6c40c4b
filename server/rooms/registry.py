"""The rooms this process has viewers in: opened on the first, let go when idle; what they publish.

One publisher sends every room's danmaku (one publish per room and turn, never one per message);
one beat a second reports presence, countdowns and dashboards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.asyncio import Redis

from schemas.events import Danmaku, Dashboard
from server.fanout.broadcast import Broadcast
from server.fanout.sender import Sender
from server.rooms.bus import RoomBus
from server.rooms.live import LiveRoom, Wiring
from server.rooms.log import RoomLog
from server.rooms.metrics import CHAT_LOST, OPEN_ROOMS
from server.rooms.moderation import Moderation
from server.rooms.notices import encode_chat
from server.rooms.presence import Presence
from server.settings import Settings
from server.valkey import Publisher, StoreUnavailable, room_channel

log = structlog.get_logger("miaodan.rooms")

IDLE_BEATS = 30
"""A room without members is kept this many beats, for those who come back."""
PUBLISH_SECONDS = 0.01
"""Least time between two publishes of one process under load."""


class LiveRooms:
    """`clock` is the store's time in milliseconds as this process knows it."""

    def __init__(
        self,
        client: Redis,
        room_log: RoomLog,
        moderation: Moderation,
        bus: RoomBus,
        presence: Presence,
        wiring: Wiring,
        dashboard: Callable[[str], Awaitable[Dashboard]],
        settings: Settings,
        clock: Callable[[], int],
        node: str,
        sender: Sender | None,
    ) -> None:
        self._speaker = Publisher(client)
        self._log = room_log
        self._moderation = moderation
        self._bus = bus
        self._presence = presence
        self._wiring = wiring
        self._load_dashboard = dashboard
        self._settings = settings
        self._clock = clock
        self._node = node
        self._sender = sender
        self._rooms: dict[str, LiveRoom] = {}
        self._opening: dict[str, asyncio.Task[LiveRoom | None]] = {}
        self._idle: dict[str, int] = {}
        self._talk = asyncio.Event()
        self._talking: dict[str, LiveRoom] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def find(self, room: str) -> LiveRoom | None:
        """The room, where this process has it open."""
        return self._rooms.get(room)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._publisher()), loop.create_task(self._beats())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for room in self._rooms.values():
            room.stop()
        await self._speaker.stop()

    async def open(self, room: str) -> LiveRoom | None:
        """The room, live and caught up; None when there is none. Raises StoreUnavailable."""
        live = self._rooms.get(room)
        if live is not None:
            self._idle.pop(room, None)
            return live
        task = self._opening.get(room)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._open(room))
            self._opening[room] = task
            task.add_done_callback(lambda _: self._opening.pop(room, None))
        return await asyncio.shield(task)

    async def _open(self, room: str) -> LiveRoom | None:
        state = await self._log.load(room)
        if state is None:
            return None
        fanout = Broadcast(self._settings.fanout, self._clock, asyncio.get_running_loop(), self._sender)
        settings = self._settings.rooms
        live: LiveRoom

        def talk() -> None:
            self._talking[room] = live
            self._talk.set()

        live = LiveRoom(
            state,
            fanout,
            self._log,
            self._moderation,
            self._wiring,
            settings.ring_length,
            settings.chat_queue,
            talk,
        )
        await live.recovery.fill()
        await self._bus.subscribe(room, live.heard)
        try:
            async with asyncio.timeout(self._settings.orders.store_timeout_ms / 1000):
                await live.ready.wait()
        except TimeoutError:
            await self._bus.unsubscribe(room)
            live.stop()
            raise StoreUnavailable("the room could not be read in time") from None
        self._rooms[room] = live
        OPEN_ROOMS.inc()
        return live

    async def _publisher(self) -> None:
        while True:
            await self._talk.wait()
            self._talk.clear()
            talking, self._talking = self._talking, {}
            sent = [(room, room.take_chat()) for room in talking.values()]
            try:
                await self._publish(sent)
            except Exception as error:  # whatever it was, the next publish is tried
                lost = sum(len(messages) for _, messages in sent)
                CHAT_LOST.inc(lost)
                log.warning("danmaku lost: the store took no publish", lost=lost, error=repr(error))
            await asyncio.sleep(min(PUBLISH_SECONDS, self._settings.fanout.tick_ms / 1000))

    async def _publish(self, sent: list[tuple[LiveRoom, list[Danmaku]]]) -> None:
        await self._speaker.publish(
            [(room_channel(room.id), b"C" + encode_chat(messages)) for room, messages in sent]
        )

    async def _beats(self) -> None:
        period = self._settings.rooms.presence_ms / 1000
        while True:
            await asyncio.sleep(period)
            for name, room in list(self._rooms.items()):
                try:
                    await self._beat(name, room)
                except StoreUnavailable as error:
                    log.warning("presence not reported", room=name, error=str(error))
                except Exception:
                    log.exception("a room's beat failed", room=name)

    async def _beat(self, name: str, room: LiveRoom) -> None:
        room.beat(self._clock())
        room.broadcast.sweep()
        likes, room.likes_out = room.likes_out, 0
        try:
            await self._presence.report(name, self._node, len(room.broadcast), likes)
        except StoreUnavailable:
            room.likes_out += likes
            raise
        await room.dashboard(self._load_dashboard)
        if len(room.broadcast):
            self._idle.pop(name, None)
            return
        self._idle[name] = self._idle.get(name, 0) + 1
        if self._idle[name] > IDLE_BEATS:
            await self._let_go(name, room)

    async def _let_go(self, name: str, room: LiveRoom) -> None:
        del self._rooms[name]
        del self._idle[name]
        OPEN_ROOMS.dec()
        room.stop()
        await self._bus.unsubscribe(name)
