"""What a room has to say until its next flush, lane by lane. Sans-I/O: no sockets, no clock.

L1 keeps everything in order, L2 keeps the latest value of each key, L3 keeps a bounded number of
danmaku and gives a fair sample of them. What L3 loses is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from schemas.events import Danmaku, RoomState
from schemas.models import Countdown

StateKey = tuple[str, str]
"""("online", ""), ("likes", ""), ("stock", sku or sale), ("total", sku or sale), ("countdown", sale)."""
StateValue = int | Countdown

CHAT_PENDING_FLUSHES = 8
"""Danmaku kept between two flushes, in multiples of the budget."""


@dataclass(slots=True)
class Batch:
    """One flush: `sequenced` in order, `state` merged, `chat` sampled, `unshown` sampled away."""

    sequenced: list[Struct] = field(default_factory=list)
    state: dict[StateKey, StateValue] = field(default_factory=dict)
    chat: list[Danmaku] = field(default_factory=list)
    unshown: list[Danmaku] = field(default_factory=list)
    overflowed: int = 0

    @property
    def skipped(self) -> int:
        """How many danmaku nobody gets in this flush."""
        return len(self.unshown) + self.overflowed


def sample(
    messages: Sequence[Danmaku], budget: int, bytes_budget: int
) -> tuple[list[Danmaku], list[Danmaku]]:
    """At most `budget` messages with `bytes_budget` of text, fair between speakers, in the order they
    came; and the rest.

    Everybody's first message is taken before anybody's second (round robin over speakers in the
    order in which they first spoke). One that is too long for what is left is passed over.
    """
    sizes = [len(message.text.encode()) for message in messages]
    if len(messages) <= budget and sum(sizes) <= bytes_budget:
        return list(messages), []
    by_speaker: dict[str, deque[int]] = {}
    for index, message in enumerate(messages):
        by_speaker.setdefault(message.user.id, deque()).append(index)
    chosen: set[int] = set()
    turns = deque(by_speaker.values())
    while turns and len(chosen) < budget:
        speaker = turns.popleft()
        index = speaker.popleft()
        if sizes[index] <= bytes_budget:
            chosen.add(index)
            bytes_budget -= sizes[index]
        if speaker:
            turns.append(speaker)
    taken = [message for index, message in enumerate(messages) if index in chosen]
    rest = [message for index, message in enumerate(messages) if index not in chosen]
    return taken, rest


def state_event(values: dict[StateKey, StateValue], now: int) -> RoomState:
    """`room.state` with just these keys; `now` is the server's time in milliseconds."""
    event = RoomState(server_time=now)
    for (kind, key), value in values.items():
        if kind == "stock":
            event.stock = event.stock or {}
            event.stock[key] = value  # type: ignore[assignment]
        elif kind == "total":
            event.total = event.total or {}
            event.total[key] = value  # type: ignore[assignment]
        elif kind == "countdown":
            event.countdown = event.countdown or {}
            event.countdown[key] = value  # type: ignore[assignment]
        elif kind == "online":
            event.online = value  # type: ignore[assignment]
        else:
            event.likes = value  # type: ignore[assignment]
    return event


class Lanes:
    """A room's pending events. `latest` is every L2 value ever set, for those who fell behind."""

    def __init__(self, chat_budget: int, chat_bytes: int) -> None:
        self._budget = chat_budget
        self._bytes_budget = chat_bytes
        self._chat_limit = max(1, chat_budget * CHAT_PENDING_FLUSHES)
        self._pending = Batch()
        self.latest: dict[StateKey, StateValue] = {}

    def sequenced(self, event: Struct) -> None:
        """L1: goes to everybody, in this order."""
        self._pending.sequenced.append(event)

    def state(self, key: StateKey, value: StateValue) -> bool:
        """L2: the latest value of a key; false when nothing changed."""
        if self.latest.get(key) == value:
            return False
        self.latest[key] = value
        self._pending.state[key] = value
        return True

    def forget(self, key: StateKey) -> None:
        """The key's subject is gone: nothing of it is told any more."""
        self.latest.pop(key, None)
        self._pending.state.pop(key, None)

    def chat(self, message: Danmaku) -> bool:
        """L3: may be sampled away; false when the pending list was full (the message is counted)."""
        if len(self._pending.chat) >= self._chat_limit:
            self._pending.overflowed += 1
            return False
        self._pending.chat.append(message)
        return True

    def recall(self, message: str) -> None:
        """A danmaku that nobody has seen yet is not shown at all."""
        self._pending.chat = [pending for pending in self._pending.chat if pending.message != message]

    @property
    def pending_sequenced(self) -> int:
        return len(self._pending.sequenced)

    @property
    def dirty(self) -> bool:
        pending = self._pending
        return bool(pending.sequenced or pending.state or pending.chat or pending.overflowed)

    @property
    def urgent(self) -> bool:
        """Whether there is more than numbers that may wait."""
        pending = self._pending
        return bool(pending.sequenced or pending.chat or pending.overflowed or 0 in pending.state.values())

    def take(self) -> Batch:
        """Everything pending, sampled; the lanes are empty afterwards."""
        batch = self._pending
        self._pending = Batch()
        batch.chat, batch.unshown = sample(batch.chat, self._budget, self._bytes_budget)
        return batch

    def take_sequenced(self) -> Batch:
        """L1 alone, for a joiner who must not be told twice; the other lanes wait on."""
        batch = Batch(sequenced=self._pending.sequenced)
        self._pending.sequenced = []
        return batch
