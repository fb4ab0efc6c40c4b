"""The payment provider as the order wing sees it.

A charge is one attempt to take an order's money, known by its key; a payment is what the provider made
of it. Whatever is asked twice is done once: the same charge key is the same payment, the same refund
key the same refund.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from msgspec import Struct


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


def free_payment(charge: Charge) -> Payment:
    """What pays an order that costs nothing; no provider is asked about it, and none knows it."""
    payment = f"free-{charge.key}"
    return Payment(payment, charge.key, charge.order, charge.amount, charge.currency, Standing.CAPTURED)


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

    async def lookup(self, payment: str) -> Payment | None:
        """The payment as the provider's own book has it; None: it has none such."""

    async def close(self) -> None:
        """Let connections go; nothing is asked afterwards."""
