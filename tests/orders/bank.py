"""A payment provider that keeps a strict book, for tests of who is charged what."""

from __future__ import annotations

from msgspec.structs import replace

from server.orders.provider import Charge, Payment, PaymentRefused, Standing

PAYMENT = "at-bank-"
"""Begins a payment's id; its charge's key is the rest."""


class Bank:
    """Takes everything, once per key. `wrongs`: what no customer would stand for."""

    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, tuple[str, int]] = {}
        """Refund key -> payment, amount."""
        self.wrongs: list[str] = []
        self.thinks = False
        """Whether it leaves what it is asked for undecided, until `decide`."""

    async def authorise(self, charge: Charge) -> Payment:
        known = self.payments.get(PAYMENT + charge.key)
        if known is None:
            known = Payment(
                PAYMENT + charge.key,
                charge.key,
                charge.order,
                charge.amount,
                charge.currency,
                Standing.PENDING if self.thinks else Standing.AUTHORISED,
            )
            self.payments[known.payment] = known
        elif (known.order, known.amount, known.currency) != (charge.order, charge.amount, charge.currency):
            self.wrongs.append(f"charge {charge.key} was another one before")
        return known

    async def decide(self) -> None:
        """Take the money of whatever is undecided."""
        self.thinks = False
        for payment in [p for p in self.payments.values() if p.status is Standing.PENDING]:
            self.payments[payment.payment] = replace(payment, status=Standing.AUTHORISED)
            await self.capture(payment.payment)

    async def capture(self, payment: str) -> Payment:
        known = self.payments[payment]
        if known.status is Standing.AUTHORISED:
            known = self.payments[payment] = replace(known, status=Standing.CAPTURED)
            if self.taken(known.order) > known.amount:
                self.wrongs.append(f"order {known.order} is charged twice at once")
        return known

    async def refund(self, payment: str, key: str, amount: int, currency: str) -> Payment:
        known = self.payments[payment]
        if key in self.refunds:
            if self.refunds[key] != (payment, amount):
                self.wrongs.append(f"refund {key} was another one before")
            return known
        if known.refunded + amount > self.captured(known):
            self.wrongs.append(f"more than {known.amount} back of {payment}: {key}")
            raise PaymentRefused("more than was captured")
        self.refunds[key] = (payment, amount)
        known = self.payments[payment] = replace(known, refunded=known.refunded + amount)
        return known

    async def query(self, key: str) -> Payment | None:
        return self.payments.get(PAYMENT + key)

    async def lookup(self, payment: str) -> Payment | None:
        return self.payments.get(payment)

    async def close(self) -> None:
        pass

    @staticmethod
    def captured(payment: Payment) -> int:
        return payment.amount if payment.status is Standing.CAPTURED else 0

    def captures(self, order: str) -> list[Payment]:
        """Payments of `order` whose money was taken, given back or not."""
        return [p for p in self.payments.values() if p.order == order and p.status is Standing.CAPTURED]

    def taken(self, order: str) -> int:
        """What the buyer of `order` is out of pocket: captured less refunded."""
        mine = [payment for payment in self.payments.values() if payment.order == order]
        return sum(self.captured(payment) - payment.refunded for payment in mine)

    def refunded(self, order: str) -> int:
        """What went back of `order`."""
        return sum(payment.refunded for payment in self.payments.values() if payment.order == order)
