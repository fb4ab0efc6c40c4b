"""How the sandbox misbehaves. Every throw of the dice depends on the seed and on what it is about alone,
so the same seed and the same requests misbehave alike whatever the order they come in."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from hashlib import blake2b
from typing import Annotated

from msgspec import Meta, Struct

Probability = Annotated[float, Meta(ge=0, le=1)]

HELD_BACK_MS = 2_000
"""A notice out of turn is posted up to this much later."""
COPY_MS = 1_000
"""The second copy of a notice is posted up to this much later."""
_COUNTED = 100_000
"""Subjects whose requests are counted; the oldest are forgotten first."""


class Behaviour(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`GET` and `PUT /v1/behaviour`. Probabilities are 0 to 1, durations milliseconds."""

    latency_ms: Annotated[int, Meta(ge=0, le=600_000)] = 50
    """How long each request about a payment takes."""
    delay_ms: Annotated[int, Meta(ge=0, le=86_400_000)] = 0
    """How long a notice waits before it is posted."""
    duplicate: Probability = 0.0
    """A notice is posted twice."""
    reorder: Probability = 0.0
    """A notice is held back, so that later ones overtake it."""
    drop: Probability = 0.0
    """A notice is never posted."""
    fail: Probability = 0.0
    """A request about a payment is answered 500, half of them after it was carried out."""
    decline: Probability = 0.0
    """A payment is declined."""
    pending: Probability = 0.0
    """A payment is not decided at once."""
    pending_ms: Annotated[int, Meta(ge=0, le=86_400_000)] = 1_000
    """How long it is not decided."""
    seed: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    """The same seed, the same misbehaviour."""

    def roll(self, what: str, about: str) -> float:
        """0 <= x < 1, always the same for the same seed and words."""
        digest = blake2b(f"{self.seed}\n{what}\n{about}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    def declines(self, key: str, user: str) -> bool:
        """A user whose id begins with `declined` always is."""
        return user.startswith("declined") or self.roll("decline", key) < self.decline

    def keeps_waiting(self, key: str) -> bool:
        return self.roll("pending", key) < self.pending

    def loses(self, event: str) -> bool:
        return self.roll("drop", event) < self.drop

    def posts_after(self, event: str) -> list[int]:
        """How many milliseconds from now each copy of a notice is posted."""
        first = self.delay_ms
        if self.roll("reorder", event) < self.reorder:
            first += int(HELD_BACK_MS * self.roll("held back", event))
        if self.roll("duplicate", event) < self.duplicate:
            return [first, first + int(COPY_MS * self.roll("copy", event))]
        return [first]


class Failure(Enum):
    """When a request fails."""

    BEFORE = "before"
    """Nothing was done."""
    AFTER = "after"
    """It was carried out, and its answer is lost."""


class Failures:
    """Which of the requests about the same thing fail: each asks the dice anew."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, int] = OrderedDict()

    def next(self, behaviour: Behaviour, about: str) -> Failure | None:
        if not behaviour.fail:
            return None
        number = self._asked[about] = self._asked.get(about, 0) + 1
        self._asked.move_to_end(about)
        if len(self._asked) > _COUNTED:
            self._asked.popitem(last=False)
        if behaviour.roll("fail", f"{about}\n{number}") >= behaviour.fail:
            return None
        return Failure.AFTER if behaviour.roll("when", f"{about}\n{number}") < 0.5 else Failure.BEFORE
