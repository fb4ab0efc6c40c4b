"""Two or three at one order or one unit, in every order of their steps: one end, and the sums hold.

`Market.judge` does what follows each run: the back office gets its chance, then the bank's book must fit
every order, the units must add up and the audit must find nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from schemas.codes import ErrorCode, OrderStatus
from server.orders import cashier
from server.orders.ledger import Ledger
from server.orders.outcomes import Outcome
from tests.orders.interleaving import Cut, Run, cut_after, cut_before, every_order, kill
from tests.orders.market import Market, Site
from tests.orders.shop import ROOM, SHORT, Shop, accepted, codes

pytestmark = pytest.mark.anyio

CANCELLED, EXPIRED, PAID = OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.PAID
REFUNDED, RESERVED = OrderStatus.REFUNDED, OrderStatus.RESERVED


@pytest.fixture
async def books(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    await ledger.start()
    yield ledger
    await ledger.stop()


@pytest.fixture
async def market(
    store: Redis, store_url: str, books: Ledger, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Market]:
    """Everything is in one partition. Whoever tries again finds the store back by then."""
    monkeypatch.setattr(cashier, "_PAUSES", (0.03,) * 6)
    market = Market(store, store_url, books, replace(SHORT, partitions=1))
    yield market
    await market.close()
    for site in market.sites:
        await site.store.aclose()


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


async def test_pay_and_expire(market: Market) -> None:
    """A charge that was open before the deadline may finish after it; none is opened in the grace."""
    payer, sweeper = market.site("payer"), market.site("sweeper")
    ends = Counter[tuple[OrderStatus, int]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        paid, released = await run.through({payer: payer.shop.pay(order), sweeper: _expire(market, sweeper)})
        (record,) = await market.judge([order])
        assert paid.code in (None, ErrorCode.CONFLICT)
        assert record.status is (PAID if paid.code is None else EXPIRED)
        assert len(market.bank.payments) == (paid.code is None), "told no, not even asked for money"
        ends[record.status, released] += 1

    await every_order(play)
    assert set(ends) == {(PAID, 0), (PAID, 1), (EXPIRED, 1)}


async def _expire(market: Market, sweeper: Site) -> int:
    await market.deadlines_pass(sweeper)
    return await sweeper.holds.sweep()


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


async def test_cancel_and_expire(market: Market) -> None:
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
                sweeper: _expire(market, sweeper),
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


@pytest.mark.parametrize("pay", [False, True])
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


@pytest.mark.parametrize("point", ["pay", "release", "amend"])
async def test_a_lost_reply_to_a_change(market: Market, point: str) -> None:
    """Whoever is cut off from the answer asks again, and nothing happens twice."""
    one, two = market.site("one"), market.site("two")

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order(pay=point == "amend")).order
        await run.through(
            {one: _do(point, one.shop, order), two: _do(point, two.shop, order)}, cut_after(one, point)
        )
        accepted(await _do(point, market.house, order))
        (record,) = await market.judge([order])
        assert record.status is {"pay": PAID, "release": CANCELLED, "amend": REFUNDED}[point]

    await every_order(play)


async def _do(point: str, shop: Shop, order: str) -> Outcome:
    """The command whose script that is."""
    match point:
        case "pay":
            return await shop.pay(order)
        case "release":
            return await shop.cancel(order)
        case _:
            return await shop.refund(order)


# ---- kill -9 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["pay", "release", "amend"])
async def test_a_gateway_is_killed(market: Market, point: str) -> None:
    """Before or after any of its steps, while another one is asked for the same."""
    victim, other = market.site("victim"), market.site("other")
    killed = Counter[bool]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order(pay=point == "amend")).order
        _, outcome = await run.through(
            {victim: _do(point, victim.shop, order), other: _do(point, other.shop, order)}, kill(victim)
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
        await run.through({victim: victim.shop.pay(order), sweeper: _expire(market, sweeper)}, kill(victim))
        (record,) = await market.judge([order])
        ends[record.status] += 1

    await every_order(play)
    assert set(ends) == {PAID, EXPIRED}


# ---- who else may end a charge -------------------------------------------------------------------


async def test_a_slow_payer_and_the_poller(market: Market) -> None:
    """The poller takes the gateway for dead; it is not, or it is killed anywhere."""
    payer, poller = market.site("payer"), market.site("poller")
    killed = Counter[bool]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order()).order
        (paid, _) = await run.through(
            {payer: payer.shop.pay(order), poller: _poll(market, poller)}, kill(payer)
        )
        (record,) = await market.judge([order])
        killed[payer.dead] += 1
        if not payer.dead:
            assert accepted(paid).status is record.status is PAID
        assert len(market.bank.payments) == (record.status is PAID)

    await every_order(play)
    assert killed[True] and killed[False]


async def _poll(market: Market, site: Site) -> int:
    await market.charges_fall_due(site)
    return await site.poller.poll()


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


@pytest.mark.parametrize("other", ["release", "poll"])
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
        meanwhile = _expire if other == "release" else _poll
        noted, _ = await run.through(
            {webhook: market.notice(webhook, order), office: meanwhile(market, office)}
        )
        (record,) = await market.judge([order])
        assert record.status is PAID, "the unit was there all the time"
        results[noted.result] += 1

    await every_order(play)
    assert set(results) == ({"paid"} if other == "release" else {"paid", "already_paid"})


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


# ---- from the outbox to the ledger ---------------------------------------------------------------


async def test_two_consumers_with_the_same_entries(market: Market) -> None:
    """Each takes over what the other has taken, and commits it; one of them may be killed anywhere."""
    one, two = market.site("one"), market.site("two")
    killed = Counter[bool]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=5)
        await one.consumer.prepare()
        order = (await market.house.order(pay=True)).order
        await run.through({one: _consume(one), two: _consume(two)}, kill(one))
        killed[one.dead] += 1
        await market.drain()
        (record,) = await market.judge([order])
        assert record.status is PAID
        assert [status for _, status, _ in await market.ledger.history(order)] == [RESERVED, PAID]
        assert (await market.report()).behind == 0

    tried = await every_order(play)
    assert tried.points >= {"XAUTOCLAIM", "XREADGROUP", "commit", "XACK"}
    assert killed[True] and killed[False]


async def test_a_commit_whose_answer_is_lost(market: Market) -> None:
    one, two = market.site("one"), market.site("two")

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=5)
        await one.consumer.prepare()
        order = (await market.house.order()).order
        await run.through(
            {one: _consume(one), two: _consume(two)},
            cut_after(one, "commit", "XACK"),
        )
        await market.drain()
        (record,) = await market.judge([order])
        assert [status for _, status, _ in await market.ledger.history(order)] == [RESERVED]
        assert record.status is RESERVED

    await every_order(play)


async def test_entries_come_while_a_consumer_takes_them(market: Market) -> None:
    consumer, buyer = market.site("consumer"), market.site("buyer")

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=5)
        await consumer.consumer.prepare()
        _, bought = await run.through({consumer: _consume(consumer), buyer: buyer.shop.place(pay=True)})
        await market.drain()
        (record,) = await market.judge([accepted(bought).order])
        assert record.status is PAID
        assert (await market.report()).behind == 0

    await every_order(play)


async def _consume(site: Site) -> None:
    """What others left and what is new: the steps of `LedgerConsumer.drain`, once."""
    deliveries = [*await site.consumer.claim(), *await site.consumer.read(block=False)]
    if deliveries:
        with suppress(Cut, RedisConnectionError):
            await site.consumer.write(deliveries)
            await site.consumer.acknowledge(deliveries)
