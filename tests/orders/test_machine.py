"""Random histories on the real Lua beside the model, then store and ledger audited."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import UNSET
from msgspec.structs import replace

from schemas.codes import ErrorCode, OrderStatus
from schemas.commands import OrderDeliver, OrderRefund, OrderShip, RefundApprove, RefundDecline
from schemas.models import Order
from server.orders.audit import audit
from server.orders.consumer import LedgerConsumer
from server.orders.errors import OrderError
from server.orders.ledger import Ledger
from server.orders.lifecycle import HOLDING, SOLD, Action, NotAllowed, sources
from server.orders.outcomes import Outcome
from server.orders.pools import PoolCounts
from server.orders.refund_sweeper import RefundSweeper
from server.orders.sweeper import HoldSweeper
from server.orders.verified import mark_verified
from server.valkey import connect
from tests.depth import rounds
from tests.orders.model import Model, ModelPool
from tests.orders.shop import ROOM, SHORT, Shop, accepted

USERS = ("ann", "bob")
SALES = ("s1", "s2")
POOLS = ("lamp", *SALES)
EFFECTS = {
    "pay": sources(Action.PAY) | sources(Action.PAY_LATE),
    "cancel": sources(Action.CANCEL),
    "refund": sources(Action.REFUND),
    "ship": sources(Action.SHIP),
    "deliver": sources(Action.DELIVER),
    "approve": sources(Action.APPROVE),
    "decline": sources(Action.DECLINE),
}
MACHINE = replace(SHORT, refund_approval_ms=1)
quantities = st.sampled_from([1, 1, 2, 3])


class PoolMachine(RuleBasedStateMachine):
    """A product, a flash sale carved out of it, two buyers."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.client = connect(self.url, name="machine")
        self.model = Model()
        self.shop = self.runner.run(self._open())
        self.mount(6, None)

    async def _open(self) -> Shop:
        await self.client.flushall()
        await mark_verified(self.client, MACHINE.partitions)
        return Shop(self.client, MACHINE)

    # ---- stock ------------------------------------------------------------------------------

    @rule(stock=st.integers(0, 8), limit=st.sampled_from([None, 2, 3]))
    def mount(self, stock: int, limit: int | None) -> None:
        self.runner.run(self.shop.mount("lamp", stock, price=250, per_user_limit=limit))
        pool = self.model.pools.setdefault("lamp", ModelPool(250, limit, "lamp"))
        pool.open, pool.limit = True, limit
        pool.total += stock - pool.available
        pool.available = stock

    @rule()
    def unmount(self) -> None:
        self.runner.run(self.shop.service.unmount(ROOM, "lamp"))
        pool = self.model.pools["lamp"]
        pool.total -= pool.available
        pool.open, pool.available = False, 0

    @rule(name=st.sampled_from(POOLS), delta=st.integers(-4, 4))
    def restock(self, name: str, delta: int) -> None:
        sku, sale = (name, None) if name == "lamp" else (None, name)
        pool = self.model.pools.get(name)
        try:
            left = self.runner.run(self.shop.service.restock(ROOM, sku=sku, sale=sale, delta=delta))
        except OrderError as error:
            if pool is None:
                assert error.code is ErrorCode.NOT_FOUND
            elif not pool.open:
                assert error.code in (ErrorCode.CONFLICT, ErrorCode.SALE_ENDED)
            else:
                assert error.code is ErrorCode.INVALID and pool.available + delta < 0
        else:
            assert pool is not None and pool.open
            pool.total += delta
            pool.available += delta
            assert left == pool.available >= 0

    @precondition(lambda self: len(self.model.pools) < len(POOLS))
    @rule(stock=st.integers(1, 6), limit=st.sampled_from([None, 2, 3]))
    def schedule(self, stock: int, limit: int | None) -> None:
        sale = next(name for name in SALES if name not in self.model.pools)
        product = self.model.pools["lamp"]
        try:
            self.runner.run(self.shop.schedule(sale, stock=stock, price=99, per_user_limit=limit))
        except OrderError as error:
            assert error.code is (ErrorCode.CONFLICT if product.open else ErrorCode.NOT_FOUND)
            assert not product.open or product.available < stock
        else:
            assert product.open
            product.total -= stock
            product.available -= stock
            self.model.pools[sale] = ModelPool(99, limit, "lamp", True, stock, stock, True)

    @precondition(lambda self: len(self.model.pools) > 1)
    @rule()
    def close_sale(self) -> None:
        sale = next(reversed(self.model.pools))
        assert self.runner.run(self.shop.service.close_sale(ROOM, sale, "cancelled")) == "cancelled"
        pool, home = self.model.pools[sale], self.model.pools["lamp"]
        pool.total -= pool.available
        home.total += pool.available
        home.available += pool.available
        pool.open, pool.available = False, 0

    # ---- orders -----------------------------------------------------------------------------

    @rule(
        user=st.sampled_from(USERS),
        name=st.sampled_from(POOLS),
        quantity=quantities,
        request=st.integers(0, 15).map(str),
        pay=st.booleans(),
    )
    def place(self, user: str, name: str, quantity: int, request: str, pay: bool) -> None:
        sale = name if name in SALES else None
        outcome: Outcome = self.runner.run(
            self.shop.place(user, "lamp", sale=sale, request_id=request, quantity=quantity, pay=pay)
        )
        contents = (name, quantity, pay)
        known = self.model.known(user, request, contents)
        if isinstance(known, ErrorCode):
            assert outcome.code is known
        elif known is not None:
            order = accepted(outcome)
            assert outcome.replayed and order.order == known
            self.check(order)
        else:
            refusal = self.model.may_take(self.model.pools.get(name), name, user, quantity)
            assert outcome.code is refusal
            if refusal is None:
                order = accepted(outcome)
                assert not outcome.replayed
                self.model.place(order.order, user, request, contents)
                if pay:
                    self.model.orders[order.order].life.apply(Action.PAY)
                self.check(order)

    @precondition(lambda self: self.model.orders)
    @rule(data=st.data())
    def pay(self, data: st.DataObject) -> None:
        order, outcome = self.command(data, "pay")
        life = self.model.orders[order].life
        if life.status is OrderStatus.PAID:
            self.check(accepted(outcome))
        elif life.status is OrderStatus.EXPIRED:
            assert outcome.code is self.model.pay_late(order)
            self.check(outcome.order)
        else:
            self.settle(order, Action.PAY, outcome)

    @precondition(lambda self: self.model.orders)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order, outcome = self.command(data, "cancel")
        if self.model.orders[order].life.status is OrderStatus.CANCELLED:
            self.check(accepted(outcome))
        elif self.settle(order, Action.CANCEL, outcome):
            self.model.give_back(order)

    @precondition(lambda self: self.model.orders)
    @rule(data=st.data())
    def ship(self, data: st.DataObject) -> None:
        order, outcome = self.command(data, "ship")
        if self.model.orders[order].life.status is OrderStatus.SHIPPED:
            self.check(accepted(outcome))
        else:
            self.settle(order, Action.SHIP, outcome)

    @precondition(lambda self: self.model.orders)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        order, outcome = self.command(data, "deliver")
        if self.model.orders[order].life.status is OrderStatus.DELIVERED:
            self.check(accepted(outcome))
        else:
            self.settle(order, Action.DELIVER, outcome)

    # ---- refunds ----------------------------------------------------------------------------

    @rule(away=st.booleans())
    def provider(self, away: bool) -> None:
        self.shop.provider.refund_error = ConnectionError("away") if away else None

    @precondition(lambda self: self.model.orders)
    @rule(
        data=st.data(),
        amount=st.sampled_from([None, None, 1, 99, 150, 400]),
        request=st.sampled_from(["a", "b", "c"]),
        named=st.booleans(),
        by_host=st.booleans(),
    )
    def refund(
        self, data: st.DataObject, amount: int | None, request: str, named: bool, by_host: bool
    ) -> None:
        order = self.choose(data, "refund")
        user = self.model.orders[order].user
        request_id = request if named or amount is not None else None
        if by_host:
            command = OrderRefund(order=order, amount=amount, request_id=request_id)
            outcome = self.runner.run(self.shop.manage(command))
        else:
            outcome = self.runner.run(self.shop.refund(order, user, amount=amount, request_id=request_id))
        expected = self.model.ask(order, amount, request_id, by_host)
        assert outcome.code is expected
        if expected is None:
            self.money_moves(order)
        self.check(outcome.order)

    @precondition(lambda self: self.model.orders)
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        order, outcome = self.command(data, "approve")
        refund = self.model.orders[order].refund
        assert outcome.code is (None if refund is not None else ErrorCode.CONFLICT)
        if refund is not None:
            if not refund.approved:
                self.model.approve(order)
            self.money_moves(order)
        self.check(outcome.order)

    @precondition(lambda self: self.model.orders)
    @rule(data=st.data())
    def decline(self, data: st.DataObject) -> None:
        order, outcome = self.command(data, "decline")
        refund = self.model.orders[order].refund
        if refund is not None and not refund.approved:
            assert outcome.code is None
            self.model.decline(order)
        else:
            assert outcome.code is ErrorCode.CONFLICT
        self.check(outcome.order)

    @rule()
    def sweep_refunds(self) -> None:
        """Every refund's time has come: the host's two hours last a millisecond here."""

        async def run() -> int:
            await asyncio.sleep(0.003)
            for keys in self.shop.service.book.partitions:
                members = cast("list[bytes]", await self.client.zrange(keys.refunds, 0, -1))
                due = dict.fromkeys(members, 1)
                if due:
                    await self.client.zadd(keys.refunds, due)
            return await RefundSweeper(self.shop.service, self.client, MACHINE).sweep()

        ended = self.runner.run(run())
        waiting = [name for name, order in self.model.orders.items() if order.refund is not None]
        away = self.shop.provider.refund_error is not None
        assert ended == (0 if away else len(waiting))
        for name in waiting:
            refund = self.model.orders[name].refund
            if refund is not None and not refund.approved:
                self.model.approve(name)
            self.money_moves(name)

    def money_moves(self, order: str) -> None:
        if self.shop.provider.refund_error is None:
            self.model.carry_out(order)

    @rule()
    def sweep(self) -> None:
        async def run() -> int:
            await self.shop.run_out()
            return await HoldSweeper(self.client, MACHINE).sweep()

        released = self.runner.run(run())
        due = [name for name, order in self.model.orders.items() if order.life.status in HOLDING]
        assert released == len(due)
        for order in due:
            self.model.orders[order].life.apply(Action.EXPIRE)
            self.model.give_back(order)

    def choose(self, data: st.DataObject, what: str) -> str:
        """Any order, more often one where it does something."""
        orders, does = self.model.orders, EFFECTS[what]
        useful = [name for name, order in orders.items() if order.life.status in does]
        anything = st.sampled_from(sorted(orders))
        return data.draw(st.sampled_from(sorted(useful)) | anything if useful else anything)

    def command(self, data: st.DataObject, what: str) -> tuple[str, Outcome]:
        order = self.choose(data, what)
        user = self.model.orders[order].user
        calls: dict[str, Callable[[], Coroutine[None, None, Outcome]]] = {
            "pay": lambda: self.shop.pay(order, user),
            "cancel": lambda: self.shop.cancel(order, user),
            "ship": lambda: self.shop.manage(OrderShip(order=order)),
            "deliver": lambda: self.shop.manage(OrderDeliver(order=order)),
            "approve": lambda: self.shop.manage(RefundApprove(order=order)),
            "decline": lambda: self.shop.manage(RefundDecline(order=order, reason="worn")),
        }
        return order, self.runner.run(calls[what]())

    def settle(self, order: str, action: Action, outcome: Outcome) -> bool:
        """Apply to the model; whether it was allowed there, as the store must have found it."""
        try:
            self.model.orders[order].life.apply(action)
        except NotAllowed:
            assert outcome.code is ErrorCode.CONFLICT
            self.check(outcome.order)
            return False
        self.check(accepted(outcome))
        return True

    def check(self, order: Order | None) -> None:
        assert order is not None
        expected = self.model.orders[order.order]
        assert (order.status, order.version) == (expected.life.status, expected.life.version)
        assert order.amount == expected.price * expected.quantity
        assert order.refunded == expected.refunded <= order.amount
        assert order.refunding == (UNSET if expected.refund is None else expected.refund.amount)

    # ---- what always holds ------------------------------------------------------------------

    @invariant()
    def pools_agree(self) -> None:
        counts = self.runner.run(self.shop.service.counts(ROOM))
        assert counts == {
            name: PoolCounts(
                available=pool.available,
                held=self.model.units(name, HOLDING),
                sold=self.model.units(name, SOLD),
                total=pool.total,
                orders_reserved=self.model.count(name, HOLDING),
                orders_paid=self.model.count(name, SOLD),
                orders_refunded=self.model.count(name, frozenset({OrderStatus.REFUNDED})),
                revenue=self.model.revenue(name),
                is_sale=pool.is_sale,
                sku="lamp",
            )
            for name, pool in self.model.pools.items()
        }
        for name, pool in counts.items():
            assert pool.total == pool.available + pool.held + pool.sold
            allowance = self.runner.run(
                self.shop.allowance(f"sale/{name}" if pool.is_sale else f"sku/{name}")
            )
            expected = {user: self.model.units(name, HOLDING | SOLD, user) for user in USERS}
            assert allowance == {user: units for user, units in expected.items() if units}

    def teardown(self) -> None:
        self.runner.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            ledger = Ledger(f"sqlite+aiosqlite:///{directory}/ledger.db")
            await ledger.start()
            before = await audit(self.client, ledger, MACHINE)
            await LedgerConsumer(self.client, ledger, MACHINE, claim_idle_ms=0).drain()
            after = await audit(self.client, ledger, MACHINE)
            await ledger.stop()
        for name, order in self.model.orders.items():
            record = await self.shop.service.stored(name)
            assert record is not None
            if record.payment is not None:
                assert self.shop.provider._payments[record.payment].refunded == order.refunded
        await self.shop.stop()
        await self.client.aclose()
        assert before.ok and after.ok, (before.problems, after.problems)
        assert after.behind == 0


@pytest.mark.timeout(60)
def test_pools_are_what_the_model_says(store_url: str) -> None:
    machine = type("Machine", (PoolMachine,), {"url": store_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=rounds(25, 40),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
