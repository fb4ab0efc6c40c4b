"""Charges: each attempt to take an order's money, written down before the provider is asked.

    {pNN}:charge:ORDER   hash: n number · open 1 or 0 · spent 1: the next charge has another number ·
                         at, joined: opened, last taken up (ms) · joins: how often ·
                         tap 1: paid with one tap · walk 1: rebuilt after the store was lost
    {pNN}:charges        zset: order id by when the poller looks at its open charge

The charge's key `ORDER-n` is the provider's idempotency key. At most one charge of an order is open, and
the number grows only once the provider has said that nothing was or will be taken (or that it was given
back): two gateways, the poller and a restarted process all ask for the same money. So a charge's record
may be lost without harm: counting begins at 1 again, and the provider tells what became of each key.
"""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from schemas.codes import ErrorCode
from server.orders.keys import KeyBook, PartitionKeys, charge_key
from server.orders.pipe import call_script
from server.orders.provider import Charge
from server.orders.records import StoredOrder
from server.orders.scripts import CLOSE_CHARGE
from server.valkey import room_channel, store_errors

_LONGEST_LOOK_MS = 60_000


class OpenCharge(Struct, frozen=True):
    """A charge as the store has it. Times in ms on the store's clock."""

    order: str
    number: int
    at: int
    joined: int
    joins: int
    one_tap: bool
    walk: bool
    """Its number is a guess: one that came to nothing is followed by the next."""

    @property
    def key(self) -> str:
        return charge_key(self.order, self.number)


def rebuilt_charge(now: int) -> dict[str, int]:
    """The hash of a charge whose record was lost, with the first number: the poller finds the true one."""
    return {"n": 1, "open": 1, "spent": 0, "at": now, "joined": now, "joins": 1, "tap": 0, "walk": 1}


def charge_of(record: StoredOrder, number: int) -> Charge:
    """What the provider is asked for."""
    key = charge_key(record.order, number)
    return Charge(key, record.order, record.user, record.amount, record.currency)


class ChargeBook:
    """Reads and ends charges. `life_ms`: how long an ended charge's number is remembered at least."""

    def __init__(self, client: Redis, book: KeyBook, life_ms: int) -> None:
        self._client = client
        self._book = book
        # An order may be paid as long as it is kept, which begins when its hold ends.
        self._life = 2 * life_ms

    def keys(self, order: str) -> PartitionKeys:
        """Raises ValueError for what is no order's id."""
        keys = self._book.of_order(order)
        if keys is None:
            raise ValueError(f"not an order's id: {order!r}")
        return keys

    async def find(self, order: str) -> OpenCharge | None:
        """The order's open charge. Raises redis errors."""
        found = cast("dict[bytes, bytes]", await self._client.hgetall(self.keys(order).charge(order)))
        if found.get(b"open") != b"1":
            return None
        return OpenCharge(
            order,
            int(found[b"n"]),
            int(found[b"at"]),
            int(found[b"joined"]),
            int(found[b"joins"]),
            found.get(b"tap") == b"1",
            found.get(b"walk") == b"1",
        )

    async def look_at(self, order: str, when: int) -> None:
        """The poller looks at the order's charge at `when` (ms), if it is open. Raises redis errors."""
        await self._client.zadd(self.keys(order).charges, {order: when}, xx=True)

    async def look_later(self, charge: OpenCharge, now: int, first_ms: int) -> None:
        """The older it is, the longer the pause. Raises redis errors."""
        pause = min(max((now - charge.at) // 2, first_ms), _LONGEST_LOOK_MS)
        await self.look_at(charge.order, now + pause)

    async def follow(self, charge: OpenCharge, now: int) -> None:
        """The next number of a charge whose own is not known. Raises redis errors."""
        await self._client.hset(self.keys(charge.order).charge(charge.order), "n", str(charge.number + 1))
        await self.look_at(charge.order, now)

    async def forget(self, order: str) -> None:
        """Strike an entry off that has no open charge (any more). Raises StoreUnavailable."""
        await self._close(order, 0, "", 1, None, "")

    async def end(self, order: str, number: int, record: StoredOrder | None, told: str = "") -> bool:
        """The provider will not take this charge's money any more; whether it was open.

        `told`: a sentence for the buyer's sessions. Raises StoreUnavailable.
        """
        return await self._close(order, number, "", 1, record, told)

    async def leave(self, order: str, number: int, joins: int) -> bool:
        """Nothing was taken and nobody asks for it any more; False where it was taken up since `joins`.

        The next charge has the same key: whatever the provider still gets of this one, it takes once.
        Raises StoreUnavailable.
        """
        return await self._close(order, number, str(joins), 0, None, "")

    async def _close(
        self, order: str, number: int, joins: str, spent: int, record: StoredOrder | None, told: str
    ) -> bool:
        partition = self.keys(order)
        wrong = b""
        if told:
            wrong = msgspec.json.encode({"code": ErrorCode.PAYMENT_FAILED.value, "message": told})
        channel = room_channel(record.room) if record is not None else ""
        keys = [partition.outbox, partition.charges, partition.charge(order), partition.order(order)]
        args: list[str | bytes | int] = [number, order, joins, spent, self._life, channel, wrong]
        with store_errors():
            return bool(await call_script(self._client, CLOSE_CHARGE, keys, args))
