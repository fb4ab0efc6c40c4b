"""What the order tests share: a service whose answers can be awaited, a room to sell in."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import cast

import msgspec
from redis.asyncio import Redis

from schemas.codes import ErrorCode, Role
from schemas.commands import OrderPlace, OrderRefund, ShopCommand
from schemas.models import Order
from server.orders.actions import Act
from server.orders.newcomers import Visit
from server.orders.outcomes import Outcome
from server.orders.provider import Charge, Payment, PaymentProvider, PaymentRefused
from server.orders.service import Done, OrderService
from server.settings import OrderSettings, PaymentSettings
from server.valkey import store_time
from tests.orders.instant import InstantProvider

ROOM = "r"
SETTINGS = OrderSettings(partitions=4, hold_ms=60_000, sweep_ms=10, store_timeout_ms=3_000)
SHORT = OrderSettings(partitions=4, hold_ms=60_000, payment_grace_ms=0, sweep_ms=10, store_timeout_ms=3_000)
"""Holds without a grace, which run out when `Shop.clock_reaches` says so."""


_NUMBERS = itertools.count()


class Provider(InstantProvider):
    """Remembers what it was asked; can be told to fail, or to wait at a point of the test's choosing."""

    def __init__(self) -> None:
        super().__init__(latency_ms=0)
        self.charges: list[Charge] = []
        self.refunds: list[tuple[str, int, str]] = []
        self.refund_error: Exception | None = None
        self.charge_error: Exception | None = None
        self.lookup_error: Exception | None = None
        self.looked_up: list[str] = []
        self.before_capture: Callable[[], asyncio.Future[None]] | None = None

    async def authorise(self, charge: Charge) -> Payment:
        self.charges.append(charge)
        if self.charge_error is not None:
            raise self.charge_error
        return await super().authorise(charge)

    async def capture(self, payment: str) -> Payment:
        if self.before_capture is not None:
            await self.before_capture()
        return await super().capture(payment)

    async def refund(self, payment: str, key: str, amount: int, currency: str) -> Payment:
        if self.refund_error is not None:
            raise self.refund_error
        self.refunds.append((payment, amount, currency))
        return await super().refund(payment, key, amount, currency)

    async def lookup(self, payment: str) -> Payment | None:
        self.looked_up.append(payment)
        if self.lookup_error is not None:
            raise self.lookup_error
        return await super().lookup(payment)


class Shop:
    """An `OrderService` whose callbacks are awaited, selling in room `ROOM`."""

    def __init__(
        self,
        store: Redis,
        settings: OrderSettings = SETTINGS,
        provider: PaymentProvider | None = None,
        terms: PaymentSettings | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.provider = Provider()
        self.service = OrderService(store, settings, provider or self.provider, terms)

    async def mount(
        self, sku: str = "lamp", stock: int = 10, *, price: int = 250, per_user_limit: int | None = None
    ) -> None:
        await self.service.mount(
            ROOM, sku, price=price, currency="CNY", stock=stock, per_user_limit=per_user_limit
        )

    async def schedule(
        self,
        sale: str = "s1",
        sku: str = "lamp",
        stock: int = 5,
        *,
        price: int = 99,
        starts_in_ms: int = 0,
        duration_ms: int = 3_600_000,
        per_user_limit: int | None = None,
        hold_ms: int | None = None,
    ) -> tuple[int, int]:
        return await self.service.schedule(
            ROOM,
            sale,
            sku,
            price=price,
            currency="CNY",
            stock=stock,
            starts_at=None,
            starts_in_ms=starts_in_ms,
            duration_ms=duration_ms,
            per_user_limit=per_user_limit,
            hold_ms=hold_ms,
        )

    def start_place(
        self,
        user: str = "ann",
        sku: str | None = "lamp",
        *,
        sale: str | None = None,
        request_id: str | None = None,
        quantity: int = 1,
        pay: bool = False,
        live: bool = True,
        room: str = ROOM,
        visit: Visit | None = None,
    ) -> asyncio.Future[Outcome]:
        """Hand an order in; the future fails when it is answered twice."""
        request = OrderPlace(
            request_id=request_id if request_id is not None else f"request-{next(_NUMBERS)}",
            sku=None if sale is not None else sku,
            sale=sale,
            quantity=quantity,
            pay=pay,
        )
        return answered(
            lambda done: self.service.place(room, user, request, "CNY", done, live=live, visit=visit)
        )

    async def place(
        self,
        user: str = "ann",
        sku: str | None = "lamp",
        *,
        sale: str | None = None,
        request_id: str | None = None,
        quantity: int = 1,
        pay: bool = False,
        live: bool = True,
    ) -> Outcome:
        return await self.start_place(
            user, sku, sale=sale, request_id=request_id, quantity=quantity, pay=pay, live=live
        )

    async def order(
        self, user: str = "ann", sku: str = "lamp", *, pay: bool = False, **place: object
    ) -> Order:
        """An order that has to be accepted."""
        return accepted(await self.start_place(user, sku, pay=pay, **place))  # type: ignore[arg-type]

    async def pay(self, order: str, user: str = "ann") -> Outcome:
        return await answered(lambda done: self.service.pay(ROOM, user, order, done))

    async def cancel(self, order: str, user: str = "ann") -> Outcome:
        return await answered(lambda done: self.service.cancel(ROOM, user, order, done))

    async def refund(
        self,
        order: str,
        user: str = "ann",
        reason: str = "too small",
        *,
        amount: int | None = None,
        request_id: str | None = None,
    ) -> Outcome:
        command = OrderRefund(order=order, reason=reason, amount=amount, request_id=request_id)
        return await answered(lambda done: self.service.refund(ROOM, user, command, done))

    async def manage(self, command: ShopCommand | OrderRefund, host: str = "host") -> Outcome:
        """As a host of the room."""
        return await answered(lambda done: self.service.manage(ROOM, Act(host, Role.HOST, command), done))

    async def units(self, sku: str = "lamp") -> tuple[int, int, int, int]:
        """(total, available, held, sold) of a pool, by sku or sale id."""
        counts = (await self.service.counts(ROOM))[sku]
        assert counts.total == counts.available + counts.held + counts.sold
        return counts.total, counts.available, counts.held, counts.sold

    async def allowance(self, ref: str = "sku/lamp") -> dict[str, int]:
        """Units each user holds or has paid for."""
        keys = self.service.book.room(ROOM).at(ref)
        found = cast("dict[bytes, bytes]", await self.store.hgetall(keys.units))
        return {user.decode(): int(units) for user, units in found.items()}

    async def owed(self) -> list[bytes]:
        """Members of the room's returns: money that goes back."""
        returns = self.service.book.room(ROOM).partition.returns
        return cast("list[bytes]", await self.store.zrange(returns, 0, -1))

    async def clock_reaches(self, at: int) -> None:
        """Let the holds that are over at `at` be over now; where there are none, wait for the clock."""
        if await self.run_out(at):
            return
        while (left := at - await store_time(self.store)) > 0:
            await asyncio.sleep(left / 1000)

    async def run_out(self, until: int | None = None) -> int:
        """Move the deadline of the holds that end until `until` (all: None) into the past; how many."""
        moved = 0
        now = await store_time(self.store)
        for partition in self.service.book.partitions:
            holds = await self.store.zrange(partition.holds, 0, -1, withscores=True)
            for member, score in cast("list[tuple[bytes, float]]", holds):
                if until is not None and score > until + self.settings.payment_grace_ms:
                    continue
                await self.amend(member.decode(), expires_at=now - self.settings.payment_grace_ms - 1)
                await self.store.zadd(partition.holds, {member: now - 1})
                moved += 1
        return moved

    async def pass_deadline(self, order: str) -> None:
        """The time to pay is over, the hold still stands."""
        await self.amend(order, expires_at=await store_time(self.store) - 1)

    async def amend(self, order: str, **fields: object) -> None:
        """Change an order's record behind the scripts' back."""
        partition = self.service.book.of_order(order)
        assert partition is not None
        record = msgspec.json.decode(cast("bytes", await self.store.get(partition.order(order))))
        await self.store.set(partition.order(order), msgspec.json.encode(record | fields))

    async def stop(self) -> None:
        await self.service.stop()


def answered(call: Callable[[Done], None]) -> asyncio.Future[Outcome]:
    """The answer to `call`; a second one raises in the callback (InvalidStateError) and is counted."""
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    call(future.set_result)
    return future


def accepted(outcome: Outcome) -> Order:
    assert outcome.code is None, outcome
    assert outcome.order is not None
    return outcome.order


def codes(outcomes: Iterable[Outcome]) -> list[ErrorCode | None]:
    return [outcome.code for outcome in outcomes]


NO = PaymentRefused("no")
