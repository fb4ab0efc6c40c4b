"""Refunds on the real store: at once, in part, after the host; two refunders, a sweeper, crashes between."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.codes import ErrorCode, OrderStatus, Role
from schemas.commands import OrderDeliver, OrderRefund, OrderShip, RefundApprove, RefundDecline
from schemas.models import Order
from server.orders.actions import Act
from server.orders.aftersales import RefundRequest
from server.orders.audit import audit
from server.orders.consumer import LedgerConsumer
from server.orders.due import LONGEST_PAUSE_MS
from server.orders.ledger import Ledger
from server.orders.metrics import REFUNDS
from server.orders.outcomes import Outcome
from server.orders.records import StoredOrder
from server.orders.refund_sweeper import RefundSweeper
from server.orders.verified import mark_verified
from server.valkey import connect, store_time
from tests.depth import rounds
from tests.orders.shop import NO, ROOM, SETTINGS, Shop, accepted
from tests.orders.stage import Stage

pytestmark = pytest.mark.anyio
IMPATIENT = replace(SETTINGS, refund_approval_ms=1)
"""Time approves after a millisecond."""


async def record_of(shop: Shop, order: Order) -> StoredOrder:
    record = await shop.service.stored(order.order)
    assert record is not None
    return record


async def make_due(shop: Shop) -> None:
    """The time of every refund under way has come."""
    keys = shop.service.book.room(ROOM).partition
    due = dict.fromkeys(cast("list[bytes]", await shop.store.zrange(keys.refunds, 0, -1)), 1)
    if due:
        await shop.store.zadd(keys.refunds, due)


async def under_way(shop: Shop) -> int:
    return await shop.store.zcard(shop.service.book.room(ROOM).partition.refunds)


async def shipped(shop: Shop, **place: object) -> Order:
    order = await shop.order(pay=True, **place)  # type: ignore[arg-type]
    return accepted(await shop.manage(OrderShip(order=order.order)))


def counted(result: str) -> float:
    return float(REFUNDS.labels(result)._value.get())


async def test_unshipped_is_given_back_at_once(shop: Shop) -> None:
    await shop.mount(stock=3, price=250, per_user_limit=2)
    order = await shop.order(quantity=2, pay=True)
    refunded = accepted(await shop.refund(order.order))
    assert (refunded.status, refunded.version, refunded.refunded) == (OrderStatus.REFUNDED, 4, 500)
    assert [amount for _, amount, _ in shop.provider.refunds] == [500]
    assert await shop.units() == (3, 3, 0, 0)
    assert await shop.allowance() == {}
    assert accepted(await shop.refund(order.order)) == refunded
    assert len(shop.provider.refunds) == 1 and await under_way(shop) == 0
    counts = (await shop.service.counts(ROOM))["lamp"]
    assert (counts.orders_paid, counts.orders_refunded, counts.revenue) == (0, 1, 0)
    held = await shop.order()
    assert (await shop.refund(held.order)).code is ErrorCode.CONFLICT
    assert (await shop.cancel(refunded.order)).code is ErrorCode.CONFLICT
    assert (await shop.pay(refunded.order)).code is ErrorCode.CONFLICT


async def test_units_of_a_sale_that_is_over_go_home(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.schedule("s1", stock=5)
    first = await shop.order(sale="s1", quantity=3, pay=True)
    accepted(await shop.refund(first.order))
    assert await shop.units("s1") == (5, 5, 0, 0)
    second = await shop.order(sale="s1", quantity=3, pay=True)
    await shop.service.close_sale(ROOM, "s1", "time")
    accepted(await shop.refund(second.order))
    assert await shop.units("s1") == (0, 0, 0, 0)
    assert await shop.units("lamp") == (10, 10, 0, 0)
    assert await shop.allowance("sale/s1") == {}


async def test_in_parts_until_nothing_is_left(shop: Shop) -> None:
    await shop.mount(stock=3, price=250)
    order = await shop.order(quantity=2, pay=True)
    part = accepted(await shop.refund(order.order, amount=150, request_id="one"))
    assert (part.status, part.refunded, part.reason) == (OrderStatus.PAID, 150, "too small")
    assert await shop.units() == (3, 1, 0, 2), "money, no stock"
    assert (await shop.service.counts(ROOM))["lamp"].revenue == 350
    again = await shop.refund(order.order, amount=150, request_id="one")
    assert again.replayed and accepted(again) == part
    other = await shop.refund(order.order, amount=151, request_id="one")
    assert other.code is ErrorCode.REQUEST_MISMATCH
    assert (await shop.refund(order.order, amount=351, request_id="two")).code is ErrorCode.CONFLICT
    last = accepted(await shop.refund(order.order, amount=350, request_id="two"))
    assert (last.status, last.refunded) == (OrderStatus.REFUNDED, 500)
    assert await shop.units() == (3, 3, 0, 0)
    assert (await shop.service.counts(ROOM))["lamp"].revenue == 0
    assert [amount for _, amount, _ in shop.provider.refunds] == [150, 350]


async def test_what_cost_nothing_asks_no_provider(shop: Shop) -> None:
    await shop.mount(stock=3, price=0)
    order = await shop.order(pay=True)
    assert accepted(await shop.refund(order.order)).status is OrderStatus.REFUNDED
    assert shop.provider.refunds == []
    assert await shop.units() == (3, 3, 0, 0)


async def test_the_host_approves(shop: Shop) -> None:
    await shop.mount(stock=3, price=250)
    order = await shipped(shop)
    delivered = accepted(await shop.manage(OrderDeliver(order=order.order)))
    asked = accepted(await shop.refund(order.order))
    now = await store_time(shop.store)
    assert (asked.status, asked.refunding) == (OrderStatus.REFUNDING, 250)
    assert isinstance(asked.refund_due_at, int)
    assert 0 <= now + SETTINGS.refund_approval_ms - asked.refund_due_at < 60_000
    assert shop.provider.refunds == [] and delivered.version + 1 == asked.version
    assert await RefundSweeper(shop.service, shop.store, SETTINGS).sweep() == 0, "it is not due"
    refunded = accepted(await shop.manage(RefundApprove(order=order.order)))
    assert refunded.status is OrderStatus.REFUNDED
    assert await shop.units() == (2, 2, 0, 0), "the goods are with the buyer"
    assert await shop.allowance() == {}
    assert (await shop.manage(RefundApprove(order=order.order))).code is ErrorCode.CONFLICT


async def test_the_host_declines(shop: Shop) -> None:
    await shop.mount(stock=3)
    order = await shipped(shop)
    accepted(await shop.refund(order.order, amount=1, request_id="one"))
    told = accepted(await shop.manage(RefundDecline(order=order.order, reason="it is worn")))
    assert (told.status, told.reason, told.refunded) == (OrderStatus.SHIPPED, "it is worn", 0)
    assert await under_way(shop) == 0 and shop.provider.refunds == []
    assert (await shop.refund(order.order, amount=1, request_id="one")).code is ErrorCode.CONFLICT
    assert accepted(await shop.refund(order.order)).status is OrderStatus.REFUNDING


async def test_time_approves(store: Redis) -> None:
    shop = Shop(store, IMPATIENT)
    await shop.mount(stock=3)
    order = await shipped(shop)
    asked = accepted(await shop.refund(order.order))
    assert isinstance(asked.refund_due_at, int)
    await shop.clock_reaches(asked.refund_due_at)
    before = counted("approved_by_time")
    assert await RefundSweeper(shop.service, store, IMPATIENT).sweep() == 1
    assert counted("approved_by_time") == before + 1
    assert (await record_of(shop, order)).status is OrderStatus.REFUNDED
    await shop.stop()


async def test_the_window_closes(store: Redis) -> None:
    shop = Shop(store, replace(SETTINGS, refund_window_ms=1))
    await shop.mount(stock=3)
    order = await shipped(shop)
    assert isinstance(order.shipped_at, int)
    await shop.clock_reaches(order.shipped_at + 2)
    assert (await shop.refund(order.order)).code is ErrorCode.CONFLICT
    by_host = OrderRefund(order=order.order, reason="for an old customer")
    assert accepted(await shop.manage(by_host)).status is OrderStatus.REFUNDED
    await shop.stop()


@pytest.mark.parametrize("error", [NO, ConnectionError("away")], ids=["refused", "away"])
async def test_a_refund_the_provider_did_not_make_is_made_later(
    shop: Shop, ledger: Ledger, error: Exception
) -> None:
    await shop.mount(stock=3)
    order = await shop.order(pay=True)
    shop.provider.refund_error = error
    before = counted("refused" if error is NO else "no_answer")
    begun = accepted(await shop.refund(order.order))
    assert begun.status is OrderStatus.REFUNDING
    sweeper = RefundSweeper(shop.service, shop.store, SETTINGS)
    assert await sweeper.sweep() == 0, "it is not due yet"
    await make_due(shop)
    now = await store_time(shop.store)
    assert await sweeper.sweep() == 0
    assert counted("refused" if error is NO else "no_answer") == before + 2
    keys = shop.service.book.room(ROOM).partition
    (member,) = cast("list[bytes]", await shop.store.zrange(keys.refunds, 0, -1))
    score = await shop.store.zscore(keys.refunds, member)
    assert score is not None and now + 15_000 <= score <= now + LONGEST_PAUSE_MS, "put off"
    assert (await audit(shop.store, ledger, SETTINGS)).owed_returns == 1
    shop.provider.refund_error = None
    await make_due(shop)
    assert await sweeper.sweep() == 1
    assert (await record_of(shop, order)).status is OrderStatus.REFUNDED
    assert await shop.units() == (3, 3, 0, 0)
    assert await under_way(shop) == 0


async def test_a_refund_of_no_order_is_taken_away(shop: Shop) -> None:
    keys = shop.service.book.room(ROOM).partition
    await shop.store.zadd(keys.refunds, {"rubbish": 1})
    assert await RefundSweeper(shop.service, shop.store, SETTINGS).sweep() == 0
    assert await under_way(shop) == 0


async def test_the_sweeper_runs_by_itself(store: Redis) -> None:
    shop = Shop(store, IMPATIENT)
    await shop.mount(stock=3)
    order = await shipped(shop)
    accepted(await shop.refund(order.order))
    running = asyncio.create_task(RefundSweeper(shop.service, store, IMPATIENT).run())
    async with asyncio.timeout(5):
        while (await record_of(shop, order)).status is not OrderStatus.REFUNDED:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await shop.stop()


async def test_the_ledger_has_every_step(shop: Shop, ledger: Ledger) -> None:
    await shop.mount(stock=3, price=250)
    order = await shipped(shop)
    accepted(await shop.refund(order.order, amount=50, request_id="one"))
    accepted(await shop.manage(RefundDecline(order=order.order, reason="no")))
    accepted(await shop.refund(order.order, amount=100, request_id="two"))
    behind = await audit(shop.store, ledger, SETTINGS)
    assert behind.ok, behind.problems
    accepted(await shop.manage(RefundApprove(order=order.order)))
    await LedgerConsumer(shop.store, ledger, SETTINGS).drain()
    report = await audit(shop.store, ledger, SETTINGS)
    assert report.ok and report.owed_returns == 0, report.problems
    told = await ledger.order(order.order)
    assert told is not None and (told.refunded, told.status) == (100, OrderStatus.SHIPPED)
    assert told.shipped_at == order.shipped_at
    async with ledger.reading() as connection:
        rows = await connection.exec_driver_sql("SELECT what, amount, actor FROM refunds ORDER BY at, what")
        assert sorted(tuple(row) for row in rows) == [
            ("approved", 100, "host"),
            ("begun", 50, "ann"),
            ("begun", 100, "ann"),
            ("declined", 50, "host"),
            ("done", 100, ""),
        ]
    assert [action.action for action in (await ledger.actions(ROOM)).actions] == [
        "refund.approve",
        "refund.decline",
        "order.ship",
    ]


# ---- any interleaving ---------------------------------------------------------------------------

ACTORS: dict[str, tuple[int | None, bool] | str] = {
    "whole": (None, False),
    "part": (150, False),
    "most": (400, False),
    "host": (100, True),
    "approve": "approve",
    "decline": "decline",
    "sweep": "sweep",
}


def actor(shop: Shop, order: str, name: str) -> Callable[[], Awaitable[object]]:
    what = ACTORS[name]
    desk = shop.service.refunds

    async def act() -> object:
        record = await shop.service.stored(order)
        assert record is not None
        match what:
            case "sweep":
                await make_due(shop)
                return await RefundSweeper(shop.service, shop.store, IMPATIENT).sweep()
            case "approve":
                return await desk.approve(record, Act("h", Role.HOST, RefundApprove(order=order)))
            case "decline":
                command = RefundDecline(order=order, reason="no")
                return await desk.decline(record, "no", Act("h", Role.HOST, command))
            case (int() | None as amount, bool() as by_host):
                request = RefundRequest(actor="ann", by_host=by_host, amount=amount, request_id=name)
                return await desk.ask(record, request)
        raise AssertionError(what)

    return act


async def interleave(
    url: str, names: list[str], goods_shipped: bool, schedule: list[tuple[int, bool]]
) -> None:
    client = connect(url, name="refunders")
    await client.flushall()
    await mark_verified(client, IMPATIENT.partitions)
    shop = Shop(client, IMPATIENT)
    stage = Stage()
    await shop.mount(stock=3, price=250)
    order = (await shop.order(quantity=2, pay=True)).order
    if goods_shipped:
        accepted(await shop.manage(OrderShip(order=order)))
    amender, provider = shop.service._amender, shop.provider
    amender._carry = stage.around(amender._carry)
    provider.refund = stage.around(provider.refund)  # type: ignore[method-assign, assignment]
    for name in names:
        await stage.play(name, actor(shop, order, name))
    for who, dies in schedule:
        playing = stage.playing
        if not playing:
            break
        name = playing[who % len(playing)]
        await (stage.kill(name) if dies else stage.step(name))
    for name in stage.playing:
        await stage.kill(name)
    for _ in range(2):
        await asyncio.sleep(0.002)
        await make_due(shop)
        await RefundSweeper(shop.service, client, IMPATIENT).sweep()

    record = await shop.service.stored(order)
    assert record is not None and record.payment is not None
    for name in names:
        told = stage.result(name)
        if isinstance(told, Outcome) and told.code is None and name in ("whole", "part", "most", "host"):
            ids = {f"{order}-r{kind}{hashlib.sha256(name.encode()).hexdigest()[:32]}" for kind in "pa"}
            given_back = name == "whole" and record.status is OrderStatus.REFUNDED
            assert ids & record.refunds.keys() or given_back, "who was told so has a refund"
    assert record.refund is None and record.status is not OrderStatus.REFUNDING
    assert provider._payments[record.payment].refunded == record.refunded <= 500
    assert (record.status is OrderStatus.REFUNDED) is (record.refunded == 500)
    assert await under_way(shop) == 0
    sold = 0 if record.status is OrderStatus.REFUNDED else 2
    gone = 2 if goods_shipped and not sold else 0
    assert await shop.units() == (3 - gone, 3 - gone - sold, 0, sold)
    with tempfile.TemporaryDirectory() as directory:
        ledger = Ledger(f"sqlite:///{directory}/ledger.db")
        await ledger.start()
        await LedgerConsumer(client, ledger, IMPATIENT).drain()
        report = await audit(client, ledger, IMPATIENT)
        await ledger.stop()
    assert report.ok, report.problems
    await shop.stop()
    await client.aclose()


@pytest.mark.timeout(120)
@settings(max_examples=rounds(30, 60), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(st.sampled_from(sorted(ACTORS)), min_size=2, max_size=4, unique=True),
    goods_shipped=st.booleans(),
    schedule=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([False] * 11 + [True])), max_size=40),
)
def test_never_more_than_was_paid_and_nothing_half_done(
    store_url: str, names: list[str], goods_shipped: bool, schedule: list[tuple[int, bool]]
) -> None:
    asyncio.run(interleave(store_url, names, goods_shipped, schedule))
