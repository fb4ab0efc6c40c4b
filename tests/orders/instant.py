"""A payment provider in this process, for units that only need an answer."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from server.orders.provider import Charge, Payment, PaymentRefused, Standing


class InstantProvider:
    """Approves everybody but users whose id begins with `declined`, after `latency_ms`.

    A charge whose payment was given back in full is a new payment when it is made again.
    """

    def __init__(self, latency_ms: int = 0) -> None:
        self._latency = latency_ms / 1000
        self._attempts: dict[str, int] = {}
        self._payments: dict[str, Payment] = {}
        self._refunds: dict[str, int] = {}

    async def authorise(self, charge: Charge) -> Payment:
        await asyncio.sleep(self._latency)
        if charge.user.startswith("declined"):
            raise PaymentRefused("the card was declined")
        attempt = self._attempts.get(charge.key, 1)
        payment = f"instant-{charge.key}-{attempt}"
        known = self._payments.get(payment)
        if known is None:
            known = Payment(
                payment, charge.key, charge.order, charge.amount, charge.currency, Standing.AUTHORISED
            )
            self._attempts[charge.key] = attempt
            self._payments[payment] = known
        return known

    async def capture(self, payment: str) -> Payment:
        await asyncio.sleep(0)
        known = self._payments.get(payment)
        if known is None:  # another process made it
            return Payment(payment, "", "", 0, "", Standing.CAPTURED)
        captured = replace(known, status=Standing.CAPTURED)
        self._payments[payment] = captured
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
        self._refunds[key] = amount
        self._payments[payment] = refunded
        if refunded.refunded == refunded.amount:
            self._attempts[known.key] = self._attempts.get(known.key, 1) + 1
        return refunded

    async def query(self, key: str) -> Payment | None:
        await asyncio.sleep(0)
        return self._payments.get(f"instant-{key}-{self._attempts.get(key, 1)}")

    def took(self, payment: str, order: str, amount: int, currency: str = "CNY") -> None:
        """The book has this captured payment, by no charge of ours; one it has already stays as it is."""
        taken = Payment(payment, payment, order, amount, currency, Standing.CAPTURED)
        self._payments.setdefault(payment, taken)

    async def lookup(self, payment: str) -> Payment | None:
        await asyncio.sleep(0)
        return self._payments.get(payment)

    async def close(self) -> None:
        pass
