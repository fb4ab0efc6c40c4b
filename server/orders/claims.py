"""Whose a payment is: the first order it was for. Two signed notices cannot pay two orders with one payment.

`miaodan:payment:PAYMENT` -> the order's id, in a slot of its own, for the orders of all partitions.
"""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis

from server.valkey import store_errors


class Claims:
    """`life_ms`: how long a claim is kept."""

    def __init__(self, client: Redis, life_ms: int) -> None:
        self._client = client
        self._life = life_ms

    @staticmethod
    def key(payment: str) -> str:
        return f"miaodan:payment:{payment}"

    async def take(self, payment: str, order: str) -> str:
        """The order that the payment belongs to, `order` where it is the first. Raises StoreUnavailable."""
        with store_errors():
            owner = await self._client.set(self.key(payment), order, nx=True, get=True, px=self._life)
        return cast("bytes", owner).decode() if owner is not None else order
