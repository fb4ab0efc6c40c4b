"""Where interleavings take place: gateways and back offices whose every call can be held, on one store.

`house` is a shop with open doors; it sets the scene, and after a run it does what the back office would
have done in time (`reconcile`), so that what is then still wrong is wrong for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from redis.asyncio import Redis

from schemas.codes import OrderStatus
from schemas.models import Order
from server.orders import scripts
from server.orders.audit import AuditReport, audit
from server.orders.consumer import LedgerConsumer
from server.orders.ledger import Ledger
from server.orders.metrics import CALLBACK_ERRORS
from server.orders.records import StoredOrder
from server.orders.refund_sweeper import RefundSweeper
from server.orders.sweeper import HoldSweeper, ReturnSweeper
from server.orders.tables import metadata
from server.settings import OrderSettings
from server.valkey import Script
from tests.orders.bank import Bank
from tests.orders.doors import LedgerDoor, ProviderDoor, store_door
from tests.orders.interleaving import Actor
from tests.orders.shop import SHORT, Shop

_KEEPS_MONEY = frozenset({OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED})


class Site(Actor):
    """An actor with doors; its parts are made anew for each run."""

    shop: Shop
    holds: HoldSweeper
    returns: ReturnSweeper
    consumer: LedgerConsumer

    def __init__(self, name: str, store_url: str) -> None:
        super().__init__(name)
        self.opened = False
        self.store = store_door(self, store_url)

    def open(self, bank: Bank, ledger: Ledger, settings: OrderSettings) -> None:
        self.dead, self.opened = False, True
        self.shop = Shop(self.store, settings, ProviderDoor(self, bank))
        self.holds = HoldSweeper(self.store, settings)
        self.returns = ReturnSweeper(self.shop.service, self.store, settings)
        self.consumer = LedgerConsumer(
            self.store, LedgerDoor(self, ledger), settings, name=self.name, block_ms=20, claim_idle_ms=0
        )

    async def close(self) -> None:
        if not self.opened:
            return
        await self.shop.service.stop(within=0 if self.dead else 5)
        await self.bury()
        if self.dead:
            await self.store.connection_pool.disconnect()


class Market:
    """`sites` share a store, a ledger and a bank; `fresh` empties them all."""

    def __init__(self, store: Redis, store_url: str, ledger: Ledger, settings: OrderSettings = SHORT) -> None:
        self.store = store
        self.ledger = ledger
        self.settings = settings
        self.bank = Bank()
        self.house = Shop(store, settings, self.bank)
        self.sites: list[Site] = []
        self._url = store_url
        self._callback_errors = CALLBACK_ERRORS._value.get()

    def site(self, name: str) -> Site:
        self.sites.append(Site(name, self._url))
        return self.sites[-1]

    async def fresh(self) -> None:
        """An empty store that knows the scripts, an empty bank, new parts everywhere."""
        await self.close()  # of a run that was given up half-way
        await self.store.flushall()
        await self._empty_ledger()
        for script in vars(scripts).values():
            if isinstance(script, Script):
                await self.store.script_load(script.source)
        self.bank = Bank()
        self.house = Shop(self.store, self.settings, self.bank)
        for site in self.sites:
            site.open(self.bank, self.ledger, self.settings)

    async def _empty_ledger(self) -> None:
        async with self.ledger.database.writing() as connection:
            for table in reversed(metadata.sorted_tables):
                await connection.execute(table.delete())

    async def overdue(self, **order: Any) -> Order:
        """An order whose hold has just run out; nobody has swept yet."""
        placed = await self.house.order(**order)
        await self.house.clock_reaches(placed.expires_at)
        return placed

    async def stored(self, order: str) -> StoredOrder:
        found = await self.house.service.stored(order)
        assert found is not None
        return found

    async def close(self) -> None:
        for site in self.sites:
            await site.close()
        await self.house.stop()

    async def reconcile(self) -> None:
        """What the back office does in time, at once."""
        await self.returns_fall_due(self.store)
        await ReturnSweeper(self.house.service, self.store, self.settings).sweep()
        await RefundSweeper(self.house.service, self.store, self.settings).sweep()
        await HoldSweeper(self.store, self.settings).sweep()

    async def house_sweeps(self) -> None:
        assert await HoldSweeper(self.store, self.settings).sweep()

    async def drain(self) -> None:
        """Everything into the ledger, also what the dead had taken."""
        heir = LedgerConsumer(self.store, self.ledger, self.settings, block_ms=20, claim_idle_ms=0)
        await heir.drain()

    async def report(self) -> AuditReport:
        return await audit(self.store, self.ledger, self.settings)

    async def returns_fall_due(self, client: Redis) -> None:
        """The time passes after which the back office takes up what others began."""
        for partition in self.house.service.book.partitions:
            for owed in (partition.returns, partition.refunds):
                for member in cast("list[bytes]", await client.zrange(owed, 0, -1)):
                    await client.zadd(owed, {member: 0}, xx=True)

    async def judge(self, orders: Sequence[str], skus: Sequence[str] = ("lamp",)) -> list[StoredOrder]:
        """Reconcile, then hold every promise against what is there; the orders as they stand."""
        await self.close()
        self.house = Shop(self.store, self.settings, self.bank)
        await self.reconcile()
        records = [await self.stored(order) for order in orders]
        assert self.bank.wrongs == []
        for record in records:
            owed = record.amount if record.status in _KEEPS_MONEY else 0
            assert self.bank.taken(record.order) == owed, f"{record.order} is {record.status.value}"
        assert {payment.order for payment in self.bank.payments.values()} <= set(orders)
        for sku in skus:
            assert min(await self.house.units(sku)) >= 0
        report = await self.report()
        assert report.ok, report.problems
        assert report.owed_returns == 0
        assert CALLBACK_ERRORS._value.get() == self._callback_errors, "somebody was answered twice"
        return records
