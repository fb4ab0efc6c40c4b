"""What happens to orders after their reservation, in batches: one Lua call for many orders.

The scripts compare and set: an order that moved on meanwhile is left as it is and comes back as it
stands. Which status allows what comes from `lifecycle`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis

from server.orders.entries import payment_head
from server.orders.keys import KeyBook, PartitionKeys, charge_key
from server.orders.lanes import Fate, Unanswered
from server.orders.lifecycle import Action, sources, target
from server.orders.pipe import call_script
from server.orders.records import StoredOrder, decode_stored
from server.orders.scripts import CHARGE, PAY, RELEASE
from server.valkey import Script

RETURN_AFTER_MS = 15_000
"""Who begins a refund or cannot use a payment sees to it at once; after this the sweeper does."""


class Code(IntEnum):
    """What a change did (the scripts' first lines)."""

    DONE = 1
    ALREADY = 2
    REFUSED = 0
    MISSING = -1
    SOLD_OUT = -2
    OVER_LIMIT = -3
    DEADLINE = -4
    FOREIGN = -5
    """The payment belongs to another order."""


class Changed(Struct, frozen=True):
    """`record` is the order as it stands now; None when there is none."""

    code: Code
    record: StoredOrder | None
    charge: int = 0
    """Number of the open charge, where one was opened or joined."""
    joins: int = 0
    """How often that charge was taken up so far."""
    opened: int = 0
    """1: by this change; else it was open."""


class Change(Struct, gc=False):
    """One order's change on its way: the script's own arguments, and where the answer goes."""

    record: StoredOrder
    args: tuple[str | bytes, ...]
    keys: Callable[[PartitionKeys], tuple[str, ...]] | None = None
    """Those beside the ones that every script gets."""
    answer: asyncio.Future[Changed] | None = None


class Operation(Struct, frozen=True):
    """One kind of change. `head`: the script's arguments after sources and target."""

    action: Action
    script: Script
    head: tuple[str | int, ...]
    label: str = ""

    @property
    def name(self) -> str:
        return self.label or self.action.value


_LATE = next(iter(sources(Action.PAY_LATE))).value
PAY_ORDER = Operation(Action.PAY, PAY, (_LATE, RETURN_AFTER_MS))
CANCEL_ORDER = Operation(Action.CANCEL, RELEASE, (0, 0))


def open_charge(look_ms: int) -> Operation:
    """Write a charge down before the provider hears of it; the poller looks at it after `look_ms`."""
    return Operation(Action.PAY, CHARGE, (_LATE, look_ms), "charge")


def expire_order(grace_ms: int) -> Operation:
    """Release a hold whose payment deadline passed `grace_ms` ago."""
    return Operation(Action.EXPIRE, RELEASE, (1, grace_ms))


class Owed(Struct, frozen=True):
    """Money that goes back: a payment nobody could use, or a refund that has begun."""

    order: str
    currency: str
    amount: int
    payment: str

    @classmethod
    def decode(cls, member: bytes) -> Owed:
        """A member of the returns. Raises ValueError."""
        order, currency, amount, payment = member.decode().split(" ", 3)
        return cls(order, currency, int(amount), payment)

    @property
    def member(self) -> str:
        return f"{self.order} {self.currency} {self.amount} {self.payment}"


def owed_for(record: StoredOrder, payment: str) -> Owed:
    return Owed(record.order, record.currency, record.amount, payment)


def charge_change(record: StoredOrder, *, one_tap: bool) -> Change:
    order = record.order
    return Change(record, ("1" if one_tap else "0",), lambda keys: (keys.charge(order), keys.charges))


def pay_change(record: StoredOrder, payment: str, charge: int = 0) -> Change:
    """`charge`: number of the charge the payment came by; 0 where only the provider knows."""
    order = record.order
    key = charge_key(order, charge) if charge else ""
    row = payment_head(payment, order, key, record.amount, record.currency)
    return Change(
        record,
        (payment, str(record.amount), owed_for(record, payment).member, str(charge), row),
        lambda keys: (keys.charge(order), keys.charges, keys.unused(payment)),
    )


def release_change(record: StoredOrder, reason: str) -> Change:
    return Change(record, (reason,))


def add_arguments(
    change: Change, book: KeyBook, partition: PartitionKeys, keys: list[str], args: list[str | bytes | int]
) -> None:
    """One order's part of a script's KEYS and ARGV: its own, its pool's, what the change brings along."""
    record = change.record
    room = book.room(record.room)
    pool, home = room.at(record.pool), room.at(record.home)
    keys += (partition.order(record.order), pool.pool, pool.units, home.pool)
    keys += change.keys(partition) if change.keys is not None else ()
    args += (room.channel, pool.ref, home.ref, *change.args)


class Changes:
    """Carries changes out for one partition."""

    def __init__(self, client: Redis, book: KeyBook, partition: PartitionKeys, finished_life_ms: int) -> None:
        self._client = client
        self._book = book
        self._partition = partition
        self._life = finished_life_ms

    async def run(self, operation: Operation, changes: Sequence[Change]) -> list[Changed]:
        """Raises redis errors, StoreUnavailable when nothing was sent."""
        partition = self._partition
        keys = [partition.outbox, partition.holds, partition.returns]
        allowed = "," + ",".join(sorted(status.value for status in sources(operation.action))) + ","
        args: list[str | bytes | int] = [len(changes), self._life, allowed, target(operation.action).value]
        args += operation.head
        for change in changes:
            add_arguments(change, self._book, partition, keys, args)
        reply = await call_script(self._client, operation.script, keys, args)
        return [
            Changed(Code(code), decode_stored(record) if record else None, *charge)
            for code, record, *charge in reply
        ]


def deliver(changes: list[Change], reply: Any) -> None:
    """A lane's replies, to who waits for them."""
    for change, changed in zip(changes, reply, strict=True):
        if change.answer is not None and not change.answer.done():
            change.answer.set_result(changed)


def fail(change: Change, fate: Fate) -> None:
    """A lane's jobs without a reply."""
    if change.answer is not None and not change.answer.done():
        change.answer.set_exception(Unanswered(fate))
