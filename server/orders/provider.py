"""The payment provider as the order wing sees it, and one that lives in this process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Protocol, TypeVar

from msgspec import Struct

_REMEMBERED = 100_000
_V = TypeVar("_V")


class PaymentRefused(Exception):
    """The provider said no. `reason` is a sentence for the buyer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Charge(Struct, frozen=True):
    """What is to be paid. `amount` in minor units of `currency`."""

    key: str
    """Idempotency: the same key is the same payment, until that payment was refunded."""
    order: str
    user: str
    amount: int
    currency: str


class PaymentProvider(Protocol):
    """Takes money and gives it back. Anything raised but PaymentRefused means: no answer."""

    async def authorise(self, charge: Charge) -> str:
        """The payment's id, money set aside. Raises PaymentRefused."""

    async def capture(self, payment: str) -> None:
        """Take the money set aside; again is no harm. Raises PaymentRefused."""

    async def refund(self, payment: str, amount: int, currency: str) -> None:
        """Give it back; again is no harm. Raises PaymentRefused."""


class SandboxProvider:
    """Approves everybody but users whose id begins with `declined`, after `latency_ms`.

    Remembers the last 100,000 payments; the oldest are forgotten first.
    """

    def __init__(self, latency_ms: int = 50) -> None:
        self._latency = latency_ms / 1000
        self._payments: OrderedDict[str, str] = OrderedDict()
        self._refunds: OrderedDict[str, int] = OrderedDict()

    async def authorise(self, charge: Charge) -> str:
        await asyncio.sleep(self._latency)
        if charge.user.startswith("declined"):
            raise PaymentRefused("the card was declined")
        attempt = self._refunds.get(charge.key, 0) + 1
        payment = f"sandbox-{charge.key}-{attempt}"
        _remember(self._payments, payment, charge.key)
        return payment

    async def capture(self, payment: str) -> None:
        await asyncio.sleep(0)

    async def refund(self, payment: str, amount: int, currency: str) -> None:
        await asyncio.sleep(0)
        key = self._payments.pop(payment, None)
        if key is not None:
            _remember(self._refunds, key, self._refunds.get(key, 0) + 1)


def _remember(memory: OrderedDict[str, _V], key: str, value: _V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
