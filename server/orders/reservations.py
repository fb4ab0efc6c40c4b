"""Reservations: many orders, one Lua call, as little Python for each as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import msgspec
import structlog
from msgspec import Struct
from redis.asyncio import Redis

from schemas.codes import ErrorCode, OrderStatus
from schemas.models import Order
from server.orders.keys import PartitionKeys, PoolKeys
from server.orders.lanes import Fate
from server.orders.metrics import CALLBACK_ERRORS, OUTCOMES
from server.orders.outcomes import Outcome, of_fate
from server.orders.pipe import call_script
from server.orders.records import StoredOrder, decode_stored
from server.orders.scripts import RESERVE

log = structlog.get_logger("miaodan.orders")

Done = Callable[[Outcome], None]
Known = Callable[["Reservation", StoredOrder], None]

_REFUSALS: dict[int, tuple[ErrorCode, str]] = {
    -1: (ErrorCode.REQUEST_MISMATCH, "this request_id was used for another order"),
    -2: (ErrorCode.NOT_FOUND, "not on sale in this room"),
    -3: (ErrorCode.NOT_OPEN, "the sale has not begun"),
    -4: (ErrorCode.SALE_ENDED, "the sale is over"),
    -5: (ErrorCode.LIMIT_EXCEEDED, "more than one buyer may have"),
    -6: (ErrorCode.SOLD_OUT, "not that many are left"),
    -7: (ErrorCode.NOT_OPEN, "the room takes no orders now"),
}
_HELD = 1


class Reservation(Struct, gc=False):
    """One order on its way. `done` is called once."""

    room: str
    user: str
    request_id: str
    sale: str | None
    quantity: int
    currency: str
    pay: bool
    live: bool
    order: str
    pool: PoolKeys
    user_key: str
    contents: str
    """What must be the same when this request comes again."""
    head: bytes
    done: Done


class Reservations:
    """One partition's calls of `reserve.lua`: arguments in, replies out.

    `held(job, order)` gets an order with `pay` that was placed just now; `known(job, record)` every
    order that its request had placed before. Both must see to `job.done`.
    """

    def __init__(
        self,
        client: Redis,
        keys: PartitionKeys,
        memory_ms: int,
        *,
        held: Callable[[Reservation, Order, StoredOrder], None],
        known: Known,
    ) -> None:
        self._client = client
        self._keys = keys
        self._memory = memory_ms
        self._held = held
        self._known = known

    def arguments(self, jobs: list[Reservation]) -> tuple[list[str], list[str | bytes | int]]:
        """KEYS and ARGV as `reserve.lua` names them."""
        pools: dict[str, int] = {}
        pool_keys: list[str] = [self._keys.outbox, self._keys.holds, self._keys.due]
        pool_args: list[str | bytes | int] = [0, len(jobs), self._memory]
        keys: list[str] = []
        args: list[str | bytes | int] = []
        prefix = self._keys.order_prefix
        for job in jobs:
            pool = job.pool
            number = pools.get(pool.pool)
            if number is None:
                number = pools[pool.pool] = len(pools) + 1
                pool_keys += (pool.pool, pool.units)
                pool_args += (pool.channel, pool.name, pool.due_member)
            keys += (job.user_key, prefix + job.order)
            args += (
                number,
                1 if job.live else 0,
                job.quantity,
                job.user,
                job.request_id,
                job.contents,
                job.head,
            )
        pool_args[0] = len(pools)
        return pool_keys + keys, pool_args + args

    async def call(self, jobs: list[Reservation]) -> Any:
        keys, args = self.arguments(jobs)
        return await call_script(self._client, RESERVE, keys, args)

    def fail(self, job: Reservation, fate: Fate) -> None:
        OUTCOMES.labels(fate.value).inc()
        job.done(of_fate(fate, job.user))

    async def deliver(self, jobs: list[Reservation], reply: Any) -> None:
        """Tell each job; those placed before are looked up together."""
        now, info, results = cast("tuple[int, list[Any], list[int | bytes]]", reply)
        numbers: dict[str, int] = {}
        told: Counter[str] = Counter()
        before: list[tuple[Reservation, str]] = []
        for job, result in zip(jobs, results, strict=True):
            at = numbers.setdefault(job.pool.pool, 4 * len(numbers))
            if result == _HELD:
                told["placed"] += 1
                self._place(job, now, info[at], info[at + 1], info[at + 2])
            elif isinstance(result, bytes):
                before.append((job, result.decode()))
            else:
                code, message = _REFUSALS[result]
                told[code.value] += 1
                retry = max(info[at + 3] - now, 1) if result == -3 else None
                self._tell(job, Outcome(code, message, None, False, job.user, retry))
        for outcome, count in told.items():
            OUTCOMES.labels(outcome).inc(count)
        if before:
            await self._look_up(before)

    def _place(self, job: Reservation, now: int, price: int, hold: int, sku: bytes) -> None:
        order = Order(
            order=job.order,
            request_id=job.request_id,
            sku=sku.decode(),
            sale=job.sale,
            quantity=job.quantity,
            amount=price * job.quantity,
            currency=job.currency,
            status=OrderStatus.RESERVED,
            version=1,
            reserved_at=now,
            expires_at=now + hold,
            room=job.room,
        )
        if job.pay:
            self._held(job, order, _stored(job, order, price))
        else:
            self._tell(job, Outcome(None, "", order, False, job.user))

    def _tell(self, job: Reservation, outcome: Outcome) -> None:
        try:
            job.done(outcome)
        except Exception:
            CALLBACK_ERRORS.inc()
            log.exception("an order's answer was not taken", order=job.order)

    async def _look_up(self, before: list[tuple[Reservation, str]]) -> None:
        """The orders that these requests placed before; whatever goes wrong, each job is told."""
        try:
            found = await self._client.mget([self._keys.order(order) for _, order in before])
        except Exception as error:
            log.warning("orders placed before not read", orders=len(before), error=str(error))
            for job, _ in before:
                self.fail(job, Fate.UNKNOWN)
            return
        for (job, order), record in zip(before, cast("list[bytes | None]", found), strict=True):
            if record is None:
                OUTCOMES.labels("forgotten").inc()
                message = f"this request_id placed {order}, which is finished and no longer kept"
                self._tell(job, Outcome(ErrorCode.CONFLICT, message, None, True, job.user))
                continue
            OUTCOMES.labels("replayed").inc()
            try:
                self._known(job, decode_stored(record))
            except msgspec.ValidationError:
                log.exception("an order's record cannot be read", order=order)
                self.fail(job, Fate.UNKNOWN)


def _stored(job: Reservation, order: Order, price: int) -> StoredOrder:
    return StoredOrder(
        order=order.order,
        request_id=order.request_id,
        room=job.room,
        user=job.user,
        sale=order.sale,
        sku=order.sku,
        quantity=order.quantity,
        currency=order.currency,
        price=price,
        status=order.status,
        version=order.version,
        reserved_at=order.reserved_at,
        expires_at=order.expires_at,
        updated_at=order.reserved_at,
        pay=job.pay,
    )
