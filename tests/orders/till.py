"""What the tests of charges share: several gateways on one store with one provider, and a poller."""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis

from schemas.models import Order
from server.orders.charges import OpenCharge
from server.orders.poller import ChargePoller
from server.orders.sweeper import HoldSweeper
from server.settings import OrderSettings, PaymentSettings
from server.valkey import store_time
from tests.orders.shop import SHORT, Shop
from tests.orders.teller import Teller

TERMS = PaymentSettings(timeout_ms=2_000, poll_ms=1_000)


class Till:
    """Two gateways, one provider, a back office that looks when the test says so."""

    def __init__(self, store: Redis, settings: OrderSettings = SHORT, terms: PaymentSettings = TERMS) -> None:
        self.store = store
        self.teller = Teller()
        self.settings = settings
        self.one = Shop(store, settings, self.teller, terms)
        self.two = Shop(store, settings, self.teller, terms)
        self.office = Shop(store, settings, self.teller, terms)
        self.poller = ChargePoller(self.office.service, store, settings, terms)

    async def poll(self, *, after_ms: int = 0) -> int:
        """The poller looks at every open charge, which is `after_ms` older than it is; how many ended."""
        charges = self.office.service.cashier.charges
        for partition in self.office.service.book.partitions:
            for member in cast("list[bytes]", await self.store.zrange(partition.charges, 0, -1)):
                await self.store.zadd(partition.charges, {member: 0})
                if after_ms and await charges.find(member.decode()) is not None:
                    key = partition.charge(member.decode())
                    await self.store.hincrby(key, "at", -after_ms)
                    await self.store.hincrby(key, "joined", -after_ms)
        return await self.poller.poll()

    async def open(self) -> int:
        """Open charges, by the poller's list."""
        partitions = self.office.service.book.partitions
        return sum([await self.store.zcard(partition.charges) for partition in partitions])

    async def charge(self, order: Order) -> OpenCharge | None:
        return await self.office.service.cashier.charges.find(order.order)

    async def expire(self) -> int:
        """Every hold runs out and is released."""
        await self.office.run_out()
        return await HoldSweeper(self.store, self.settings).sweep()

    async def kill(self, shop: Shop) -> None:
        """A gateway's work ends where it stands."""
        await shop.service.stop(0)

    async def now(self) -> int:
        return await store_time(self.store)

    async def stop(self) -> None:
        for shop in (self.one, self.two, self.office):
            await shop.stop()
