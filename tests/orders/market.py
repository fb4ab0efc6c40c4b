"""Where interleavings take place: gateways and back offices whose every call can be held, on one store.

`house` is a shop with open doors; it sets the scene, and after a run it does what the back office would
have done in time (`reconcile`), so that what is then still wrong is wrong for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import structs
from redis.asyncio import Redis

from schemas.codes import OrderStatus
from schemas.http import PaymentNotice, PaymentRecorded
from schemas.models import Order
from server.orders import scripts
from server.orders.audit import AuditReport, audit
from server.orders.consumer import LedgerConsumer
from server.orders.keys import ORDER_ID_LENGTH
from server.orders.ledger import Ledger
from server.orders.metrics import CALLBACK_ERRORS
from server.orders.outcomes import Outcome
from server.orders.payments import PaymentDesk
from server.orders.poller import ChargePoller
from server.orders.records import StoredOrder
from server.orders.refund_sweeper import RefundSweeper
from server.orders.signatures import sign
from server.orders.sweeper import HoldSweeper, ReturnSweeper
from server.orders.tables import metadata
from server.orders.verified import mark_verified
from server.settings import OrderSettings, PaymentSettings
from server.valkey import Script, store_time
from tests.orders.bank import Bank
from tests.orders.doors import LedgerDoor, ProviderDoor, store_door
from tests.orders.interleaving import Actor, Place
from tests.orders.shop import SHORT, Shop

_KEEPS_MONEY = frozenset({OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED})


TERMS = PaymentSettings(timeout_ms=2_000, poll_ms=1_000)
_SECRET = b"whsec"
_YEAR_MS = 365 * 86_400_000
_LOOKS = 5
"""Passes in which the poller ends every charge."""


class Site(Actor):
    """An actor with doors; its parts are made anew for each run."""

    shop: Shop
    holds: HoldSweeper
    returns: ReturnSweeper
    refunds: RefundSweeper
    poller: ChargePoller
    desk: PaymentDesk
    consumer: LedgerConsumer

    def __init__(self, name: str, store_url: str) -> None:
        super().__init__(name)
        self.opened = False
        self.store = store_door(self, store_url)

    def open(self, bank: Bank, ledger: Ledger, settings: OrderSettings) -> None:
        self.dead, self.opened = False, True
        self.shop = Shop(self.store, settings, ProviderDoor(self, bank), TERMS)
        self.holds = HoldSweeper(self.store, settings)
        self.returns = ReturnSweeper(self.shop.service, self.store, settings)
        self.refunds = RefundSweeper(self.shop.service, self.store, settings)
        self.poller = ChargePoller(self.shop.service, self.store, settings, TERMS)
        self.desk = PaymentDesk(self.shop.service, self.store, _SECRET)
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
        self.house = Shop(store, settings, self.bank, TERMS)
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
        await mark_verified(self.store, self.settings.partitions)
        await self._empty_ledger()
        for script in vars(scripts).values():
            if isinstance(script, Script):
                await self.store.script_load(script.source)
        self.bank = Bank()
        self.house = Shop(self.store, self.settings, self.bank, TERMS)
        for site in self.sites:
            site.open(self.bank, self.ledger, self.settings)

    async def _empty_ledger(self) -> None:
        async with self.ledger.database.writing() as connection:
            for table in reversed(metadata.sorted_tables):
                await connection.execute(table.delete())

    # ---- time, as steps of a run ------------------------------------------------------------

    async def deadlines_pass(self, actor: Actor) -> None:
        """A step: every hold there is runs out."""
        await actor.hold("deadlines", Place.STORE, writes=True)
        await self.house.run_out()

    async def returns_fall_due(self, actor: Actor) -> None:
        """A step: the time passes after which the back office gives back what others were about to."""
        await actor.hold("returns-due", Place.STORE, writes=True)
        await self._returns_fall_due()

    async def charges_fall_due(self, actor: Actor) -> None:
        """A step: the poller's hour; whoever opened a charge had all the time to go on with it."""
        await actor.hold("charges-due", Place.STORE, writes=True)
        await self._charges_fall_due()

    async def _returns_fall_due(self) -> None:
        for partition in self.house.service.book.partitions:
            for owed in (partition.returns, partition.refunds):
                for member in cast("list[bytes]", await self.store.zrange(owed, 0, -1)):
                    await self.store.zadd(owed, {member: 0}, xx=True)
            for member in cast("list[bytes]", await self.store.zrange(partition.refunds, 0, -1)):
                await self._host_was_silent(member.decode()[:ORDER_ID_LENGTH])

    async def _host_was_silent(self, order: str) -> None:
        refund = (await self.stored(order)).refund
        if refund is not None and refund.due:
            await self.house.amend(order, refund=msgspec.to_builtins(structs.replace(refund, due=1)))

    async def _charges_fall_due(self) -> int:
        """How many are open."""
        found = 0
        for partition in self.house.service.book.partitions:
            for member in cast("list[bytes]", await self.store.zrange(partition.charges, 0, -1)):
                await self.store.zadd(partition.charges, {member: 0}, xx=True)
                if await self.house.service.cashier.charges.find(member.decode()) is not None:
                    key = partition.charge(member.decode())
                    await self.store.hincrby(key, "at", -_YEAR_MS)
                    await self.store.hincrby(key, "joined", -_YEAR_MS)
                found += 1
        return found

    async def notice(self, site: Site, order: str) -> PaymentRecorded | None:
        """The bank posts to the site what it took for an order, if it has taken anything by then."""
        await site.hold("posted", Place.PROVIDER, writes=False)
        for payment in self.bank.captures(order):
            body = msgspec.json.encode(
                PaymentNotice(
                    event=f"captured-{payment.payment}",
                    order=order,
                    payment=payment.payment,
                    status="captured",
                    amount=payment.amount,
                    currency=payment.currency,
                )
            )
            now = await store_time(self.store)
            return await site.desk.notice(body, sign(body, _SECRET, now // 1_000), now)
        return None

    # ---- after a run ------------------------------------------------------------------------

    async def overdue(self, **order: Any) -> Order:
        """An order whose hold has just run out; nobody has swept yet."""
        placed = await self.house.order(**order)
        await self.house.run_out()
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
        """What the back office does in time, at once: charges, then what they put among the returns."""
        poller = ChargePoller(self.house.service, self.store, self.settings, TERMS)
        for _ in range(_LOOKS):
            if not await self._charges_fall_due():
                break
            await poller.poll()
        assert await self._charges_fall_due() == 0, "a charge is open for ever"
        await self._returns_fall_due()
        await ReturnSweeper(self.house.service, self.store, self.settings).sweep()
        await RefundSweeper(self.house.service, self.store, self.settings).sweep()
        await HoldSweeper(self.store, self.settings).sweep()

    async def house_sweeps(self) -> int:
        return await HoldSweeper(self.store, self.settings).sweep()

    async def drain(self) -> None:
        """Everything into the ledger, also what the dead had taken."""
        heir = LedgerConsumer(self.store, self.ledger, self.settings, block_ms=20, claim_idle_ms=0)
        await heir.drain()

    async def report(self) -> AuditReport:
        return await audit(self.store, self.ledger, self.settings)

    async def judge(self, orders: Sequence[str], skus: Sequence[str] = ("lamp",)) -> list[StoredOrder]:
        """Reconcile, then hold every promise against what is there; the orders as they stand."""
        await self.close()
        self.house = Shop(self.store, self.settings, self.bank, TERMS)
        await self.reconcile()
        records = [await self.stored(order) for order in orders]
        assert self.bank.wrongs == []
        for record in records:
            owed = record.amount - record.refunded if record.status in _KEEPS_MONEY else 0
            assert self.bank.taken(record.order) == owed, f"{record.order} is {record.status.value}"
        assert {payment.order for payment in self.bank.payments.values()} <= set(orders)
        for sku in skus:
            assert min(await self.house.units(sku)) >= 0
        report = await self.report()
        assert report.ok, report.problems
        assert report.owed_returns == 0
        assert CALLBACK_ERRORS._value.get() == self._callback_errors, "somebody was answered twice"
        return records


# ---- programs of more than one test -------------------------------------------------------------


async def do(point: str, shop: Shop, order: str) -> Outcome:
    """The command whose script that is."""
    match point:
        case "pay":
            return await shop.pay(order)
        case "release":
            return await shop.cancel(order)
        case _:
            return await shop.refund(order)


async def expire(market: Market, sweeper: Site) -> int:
    await market.deadlines_pass(sweeper)
    return await sweeper.holds.sweep()


async def poll(market: Market, site: Site) -> int:
    await market.charges_fall_due(site)
    return await site.poller.poll()
