"""The payment provider as the order wing sees it, and one that lives in this process.

A charge is one attempt to take an order's money, known by its key; a payment is what the provider made
of it. Whatever is asked twice is done once: the same charge key is the same payment, the same refund
key the same refund.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from enum import Enum
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

_REMEMBERED = 100_000
_V = TypeVar("_V")


class PaymentRefused(Exception):
    """The provider said no. `reason` is a sentence for the buyer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Standing(str, Enum):
    """How far a payment has come."""

    PENDING = "pending"
    """Not decided: a notice or a query tells later."""
    AUTHORISED = "authorised"
    """The money is set aside."""
    CAPTURED = "captured"
    """The money is taken."""
    DECLINED = "declined"
    """Nothing was taken, and nothing will be."""


class Charge(Struct, frozen=True):
    """What is to be paid. `amount` in minor units of `currency`."""

    key: str
    """Idempotency: the same key is the same payment."""
    order: str
    user: str
    amount: int
    currency: str


class Payment(Struct, frozen=True):
    """What the provider has under `payment`. Amounts in minor units of `currency`."""

    payment: str
    """The provider's id."""
    key: str
    """The charge's."""
    order: str
    amount: int
    currency: str
    status: Standing
    refunded: int = 0
    """Sum of what was given back; never above the captured amount."""
    reason: str = ""
    """Why it was declined: a sentence for the buyer."""


class PaymentProvider(Protocol):
    """Takes money and gives it back.

    PaymentRefused is the provider's definite no: nothing was done. Anything else raised means: no answer,
    the outcome is not known; asking again with the same key is no harm.
    """

    async def authorise(self, charge: Charge) -> Payment:
        """Set the money aside: AUTHORISED, PENDING or CAPTURED. Raises PaymentRefused."""

    async def capture(self, payment: str) -> Payment:
        """Take the money set aside: CAPTURED, or PENDING. Again is no harm. Raises PaymentRefused."""

    async def refund(self, payment: str, key: str, amount: int, currency: str) -> Payment:
        """Give `amount` back; the same `key` does it once. Raises PaymentRefused."""

    async def query(self, key: str) -> Payment | None:
        """What became of the charge `key`; None: the provider never heard of it."""

    async def close(self) -> None:
        """Let connections go; nothing is asked afterwards."""


class SandboxProvider:
    """Approves everybody but users whose id begins with `declined`, after `latency_ms`.

    Remembers the last 100,000 charges, payments and refunds; the oldest are forgotten first. A charge
    whose payment was given back in full is a new payment when it is made again.
    """

    def __init__(self, latency_ms: int = 50) -> None:
        self._latency = latency_ms / 1000
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._payments: OrderedDict[str, Payment] = OrderedDict()
        self._refunds: OrderedDict[str, int] = OrderedDict()

    async def authorise(self, charge: Charge) -> Payment:
        await asyncio.sleep(self._latency)
        if charge.user.startswith("declined"):
            raise PaymentRefused("the card was declined")
        attempt = self._attempts.get(charge.key, 1)
        payment = f"sandbox-{charge.key}-{attempt}"
        known = self._payments.get(payment)
        if known is None:
            known = Payment(
                payment, charge.key, charge.order, charge.amount, charge.currency, Standing.AUTHORISED
            )
            _remember(self._attempts, charge.key, attempt)
            _remember(self._payments, payment, known)
        return known

    async def capture(self, payment: str) -> Payment:
        await asyncio.sleep(0)
        known = self._payments.get(payment)
        if known is None:  # another process made it
            return Payment(payment, "", "", 0, "", Standing.CAPTURED)
        captured = replace(known, status=Standing.CAPTURED)
        _remember(self._payments, payment, captured)
        return captured

    async def refund(self, payment: str, key: str, amount: int, currency: str) -> Payment:
        await asyncio.sleep(0)
        known = self._payments.get(payment)
        if known is None:
            return Payment(payment, "", "", amount, currency, Standing.CAPTURED, amount)
        if key in self._refunds:
            return known
        if known.refunded + amount > known.amount:
            raise PaymentRefused(f"only {known.amount - known.refunded} of it are left")
        refunded = replace(known, refunded=known.refunded + amount)
        _remember(self._refunds, key, amount)
        _remember(self._payments, payment, refunded)
        if refunded.refunded == refunded.amount:
            _remember(self._attempts, known.key, self._attempts.get(known.key, 1) + 1)
        return refunded

    async def query(self, key: str) -> Payment | None:
        await asyncio.sleep(0)
        return self._payments.get(f"sandbox-{key}-{self._attempts.get(key, 1)}")

    async def close(self) -> None:
        pass


def _remember(memory: OrderedDict[str, _V], key: str, value: _V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
