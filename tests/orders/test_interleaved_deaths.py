"""Who began something may die at any step, and others may come to its end first: it ends once."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.codes import ErrorCode, OrderStatus
from tests.orders.interleaving import Run, every_order, kill
from tests.orders.market import Market, do, expire, poll
from tests.orders.shop import accepted

pytestmark = pytest.mark.anyio

CANCELLED, EXPIRED, PAID = OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.PAID
REFUNDED, RESERVED = OrderStatus.REFUNDED, OrderStatus.RESERVED


@pytest.mark.parametrize("point", [pytest.param("pay", marks=pytest.mark.campaign), "release", "amend"])
async def test_a_gateway_is_killed(market: Market, point: str) -> None:
    """Before or after any of its steps, while another one is asked for the same."""
    victim, other = market.site("victim"), market.site("other")
    killed = Counter[bool]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order(pay=point == "amend")).order
        _, outcome = await run.through(
            {victim: do(point, victim.shop, order), other: do(point, other.shop, order)}, kill(victim)
        )
        assert outcome.code in (None, ErrorCode.CONFLICT)
        killed[victim.dead] += 1
        (record,) = await market.judge([order])
        assert record.status is {"pay": PAID, "release": CANCELLED, "amend": REFUNDED}[point]
        assert await market.house.units() == ((1, 0, 0, 1) if point == "pay" else (1, 1, 0, 0))

    await every_order(play)
    assert killed[True] and killed[False]


async def test_a_sweeper_is_killed(market: Market) -> None:
    victim, heir = market.site("victim"), market.site("heir")

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=2)
        order = (await market.overdue()).order
        kept = (await market.house.order("bob", pay=True)).order
        await run.through({victim: victim.holds.sweep(), heir: heir.holds.sweep()}, kill(victim))
        records = await market.judge([order, kept])
        assert [record.status for record in records] == [EXPIRED, PAID]
        assert await market.house.units() == (2, 1, 0, 1)

    await every_order(play)


async def test_a_payer_is_killed(market: Market) -> None:
    """Whatever the gateway had begun comes to an end: the order is paid, or the money is not taken."""
    victim = market.site("victim")
    ends = Counter[tuple[str, OrderStatus]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        await run.through({victim: victim.shop.pay(order)}, kill(victim))
        (record,) = await market.judge([order])
        ends[run.taken[-1].point, record.status] += 1

    await every_order(play)
    assert ends[("at-GET", RESERVED)] and ends[("at-charge", RESERVED)], "nothing was begun"
    after = {status for (point, status) in ends if point not in ("at-GET", "at-charge")}
    assert after == {PAID}, "what was begun is gone on with"


async def test_a_payer_is_killed_while_the_deadline_passes(market: Market) -> None:
    victim, sweeper = market.site("victim"), market.site("sweeper")
    ends = Counter[OrderStatus]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        await run.through({victim: victim.shop.pay(order), sweeper: expire(market, sweeper)}, kill(victim))
        (record,) = await market.judge([order])
        ends[record.status] += 1

    await every_order(play)
    assert set(ends) == {PAID, EXPIRED}


# ---- who else may end a charge -------------------------------------------------------------------


@pytest.mark.campaign
async def test_a_slow_payer_and_the_poller(market: Market) -> None:
    """The poller takes the gateway for dead; it is not, or it is killed anywhere."""
    payer, poller = market.site("payer"), market.site("poller")
    killed = Counter[bool]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        (paid, _) = await run.through(
            {payer: payer.shop.pay(order), poller: poll(market, poller)}, kill(payer)
        )
        (record,) = await market.judge([order])
        killed[payer.dead] += 1
        if not payer.dead:
            assert accepted(paid).status is record.status is PAID
        assert len(market.bank.payments) == (record.status is PAID)

    await every_order(play)
    assert killed[True] and killed[False]


async def test_a_notice_and_the_direct_answer(market: Market) -> None:
    payer, webhook = market.site("payer"), market.site("webhook")
    results = Counter[str | None]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        paid, noted = await run.through(
            {payer: payer.shop.pay(order), webhook: market.notice(webhook, order)}
        )
        (record,) = await market.judge([order])
        assert accepted(paid).status is record.status is PAID and record.version == 2
        results[noted.result if noted is not None else None] += 1

    await every_order(play)
    assert set(results) == {None, "paid", "already_paid"}


@pytest.mark.parametrize("other", ["release", pytest.param("poll", marks=pytest.mark.campaign)])
async def test_a_notice_of_a_payment_decided_late(market: Market, other: str) -> None:
    """The gateway heard `pending`; when the money is taken, the notice comes, and the back office as well."""
    webhook, office = market.site("webhook"), market.site("office")
    results = Counter[str]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        market.bank.thinks = True
        assert accepted(await market.house.pay(order)).status is RESERVED
        await market.bank.decide()
        meanwhile = expire if other == "release" else poll
        noted, _ = await run.through(
            {webhook: market.notice(webhook, order), office: meanwhile(market, office)}
        )
        (record,) = await market.judge([order])
        assert record.status is PAID, "the unit was there all the time"
        results[noted.result] += 1

    await every_order(play)
    assert set(results) == ({"paid"} if other == "release" else {"paid", "already_paid"})


@pytest.mark.campaign
async def test_money_goes_back_once(market: Market) -> None:
    """A payment nobody can use: who took it gives it back, so does the back office, which may be killed."""
    payer, office = market.site("payer"), market.site("office")
    refunds = Counter[int]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        rivals: list[str] = []

        async def another_buys() -> None:
            await market.deadlines_pass(office)
            if await market.house_sweeps():
                rivals.append((await market.house.order("bob", pay=True)).order)
            await market.returns_fall_due(office)
            await office.returns.sweep()

        await run.through({payer: payer.shop.pay(order), office: another_buys()}, kill(office))
        first, *rest = await market.judge([order, *rivals])
        assert [record.status for record in rest] == [PAID] * len(rivals)
        assert first.status in (PAID, EXPIRED, RESERVED) and (first.status is PAID) + len(rivals) <= 1
        refunds[len(market.bank.refunds)] += 1

    await every_order(play)
    assert set(refunds) == {0, 1}
