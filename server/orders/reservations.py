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
from server.orders.local import LocalAnswers
from server.orders.metrics import CALLBACK_ERRORS, OUTCOMES
from server.orders.newcomers import Visit
from server.orders.outcomes import REFUSALS, Outcome, Result, of_fate
from server.orders.pipe import call_script
from server.orders.records import StoredOrder, decode_stored
from server.orders.scripts import RESERVE

log = structlog.get_logger("miaodan.orders")

Done = Callable[[Outcome], None]
Known = Callable[["Reservation", StoredOrder], None]

_FACTS = 5
"""Of a pool, in a reply: price, hold_ms, sku, starts_at, available."""
_ON_RECORD = (Result.HELD, Result.MISMATCH)


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
    visit: Visit | None = None


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
        grace_ms: int,
        local: LocalAnswers,
        *,
        held: Callable[[Reservation, Order, StoredOrder], None],
        known: Known,
    ) -> None:
        self._client = client
        self._keys = keys
        self._memory = memory_ms
        self._grace = grace_ms
        self._local = local
        self._held = held
        self._known = known

    def arguments(self, jobs: list[Reservation]) -> tuple[list[str], list[str | bytes | int]]:
        """KEYS and ARGV as `reserve.lua` names them."""
        pools: dict[str, int] = {}
        pool_keys: list[str] = [self._keys.outbox, self._keys.holds, self._keys.due]
        pool_args: list[str | bytes | int] = [0, len(jobs), self._memory, self._grace]
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

    async def call(self, jobs: list[Reservation]) -> tuple[float, Any]:
        """When it was asked, by this process's clock, and the script's reply."""
        keys, args = self.arguments(jobs)
        asked = self._local.clock()
        return asked, await call_script(self._client, RESERVE, keys, args)

    def fail(self, job: Reservation, fate: Fate) -> None:
        OUTCOMES.labels(fate.value).inc()
        if job.visit is not None:
            job.visit.landed(recorded=fate is Fate.UNKNOWN)
        job.done(of_fate(fate, job.user))

    async def deliver(self, jobs: list[Reservation], answer: tuple[float, Any]) -> None:
        """Tell each job; those placed before are looked up together."""
        asked, reply = answer
        now, info, results = cast("tuple[int, list[Any], list[int | bytes]]", reply)
        numbers: dict[str, int] = {}
        told: Counter[str] = Counter()
        before: list[tuple[Reservation, str]] = []
        refused: dict[int, int] = {}
        for job, result in zip(jobs, results, strict=True):
            at = numbers.setdefault(job.pool.pool, _FACTS * len(numbers))
            if job.visit is not None:
                job.visit.landed(recorded=result in _ON_RECORD or isinstance(result, bytes))
            if result == Result.HELD:
                told["placed"] += 1
                self._place(job, now, info[at], info[at + 1], info[at + 2])
            elif isinstance(result, bytes):
                before.append((job, result.decode()))
            else:
                code, message = REFUSALS[result]
                told[code.value] += 1
                refused[at] = result
                retry = max(info[at + 3] - now, 1) if result == Result.NOT_OPEN else None
                self._tell(job, Outcome(code, message, None, False, job.user, retry))
        self._learn(numbers, info, now, asked, refused)
        for outcome, count in told.items():
            OUTCOMES.labels(outcome).inc(count)
        if before:
            await self._look_up(before)

    def _learn(
        self, pools: dict[str, int], info: list[Any], now: int, asked: float, refused: dict[int, int]
    ) -> None:
        """What the reply says of each pool; units of one are told as they were after the whole batch."""
        known, clock = self._local.shortages, self._local.clock()
        for pool, at in pools.items():
            match refused.get(at):
                case Result.SOLD_OUT:
                    known.sold_out(pool, info[at + 4], asked, clock)
                case Result.NOT_OPEN:
                    known.not_open(pool, info[at + 3] - now, asked, clock)
                case None:
                    known.news(pool, info[at + 4], clock)
                case _:
                    pass

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
