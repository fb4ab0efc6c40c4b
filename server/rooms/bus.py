"""What the store says about rooms, brought to this process over one pubsub connection.

Pubsub forgets: what was published while the connection was down is gone. So after every
subscription, first or renewed, a room's handler gets the kind `R` and catches up from the log. From
`X`, when the connection is lost, to that `R` it cannot know what it misses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from server.rooms import metrics
from server.valkey import room_channel

RESUBSCRIBED = b"R"
LOST = b"X"
PING_SECONDS = 5.0
"""A silent connection is asked once after this long, and given up after as long again."""
BACKOFF_SECONDS = (0.05, 2.0)
_KINDS = frozenset(b"LSOCDN")
_KEEP_OPEN = "miaodan:bus"

Handler = Callable[[bytes, bytes], None]
"""Called on the loop with a kind byte and the body; must not block."""

_logger = structlog.get_logger(__name__)


class RoomBus:
    """One handler per room. `subscribe` never fails: while the store is away, `R` is just late."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._handlers: dict[str, tuple[str, Handler]] = {}
        self._pubsub: PubSub | None = None
        self._task: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="room-bus")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def connected(self) -> bool:
        return self._pubsub is not None

    async def subscribe(self, room: str, handler: Handler) -> None:
        """Bring `room`'s messages to `handler`, from its first `R` on. Raises ValueError on a second one."""
        channel = room_channel(room)
        if channel in self._handlers:
            raise ValueError(f"room {room} has a handler already")
        self._handlers[channel] = (room, handler)
        async with self._changing:
            if self._pubsub is not None and channel in self._handlers:
                await self._tell(self._pubsub.subscribe(channel))

    async def unsubscribe(self, room: str) -> None:
        """No message reaches the room's handler after this call began."""
        channel = room_channel(room)
        if self._handlers.pop(channel, None) is None:
            return
        async with self._changing:
            if self._pubsub is not None and channel not in self._handlers:
                await self._tell(self._pubsub.unsubscribe(channel))

    async def _tell(self, command: object) -> None:
        try:
            await command  # type: ignore[misc]
        except (RedisError, OSError):
            _logger.info("room bus is reconnecting; the subscription follows")

    async def _run(self) -> None:
        wait = BACKOFF_SECONDS[0]
        while True:
            pubsub = self._client.pubsub()
            try:
                async with self._changing:
                    await pubsub.subscribe(_KEEP_OPEN, *self._handlers)
                    self._pubsub = pubsub
                wait = BACKOFF_SECONDS[0]
                await self._read(pubsub)
            except (RedisError, OSError) as error:
                metrics.BUS_RECONNECTS.inc()
                _logger.warning("room bus lost the store", error=str(error), again_in_s=wait)
            finally:
                self._disconnected()
                await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(wait)
            wait = min(wait * 2, BACKOFF_SECONDS[1])

    def _disconnected(self) -> None:
        if self._pubsub is not None:
            self._pubsub = None
            for room, handler in list(self._handlers.values()):
                self._hand(handler, room, LOST, b"")

    async def _read(self, pubsub: PubSub) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=PING_SECONDS)
            if message is not None:
                asked = False
                self._deliver(message["type"], message["channel"], message["data"])
            elif asked:
                raise ConnectionError(f"no answer within {PING_SECONDS} s")
            else:
                asked = True
                await pubsub.ping()

    def _deliver(self, type: str, channel: bytes | None, data: object) -> None:
        subscriber = self._handlers.get(channel.decode()) if channel else None
        if subscriber is None:
            return
        room, handler = subscriber
        if type == "subscribe":
            kind, body = RESUBSCRIBED, b""
        elif type == "message" and isinstance(data, bytes) and data and data[0] in _KINDS:
            kind, body = data[:1], data[1:]
        else:
            return
        self._hand(handler, room, kind, body)

    def _hand(self, handler: Handler, room: str, kind: bytes, body: bytes) -> None:
        metrics.BUS_MESSAGES.add(kind.decode())
        try:
            handler(kind, body)
        except Exception:
            metrics.BUS_ERRORS.inc()
            _logger.exception("a room's handler failed", room=room, kind=kind.decode())
