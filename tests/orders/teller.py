"""A payment provider in the process whose every step a test decides, and whose book can be audited."""

from __future__ import annotations

import asyncio
from collections import Counter

from msgspec.structs import replace

from server.orders.provider import Charge, Payment, PaymentRefused, Standing


class Teller:
    """Keeps one payment per charge key, as a provider must.

    Points are named `authorise`, `authorised`, `capture`, `captured`: before and after each is in the book.
    A point in `broken` raises; one that was handed to `hold` waits, and says that it was reached.
    """

    def __init__(self) -> None:
        self.book: dict[str, Payment] = {}
        self.returned: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.broken: set[str] = set()
        self.declines: set[str] = set()
        """Keys of charges that are refused."""
        self.pending: Standing | None = None
        """What payments stay at instead of being captured."""
        self._held: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}

    def hold(self, point: str) -> tuple[asyncio.Event, asyncio.Event]:
        """(reached, go on) of a point, for everybody who comes to it."""
        self._held[point] = asyncio.Event(), asyncio.Event()
        return self._held[point]

    def let_go(self, point: str) -> None:
        """Nobody else waits there."""
        del self._held[point]

    async def _at(self, point: str) -> None:
        self.asked[point] += 1
        if point in self.broken:
            raise ConnectionError(f"no answer at {point}")
        if (held := self._held.get(point)) is not None:
            held[0].set()
            await held[1].wait()
        await asyncio.sleep(0)

    async def authorise(self, charge: Charge) -> Payment:
        await self._at("authorise")
        known = self.book.get(charge.key)
        if charge.key in self.declines and (known is None or known.status is Standing.DECLINED):
            self._keep(charge, Standing.DECLINED)
            raise PaymentRefused("the card was declined")
        if known is None:
            known = self._keep(charge, self.pending or Standing.AUTHORISED)
        await self._at("authorised")
        return known

    def _keep(self, charge: Charge, status: Standing) -> Payment:
        made = Payment(f"pay-{charge.key}", charge.key, charge.order, charge.amount, charge.currency, status)
        self.book[charge.key] = made
        return made

    async def capture(self, payment: str) -> Payment:
        await self._at("capture")
        known = self.book[payment.removeprefix("pay-")]
        if known.status is Standing.AUTHORISED:
            known = self.decide(known.key, Standing.CAPTURED)
        await self._at("captured")
        return known

    def decide(self, key: str, status: Standing) -> Payment:
        """A payment's standing changes on the provider's side."""
        self.book[key] = replace(self.book[key], status=status)
        return self.book[key]

    async def refund(self, payment: str, key: str, amount: int, currency: str) -> Payment:
        await self._at("refund")
        known = self.book.get(payment.removeprefix("pay-"))
        if key not in self.returned:
            self.returned[key] = amount
            if known is not None:
                known = replace(known, refunded=known.refunded + amount)
                self.book[known.key] = known
        if known is None:
            return Payment(payment, "", "", amount, currency, Standing.CAPTURED, amount)
        assert known.refunded <= known.amount
        return known

    async def query(self, key: str) -> Payment | None:
        await self._at("query")
        return self.book.get(key)

    async def lookup(self, payment: str) -> Payment | None:
        await self._at("lookup")
        return self.book.get(payment.removeprefix("pay-"))

    async def close(self) -> None:
        pass

    def kept(self, order: str) -> int:
        """Minor units of an order that the provider has and has not given back."""
        return sum(
            payment.amount - payment.refunded
            for payment in self.book.values()
            if payment.order == order and payment.status is Standing.CAPTURED
        )
