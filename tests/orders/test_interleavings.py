"""Two or three at one order or one unit, in every order of their steps: one end, and the sums hold.

`Market.judge` does what follows each run: the back office gets its chance, then the bank's book must fit
every order, the units must add up and the audit must find nothing.
"""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.codes import ErrorCode, OrderStatus
from server.orders.outcomes import Outcome
from tests.orders.interleaving import Run, cut_after, cut_before, every_order
from tests.orders.market import Market, do, expire
from tests.orders.shop import ROOM, accepted, codes

pytestmark = pytest.mark.anyio

CANCELLED, EXPIRED, PAID = OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.PAID
REFUNDED, RESERVED = OrderStatus.REFUNDED, OrderStatus.RESERVED


# ---- two commands on one order -------------------------------------------------------------------


async def test_pay_and_cancel(market: Market) -> None:
    payer, canceller = market.site("payer"), market.site("canceller")
    ends = Counter[OrderStatus]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        paid, cancelled = await run.through(
            {payer: payer.shop.pay(order), canceller: canceller.shop.cancel(order)}
        )
        (record,) = await market.judge([order])
        assert codes([paid, cancelled]) in ([None, ErrorCode.CONFLICT], [ErrorCode.CONFLICT, None])
        assert record.status is (PAID if paid.code is None else CANCELLED)
        ends[record.status] += 1

    tried = await every_order(play)
    assert set(ends) == {PAID, CANCELLED} and tried.points >= {
        "pay",
        "release",
        "provider.capture",
        "provider.refund",
    }


async def test_pay_andexpire(market: Market) -> None:
    """A charge that was open before the deadline may finish after it; none is opened in the grace."""
    payer, sweeper = market.site("payer"), market.site("sweeper")
    ends = Counter[tuple[OrderStatus, int]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        paid, released = await run.through({payer: payer.shop.pay(order), sweeper: expire(market, sweeper)})
        (record,) = await market.judge([order])
        assert paid.code in (None, ErrorCode.CONFLICT)
        assert record.status is (PAID if paid.code is None else EXPIRED)
        assert len(market.bank.payments) == (paid.code is None), "told no, not even asked for money"
        ends[record.status, released] += 1

    await every_order(play)
    assert set(ends) == {(PAID, 0), (PAID, 1), (EXPIRED, 1)}


async def test_pay_twice_from_two_gateways(market: Market) -> None:
    one, two = market.site("one"), market.site("two")

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=2)
        order = (await market.house.order()).order
        outcomes = await run.through({one: one.shop.pay(order), two: two.shop.pay(order)})
        (record,) = await market.judge([order])
        assert [accepted(outcome).status for outcome in outcomes] == [PAID, PAID]
        assert record.version == 2 and len(market.bank.payments) == 1

    await every_order(play)


async def test_cancel_andexpire(market: Market) -> None:
    canceller, sweeper = market.site("canceller"), market.site("sweeper")
    ends = Counter[OrderStatus]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.overdue()).order
        cancelled, released = await run.through(
            {canceller: canceller.shop.cancel(order), sweeper: sweeper.holds.sweep()}
        )
        (record,) = await market.judge([order])
        assert (cancelled.code, released, record.status) in [
            (None, 0, CANCELLED),
            (ErrorCode.CONFLICT, 1, EXPIRED),
        ]
        assert await market.house.units() == (1, 1, 0, 0), "given back once"
        ends[record.status] += 1

    await every_order(play)
    assert set(ends) == {CANCELLED, EXPIRED}


async def test_refund_twice(market: Market) -> None:
    one, two = market.site("one"), market.site("two")

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order(pay=True)).order
        outcomes = await run.through({one: one.shop.refund(order), two: two.shop.refund(order)})
        (record,) = await market.judge([order])
        told = [outcome.order for outcome in outcomes if outcome.order is not None]
        assert [one.order for one in told] == [order, order]
        assert codes(outcomes) == [None, None], "both hear that it is, or is being, given back"
        assert record.status is REFUNDED and len(market.bank.refunds) == 1
        assert await market.house.units() == (1, 1, 0, 0), "given back once"

    await every_order(play)


async def test_two_sweepers(market: Market) -> None:
    one, two = market.site("one"), market.site("two")
    shares = Counter[tuple[int, int]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=3)
        first = (await market.overdue()).order
        second = (await market.overdue(quantity=2)).order
        released = await run.through({one: one.holds.sweep(), two: two.holds.sweep()})
        records = await market.judge([first, second])
        assert sum(released) == 2 and [record.status for record in records] == [EXPIRED, EXPIRED]
        assert await market.house.units() == (3, 3, 0, 0)
        shares[released[0], released[1]] += 1

    await every_order(play)
    assert set(shares) == {(2, 0), (0, 2)}


# ---- one unit ------------------------------------------------------------------------------------


async def test_a_late_payment_and_the_last_unit(market: Market) -> None:
    payer, buyer = market.site("payer"), market.site("buyer")
    ends = Counter[tuple[ErrorCode | None, ErrorCode | None]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.overdue()).order
        await market.house_sweeps()
        paid, bought = await run.through({payer: payer.shop.pay(order), buyer: buyer.shop.place("bob")})
        await _at_most_one(market, order, paid, bought)
        ends[paid.code, bought.code] += 1

    await every_order(play)
    assert set(ends) == {(None, ErrorCode.SOLD_OUT), (ErrorCode.SOLD_OUT, None)}


@pytest.mark.campaign
async def test_pay_expire_and_another_buyer(market: Market) -> None:
    payer, sweeper, buyer = market.site("payer"), market.site("sweeper"), market.site("buyer")
    ends = Counter[tuple[ErrorCode | None, ErrorCode | None]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        paid, _, bought = await run.through(
            {
                payer: payer.shop.pay(order),
                sweeper: expire(market, sweeper),
                buyer: buyer.shop.place("bob"),
            }
        )
        await _at_most_one(market, order, paid, bought)
        ends[paid.code, bought.code] += 1

    await every_order(play)
    assert set(ends) == {
        (None, ErrorCode.SOLD_OUT),
        (ErrorCode.SOLD_OUT, None),
        (ErrorCode.CONFLICT, None),
        (ErrorCode.CONFLICT, ErrorCode.SOLD_OUT),  # neither: both asked while the hold stood, too late to pay
    }


async def _at_most_one(market: Market, order: str, paid: Outcome, bought: Outcome) -> None:
    """The unit is the payer's or the buyer's, never both; whoever is told so has it."""
    placed = [bought.order.order] if bought.code is None and bought.order is not None else []
    first, *rest = await market.judge([order, *placed])
    assert first.status is (PAID if paid.code is None else EXPIRED)
    assert [record.status for record in rest] in ([], [RESERVED])
    assert (paid.code is None) + len(rest) <= 1
    total, available, held, sold = await market.house.units()
    assert (total, held, sold) == (1, len(rest), paid.code is None)
    assert available == total - held - sold


async def test_a_sale_closes_while_its_last_unit_comes_back(market: Market) -> None:
    closer, canceller = market.site("closer"), market.site("canceller")

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=3)
        await market.house.schedule("s1", stock=2)
        order = (await market.house.order(sale="s1")).order
        await run.through(
            {
                closer: closer.shop.service.close_sale(ROOM, "s1", "time"),
                canceller: canceller.shop.cancel(order),
            }
        )
        (record,) = await market.judge([order], skus=("lamp", "s1"))
        assert record.status is CANCELLED
        assert await market.house.units("s1") == (0, 0, 0, 0)
        assert await market.house.units("lamp") == (3, 3, 0, 0)

    await every_order(play)


# ---- one request, more than once -----------------------------------------------------------------


@pytest.mark.parametrize("pay", [False, pytest.param(True, marks=pytest.mark.campaign)])
async def test_a_lost_reply_and_the_same_request_elsewhere(market: Market, pay: bool) -> None:
    """The line is cut around the reservation, or not at all, while another gateway is asked the same."""
    one, two = market.site("one"), market.site("two")
    seen = set[ErrorCode | None]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=5)
        first, second = await run.through(
            {
                one: one.shop.place(request_id="same", pay=pay),
                two: two.shop.place(request_id="same", pay=pay),
            },
            cut_after(one, "reserve"),
            cut_before(one, "reserve"),
        )
        again = accepted(await market.house.place(request_id="same", pay=pay))
        assert accepted(second).order == again.order
        if first.code is None:
            assert accepted(first).order == again.order and first.replayed is not second.replayed
        else:
            assert first.code is ErrorCode.UNKNOWN_OUTCOME
        assert await market.house.units() == ((5, 4, 0, 1) if pay else (5, 4, 1, 0))
        (record,) = await market.judge([again.order])
        assert record.status is (PAID if pay else RESERVED)
        seen.add(first.code)

    tried = await every_order(play)
    assert seen == {None, ErrorCode.UNKNOWN_OUTCOME}
    assert tried.points >= {"at-reserve", "reserve"}


@pytest.mark.parametrize("point", [pytest.param("pay", marks=pytest.mark.campaign), "release", "amend"])
async def test_a_lost_reply_to_a_change(market: Market, point: str) -> None:
    """Whoever is cut off from the answer asks again, and nothing happens twice."""
    one, two = market.site("one"), market.site("two")

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order(pay=point == "amend")).order
        await run.through(
            {one: do(point, one.shop, order), two: do(point, two.shop, order)}, cut_after(one, point)
        )
        accepted(await do(point, market.house, order))
        (record,) = await market.judge([order])
        assert record.status is {"pay": PAID, "release": CANCELLED, "amend": REFUNDED}[point]

    await every_order(play)
