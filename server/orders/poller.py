"""Charges that nobody ended: a lost notice, a gateway that died, a provider that takes its time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import cast

import structlog
from redis.asyncio import Redis

from schemas.codes import OrderStatus
from server.orders.cashier import PENDING_LOOK_MS, Cashier
from server.orders.charges import OpenCharge, charge_of
from server.orders.loops import run_forever
from server.orders.metrics import CHARGES, CHARGES_OLDEST, CHARGES_OPEN, PAYMENTS, SWEEPS
from server.orders.one_tap import OverCap
from server.orders.provider import Payment, PaymentRefused, Standing
from server.orders.records import StoredOrder
from server.orders.returns import KNOWN
from server.orders.service import OrderService
from server.settings import OrderSettings, PaymentSettings
from server.valkey import store_time

log = structlog.get_logger("miaodan.orders")

_LOOKS = 64
"""Charges looked at per partition and pass."""
_AT_ONCE = 64
"""Questions to the provider at once."""
_FAILED_MS = 2_000
"""When a look that failed is taken again."""
_STANDING_STILL_MS = 60_000
"""How long a gateway may stand still, beside the provider's time, and still go on with its charge."""
_REMEMBERED = 4_096
_SEEN_MS = 150_000
"""An open charge is looked at at least once a minute: what was not seen for longer is not open."""


class ChargePoller:
    """Asks the provider what became of open charges. Any number may run: every step is idempotent."""

    def __init__(
        self, service: OrderService, client: Redis, settings: OrderSettings, terms: PaymentSettings
    ) -> None:
        self._service = service
        self._cashier: Cashier = service.cashier
        self._client = client
        self._period = settings.sweep_ms / 1000
        self._timeout = terms.timeout_ms
        self._abandoned = 2 * terms.timeout_ms + _STANDING_STILL_MS
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """Order -> when its charge was opened, when it was last looked at; bounded, the oldest look goes."""

    async def run(self) -> None:
        """Look until cancelled."""
        await run_forever("charge poller", self.poll, self._period, lambda _: SWEEPS.labels("charges").inc())

    async def poll(self) -> int:
        """Look at every charge that is due; how many ended. Raises redis errors."""
        now = await store_time(self._client)
        partitions = self._service.book.partitions
        async with self._client.pipeline(transaction=False) as pipeline:
            for partition in partitions:
                pipeline.zrangebyscore(partition.charges, 0, now, 0, _LOOKS)
            for partition in partitions:
                pipeline.zcard(partition.charges)
            found = await pipeline.execute()
        due = cast("list[list[bytes]]", found[: len(partitions)])
        open_now = sum(cast("list[int]", found[len(partitions) :]))
        CHARGES_OPEN.set(open_now)
        if not open_now:
            self._waiting.clear()
        orders = []
        for partition, members in zip(partitions, due, strict=True):
            for member in members:
                order = member.decode("utf-8", "replace")
                if self._service.book.of_order(order) is partition:
                    orders.append(order)
                else:
                    log.error("not an order's id among the charges", partition=partition.tag, member=order)
                    await self._client.zrem(partition.charges, member)
        ended = sum(await asyncio.gather(*(self._guarded(order, now) for order in orders)))
        self._tell_oldest(now)
        return ended

    async def _guarded(self, order: str, now: int) -> bool:
        async with self._turns:
            try:
                ended = await self._look(order, now)
            except Exception as error:
                SWEEPS.labels("charges").inc()
                log.warning("charge not looked at", order=order, error=str(error))
                await self._cashier.charges.look_at(order, now + _FAILED_MS)
                return False
        if ended:
            self._waiting.pop(order, None)
        return ended

    async def _look(self, order: str, now: int) -> bool:
        """Whether the charge has ended (or is none)."""
        charges = self._cashier.charges
        charge = await charges.find(order)
        if charge is None:
            await charges.forget(order)
            return True
        CHARGES.labels("looked_at").inc()
        # Whatever happens to this process, the charge is looked at again.
        await charges.look_later(charge, now, PENDING_LOOK_MS)
        self._remember(charge, now)
        record = await self._service.stored(order)
        free = record is not None and not record.amount  # of which no provider knows
        payment = None if free else await self._cashier.query(charge.key)
        if payment is None:
            return await self._unheard_of(charge, record, now)
        if record is None:
            return await self._without_order(charge, payment, now)
        return await self._decide(charge, record, payment, now)

    async def _decide(self, charge: OpenCharge, record: StoredOrder, payment: Payment, now: int) -> bool:
        if payment.status is Standing.AUTHORISED:
            if record.status is not OrderStatus.RESERVED:
                return await self._leave(charge, now)
            payment = await self._cashier.capture(payment.payment)
        match payment.status:
            case Standing.CAPTURED:
                if payment.refunded and record.payment != payment.payment:
                    return await self._came_to_nothing(charge, record, "returned", "", now)
                await self._cashier.settle(record, payment.payment, charge.number)
                return True
            case Standing.DECLINED:
                reason = payment.reason or "the payment was declined"
                return await self._came_to_nothing(charge, record, "declined", reason, now)
            case _:
                return False

    async def _unheard_of(self, charge: OpenCharge, record: StoredOrder | None, now: int) -> bool:
        """The provider does not know the charge: whoever opened it died first, or is about to ask."""
        if now - charge.joined <= self._timeout:
            return False
        wanted = record is not None and record.status is OrderStatus.RESERVED and now < record.expires_at
        if record is None or not wanted or (charge.walk and not _given_away(record)):
            return await self._leave(charge, now)
        try:
            request = charge_of(record, charge.number)
            if charge.one_tap:
                await self._cashier.cap.spend(request)
            payment = await self._cashier.take(request)
        except OverCap:
            return await self._leave(charge, now)
        except PaymentRefused as error:
            PAYMENTS.labels("refused").inc()
            return await self._came_to_nothing(charge, record, "declined", error.reason, now)
        return await self._decide(charge, record, payment, now)

    async def _without_order(self, charge: OpenCharge, payment: Payment, now: int) -> bool:
        """An order that is kept no longer cannot be paid; a notice gives back what was taken for it."""
        if payment.status is Standing.PENDING:
            return False
        if payment.status is Standing.CAPTURED and not payment.refunded:
            put = await self._cashier.returns.put(
                charge.order, payment.payment, payment.amount, payment.currency, "no such order", unknown=True
            )
            if put == KNOWN:
                return False
        return await self._cashier.charges.end(charge.order, charge.number, None)

    async def _leave(self, charge: OpenCharge, now: int) -> bool:
        """Take no money, once nobody can be at it any more."""
        if now - charge.joined <= self._abandoned:
            return False
        if await self._cashier.charges.leave(charge.order, charge.number, charge.joins):
            CHARGES.labels("left").inc()
            record = await self._service.stored(charge.order)
            # Taken up again, it has the same key and counts again under it.
            if record is not None and await self._cashier.charges.find(charge.order) is None:
                await self._cashier.cap.give_back(record.user, charge.key)
            return True
        return False

    async def _came_to_nothing(
        self, charge: OpenCharge, record: StoredOrder, what: str, told: str, now: int
    ) -> bool:
        if charge.walk:
            await self._cashier.charges.follow(charge, now)
            return False
        await self._cashier.declined(record, charge.number, what, told)
        return True

    def _remember(self, charge: OpenCharge, now: int) -> None:
        self._waiting[charge.order] = (charge.at, now)
        self._waiting.move_to_end(charge.order)
        while len(self._waiting) > _REMEMBERED or next(iter(self._waiting.values()))[1] < now - _SEEN_MS:
            self._waiting.popitem(last=False)

    def _tell_oldest(self, now: int) -> None:
        opened = min((at for at, _ in self._waiting.values()), default=now)
        CHARGES_OLDEST.set(max(now - opened, 0) / 1000)


def _given_away(record: StoredOrder) -> bool:
    """A free order that was to be paid as it was placed: that may be done again where it was forgotten."""
    return record.pay and not record.amount
