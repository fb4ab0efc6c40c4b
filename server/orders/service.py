"""The order wing's door: `OrderService`.

`place` and its like never block and never wait: each answer comes through `done`, exactly once, on
the loop (before the call returns where it was refused on the spot).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import structlog
from redis.asyncio import Redis

from schemas.codes import ErrorCode, OrderStatus
from schemas.commands import (
    OrderDeliver,
    OrderPlace,
    OrderRefund,
    OrderShip,
    RefundApprove,
    RefundDecline,
)
from schemas.models import Order
from server.orders.actions import Act, ActionLog
from server.orders.aftersales import RefundRequest, RefundRules
from server.orders.amending import Amender
from server.orders.cashier import Cashier
from server.orders.changes import Change, Changed, Code, Operation
from server.orders.errands import Errands
from server.orders.errors import OrderError
from server.orders.keys import PartitionKeys, new_order_id
from server.orders.lanes import Fate, Unanswered
from server.orders.local import LocalAnswers
from server.orders.metrics import CALLBACK_ERRORS, OUTCOMES
from server.orders.newcomers import Visit
from server.orders.outcomes import Outcome, of_fate, refused
from server.orders.partition import Partition
from server.orders.pools import DueSale, PoolCounts, StockPools
from server.orders.provider import PaymentProvider
from server.orders.records import StoredOrder, decode_stored, encode_head
from server.orders.refunds import RefundDesk
from server.orders.reservations import Done, Reservation
from server.orders.verified import demand_verified
from server.settings import OrderSettings, PaymentSettings
from server.valkey import StoreUnavailable, store_errors

__all__ = ["Done", "DueSale", "OrderService", "Outcome", "PoolCounts"]

log = structlog.get_logger("miaodan.orders")

_ERRANDS = 4_096
"""Payments and refunds under way at once."""

Work = Callable[[], Awaitable[Outcome]]


class OrderService(StockPools):
    """Orders and pools of all rooms, from one process."""

    def __init__(
        self,
        client: Redis,
        settings: OrderSettings,
        payments: PaymentProvider,
        terms: PaymentSettings | None = None,
    ) -> None:
        super().__init__(client, settings)
        self.cashier = Cashier(client, self.book, payments, settings, terms or PaymentSettings(), self._carry)
        self._amender = Amender(client, self._amend)
        rules = RefundRules(settings.refund_window_ms, settings.refund_approval_ms)
        self.refunds = RefundDesk(payments, self._amender, rules)
        self.actions = ActionLog(client, self.book)
        self._errands = Errands(_ERRANDS, settings.queue)
        self._partitions: dict[int, Partition] = {}
        self.local = LocalAnswers(self.book, settings)
        self._stopped = False

    async def start(self) -> None:
        """Nothing to wait for: lanes are made when they are needed."""
        self._stopped = False

    async def stop(self, within: float = 5.0) -> None:
        """Take no more orders, answer those that are here; the rest after `within` seconds is unknown."""
        self._stopped = True
        await self._errands.stop(within)
        for partition in self._partitions.values():
            await partition.stop(within)
        self._partitions.clear()

    def statistics(self) -> dict[str, dict[str, int]]:
        """What waits where, beside its bound."""
        lanes = {name: numbers for part in self._partitions.values() for name, numbers in part.statistics()}
        return {"errands": self._errands.statistics(), **lanes}

    # ---- the hot path -----------------------------------------------------------------------

    def place(
        self,
        room: str,
        user: str,
        request: OrderPlace,
        currency: str,
        done: Done,
        *,
        live: bool = True,
        visit: Visit | None = None,
    ) -> None:
        """Reserve, and with `pay` pay; one answer. Not `live`: only orders placed before are told.

        With a `visit` it may be refused without asking the store, where that is known to say the same.
        """
        keys = self.book.room(room)
        sale = request.sale
        if sale is not None:
            pool = keys.sale(sale)
        elif request.sku is not None:
            pool = keys.product(request.sku)
        else:
            done(refused(ErrorCode.INVALID, "exactly one of sku and sale", user))
            return
        if visit is not None:
            known = self.local.answer(pool.pool, user, request.quantity, visit, live=live)
            if known is not None:
                done(known)
                return
        order = new_order_id(keys.partition.number)
        try:
            head = encode_head(
                order, request.request_id, room, user, sale, request.quantity, currency, request.pay
            )
        except OrderError as error:
            done(refused(error.code, error.message, user))
            return
        partition = self._partition(keys.partition)
        if visit is not None:
            visit.flew()
        fate = partition.place(
            Reservation(
                room,
                user,
                request.request_id,
                sale,
                request.quantity,
                currency,
                request.pay,
                live,
                order,
                pool,
                keys.user(user),
                f"{pool.ref} {request.quantity} {1 if request.pay else 0}",
                head,
                done,
                visit,
            )
        )
        if fate is not None:
            OUTCOMES.labels(fate.value).inc()
            if visit is not None:
                visit.landed(recorded=False)
            wait = partition.wait_ms() if fate is Fate.FULL else None
            done(of_fate(fate, user, retry_after_ms=wait))

    def _held(self, job: Reservation, order: Order, record: StoredOrder) -> None:
        """Placed just now, and to be paid at once."""
        if not self._errand(job.user, job.done, lambda: self.cashier.pay_with_one_tap(record)):
            job.done(of_fate(Fate.FULL, job.user, order))

    def _known(self, job: Reservation, record: StoredOrder) -> None:
        """Placed before by the same request; a payment that never happened is caught up with."""
        if job.pay and record.status is OrderStatus.RESERVED:
            pay = self.cashier.pay_with_one_tap
            if not self._errand(job.user, job.done, lambda: pay(record, replayed=True)):
                job.done(of_fate(Fate.FULL, job.user, record.to_wire()))
            return
        job.done(Outcome(None, "", record.to_wire(), True, job.user))

    # ---- commands on an order ---------------------------------------------------------------

    def pay(self, room: str, user: str, order_id: str, done: Done) -> None:
        """Pay a held order; also one whose hold ran out, where there is stock."""
        self._on_order(room, user, order_id, done, self.cashier.pay)

    def cancel(self, room: str, user: str, order_id: str, done: Done) -> None:
        """Give a held order up."""
        self._on_order(room, user, order_id, done, self.cashier.cancel)

    def refund(self, room: str, user: str, command: OrderRefund, done: Done) -> None:
        """Give a paid order back, or ask for that."""
        request = RefundRequest(
            actor=user, reason=command.reason, amount=command.amount, request_id=command.request_id
        )
        self._on_order(room, user, command.order, done, lambda record: self.refunds.ask(record, request))

    def manage(self, room: str, act: Act, done: Done) -> None:
        """What a host does to an order of the room, whoever bought it."""

        async def work(record: StoredOrder) -> Outcome:
            match act.command:
                case OrderShip():
                    return await self._amender.ship(record, act)
                case OrderDeliver():
                    return await self._amender.deliver(record, act)
                case RefundApprove():
                    return await self.refunds.approve(record, act)
                case RefundDecline(reason=reason):
                    return await self.refunds.decline(record, reason, act)
                case OrderRefund(reason=reason, amount=amount, request_id=request_id):
                    request = RefundRequest(
                        actor=act.actor, by_host=True, reason=reason, amount=amount, request_id=request_id
                    )
                    return await self.refunds.ask(record, request, act)
                case other:
                    raise TypeError(f"{type(other).__name__} does nothing to an order")

        order: str = getattr(act.command, "order", "")
        self._on_order(room, None, order, done, work)

    def _on_order(
        self,
        room: str,
        buyer: str | None,
        order_id: str,
        done: Done,
        work: Callable[[StoredOrder], Awaitable[Outcome]],
    ) -> None:
        """`buyer` None: whoever's it is."""
        user = buyer or ""

        async def run() -> Outcome:
            record = await self.stored(order_id)
            if record is None or record.room != room or buyer not in (None, record.user):
                return refused(ErrorCode.NOT_FOUND, "no such order", user)
            return await work(record)

        if not self._errand(user, done, run):
            done(of_fate(Fate.FULL, user))

    def _errand(self, user: str, done: Done, work: Work) -> bool:
        async def run() -> None:
            outcome = of_fate(Fate.UNKNOWN, user)
            try:
                outcome = await work()
            except Unanswered as error:
                outcome = of_fate(error.fate, user)
            except StoreUnavailable:
                outcome = of_fate(Fate.DOWN, user)
            except Exception:
                log.exception("an order command failed")
            finally:  # also when it is cancelled: every command is answered
                OUTCOMES.labels(outcome.code.value if outcome.code else "changed").inc()
                try:
                    done(outcome)
                except Exception:
                    CALLBACK_ERRORS.inc()
                    log.exception("an order's answer was not taken")

        return self._errands.start(run)

    # ---- reading ----------------------------------------------------------------------------

    async def stored(self, order_id: str) -> StoredOrder | None:
        """An order's record, whoever's it is. Raises StoreUnavailable, also where a store that was not
        checked yet does not have it."""
        partition = self.book.of_order(order_id)
        if partition is None:
            return None
        with store_errors():
            record = cast("bytes | None", await self._client.get(partition.order(order_id)))
            if record is None:
                await demand_verified(self._client, partition.outbox)
        return decode_stored(record) if record is not None else None

    async def get(
        self, room: str, user: str, *, order_id: str | None = None, request_id: str | None = None
    ) -> Order | None:
        """The user's order in this room, by its id or by the request that placed it.

        Raises StoreUnavailable.
        """
        if order_id is None:
            if request_id is None:
                return None
            with store_errors():
                user_key = self.book.room(room).user(user)
                known = cast("bytes | None", await self._client.hget(user_key, request_id))
                if known is None:
                    await demand_verified(self._client, user_key)
                    return None
            order_id = known.decode().partition(" ")[0]
        record = await self.stored(order_id)
        if record is None or record.room != room or record.user != user:
            return None
        return record.to_wire()

    def visit(self, room: str, user: str) -> Visit:
        """For `unfinished`, which says whether this is somebody new, and then for `place`, as long as the
        user is a member here."""
        return self.local.visit(room, user)

    async def unfinished(self, room: str, user: str, visit: Visit | None = None) -> list[Order]:
        """The user's orders in this room that are not over, oldest first, the last hundred.

        Who asks while a read is under way is answered by the next one. Raises StoreUnavailable.
        """
        keys = self.book.room(room)
        try:
            return await self._partition(keys.partition).unfinished(keys.user(user), visit)
        except Unanswered as error:
            raise StoreUnavailable(f"unfinished orders not read: {error}") from None

    # ---- lanes ------------------------------------------------------------------------------

    async def _carry(self, operation: Operation, change: Change) -> Changed:
        keys = self.book.of_order(change.record.order)
        if keys is None:
            raise ValueError(f"not an order's id: {change.record.order!r}")
        return await self._partition(keys).carry(operation, change)

    async def _all_came_back(self, record: StoredOrder) -> None:
        """What was refunded in full does not count as paid with one tap."""
        try:
            await self.cashier.cap.give_back_order(record.user, record.order)
        except StoreUnavailable as error:
            log.warning("a refunded payment still counts as one tap's", order=record.order, error=str(error))

    async def _amend(self, change: Change) -> Changed:
        keys = self.book.of_order(change.record.order)
        if keys is None:
            raise ValueError(f"not an order's id: {change.record.order!r}")
        changed = await self._partition(keys).amend(change)
        record = changed.record
        if changed.code is Code.DONE and record is not None and record.status is OrderStatus.REFUNDED:
            await self._all_came_back(record)
        return changed

    def _partition(self, keys: PartitionKeys) -> Partition:
        found = self._partitions.get(keys.number)
        if found is None:
            found = self._partitions[keys.number] = Partition(
                self._client, self.book, keys, self._settings, self.local, held=self._held, known=self._known
            )
        return found
