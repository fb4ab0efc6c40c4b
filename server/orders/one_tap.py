"""What a user may pay with one tap within a window: kept in the store, by the charges' keys.

A hash per user, `miaodan:onetap:{USER}`: a charge's key -> "minor units, when (ms)". It is read, decided
on and written as one transaction, so that two gateways cannot both take what is left. What is over is
forgotten with the next payment and with the window. A process that dies between a charge's end and
`give_back` leaves it counted until the window has passed: never too much is let through.
"""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis
from redis.exceptions import WatchError

from server.orders.provider import Charge
from server.valkey import StoreUnavailable, store_errors, store_time

_ATTEMPTS = 32
"""Lost races against other payments of the same user."""


class OverCap(Exception):
    """More than the user may pay with one tap. Amounts in minor units of `currency`."""

    def __init__(self, cap: int, left: int, currency: str) -> None:
        super().__init__(cap, left, currency)
        self.cap = cap
        self.left = left
        self.currency = currency

    def __str__(self) -> str:
        return (
            f"one-tap payments are capped at {self.cap} {self.currency} (minor units), {self.left} are left:"
            " the order is held, pay it by itself"
        )


class OneTapCap:
    """`cap` in minor units, 0: none; `window_ms`: how long a payment counts."""

    def __init__(self, client: Redis, cap: int, window_ms: int) -> None:
        self._client = client
        self._cap = cap
        self._window = window_ms

    @staticmethod
    def key(user: str) -> str:
        return f"miaodan:onetap:{{{user}}}"

    async def spend(self, charge: Charge) -> None:
        """Count a charge, once. Raises OverCap (nothing is counted), StoreUnavailable."""
        if not self._cap or not charge.amount:
            return
        for _ in range(_ATTEMPTS):
            try:
                with store_errors():
                    await self._spend(charge)
            except WatchError:
                continue
            return
        raise StoreUnavailable("too many payments of one user at once")

    async def _spend(self, charge: Charge) -> None:
        key = self.key(charge.user)
        now = await store_time(self._client)
        async with self._client.pipeline(transaction=True) as pipeline:
            await pipeline.watch(key)
            kept = cast("dict[bytes, bytes]", await pipeline.hgetall(key))
            if charge.key.encode() in kept:
                return
            spent, over = 0, []
            for name, value in kept.items():
                amount, _, at = value.partition(b" ")
                if int(at) <= now - self._window:
                    over.append(name)
                else:
                    spent += int(amount)
            if spent + charge.amount > self._cap:
                raise OverCap(self._cap, max(self._cap - spent, 0), charge.currency)
            pipeline.multi()  # type: ignore[no-untyped-call]
            if over:
                pipeline.hdel(key, *over)
            pipeline.hset(key, charge.key, f"{charge.amount} {now}")
            pipeline.pexpire(key, self._window)
            await pipeline.execute()

    async def give_back(self, user: str, charge: str) -> None:
        """The charge took nothing, or its money went back. Raises StoreUnavailable."""
        if self._cap:
            with store_errors():
                await self._client.hdel(self.key(user), charge)

    async def give_back_order(self, user: str, order: str) -> None:
        """All of an order's money went back. Raises StoreUnavailable."""
        if not self._cap:
            return
        with store_errors():
            key, head = self.key(user), f"{order}-".encode()
            kept = cast("list[bytes]", await self._client.hkeys(key))
            if mine := [name for name in kept if name.startswith(head)]:
                await self._client.hdel(key, *mine)
