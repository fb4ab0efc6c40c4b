"""What every connection of this process needs, gathered by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from schemas.codes import CloseCode
from server.orders.service import OrderService
from server.rooms.control import RoomControl
from server.rooms.log import RoomLog
from server.rooms.moderation import Moderation
from server.rooms.registry import LiveRooms
from server.settings import Settings
from server.trust.limits import Buckets, Concurrent
from server.trust.origins import Origins
from server.trust.tokens import Tokens
from server.trust.turnstile import Turnstile
from server.trust.words import Words

Clock = Callable[[], int]


class Connected(Protocol):
    """A connection as upkeep sees it."""

    def tick(self, now: int) -> None:
        """Check its timeouts."""

    def close(self, code: CloseCode, reason: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often a user may speak, buy and like, over all of their sockets in this process."""

    danmaku: Buckets
    orders: Buckets
    likes: Buckets


@dataclass(slots=True)
class Doorway:
    """`clock` is the store's time in milliseconds as this process knows it."""

    settings: Settings
    clock: Clock
    tokens: Tokens
    words: Words
    origins: Origins
    rooms: LiveRooms
    room_log: RoomLog
    control: RoomControl
    moderation: Moderation
    orders: OrderService
    joins: Turnstile
    addresses: Concurrent
    allowance: Allowance
    draining: bool = False
    connections: dict[Connected, None] = field(default_factory=dict)
    work: set[asyncio.Task[None]] = field(default_factory=set)
    """Hellos and commands that wait for the store."""
