"""A shipped order's refund: buyer, host and the host's silence at once; the money goes back once or not."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.codes import ErrorCode, OrderStatus
from schemas.commands import OrderShip, RefundApprove, RefundDecline
from server.orders.outcomes import Outcome
from tests.orders.interleaving import Run, every_order, kill
from tests.orders.market import Market, Site
from tests.orders.shop import accepted, codes

pytestmark = pytest.mark.anyio

CANCELLED, EXPIRED, PAID = OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.PAID
REFUNDED, RESERVED = OrderStatus.REFUNDED, OrderStatus.RESERVED


async def shipped(market: Market, *, asked: bool) -> str:
    """An order on its way, with or without a refund that waits for the host."""
    order = (await market.house.order(pay=True)).order
    accepted(await market.house.manage(OrderShip(order=order)))
    if asked:
        assert accepted(await market.house.refund(order)).status is OrderStatus.REFUNDING
    return order


async def silence(market: Market, site: Site) -> int:
    """The host's time to think is over."""
    await market.returns_fall_due(site)
    return await site.refunds.sweep()


@pytest.mark.campaign
async def test_approval_and_the_hosts_silence(market: Market) -> None:
    """Both carry the refund out; either may be killed over it."""
    host, office = market.site("host"), market.site("office")
    killed = Counter[bool]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = await shipped(market, asked=True)
        approved, _ = await run.through(
            {host: host.shop.manage(RefundApprove(order=order)), office: silence(market, office)},
            kill(host),
        )
        (record,) = await market.judge([order])
        assert record.status is REFUNDED and len(market.bank.refunds) == 1
        assert host.dead or approved.code in (None, ErrorCode.CONFLICT)
        killed[host.dead] += 1

    await every_order(play)
    assert killed[True] and killed[False]


async def test_refusal_and_the_hosts_silence(market: Market) -> None:
    """The host says no as time runs out: the money stays or goes, as the host is told."""
    host, office = market.site("host"), market.site("office")
    ends = Counter[tuple[ErrorCode | None, OrderStatus]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = await shipped(market, asked=True)
        declined, _ = await run.through(
            {
                host: host.shop.manage(RefundDecline(order=order, reason="worn")),
                office: silence(market, office),
            }
        )
        (record,) = await market.judge([order])
        ends[declined.code, record.status] += 1

    await every_order(play)
    assert set(ends) == {(None, OrderStatus.SHIPPED), (ErrorCode.CONFLICT, REFUNDED)}


async def test_refund_and_shipping(market: Market) -> None:
    """Not shipped yet, the money goes back at once; shipped first, the host is asked."""
    buyer, host = market.site("buyer"), market.site("host")
    ends = Counter[tuple[ErrorCode | None, ErrorCode | None, OrderStatus]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1)
        order = (await market.house.order(pay=True)).order
        asked, shipping = await run.through(
            {buyer: buyer.shop.refund(order), host: host.shop.manage(OrderShip(order=order))}
        )
        before = (await market.stored(order)).status
        await market.judge([order])
        ends[asked.code, shipping.code, before] += 1

    await every_order(play)
    assert {(None, ErrorCode.CONFLICT, REFUNDED), (None, None, OrderStatus.REFUNDING)} <= set(ends)
    assert all(OrderStatus.SHIPPED is not status or asked is not None for asked, _, status in ends)


async def test_two_parts_at_once(market: Market) -> None:
    """Each asks for more than half: one is taken, and never more than was paid."""
    one, two = market.site("one"), market.site("two")
    ends = Counter[tuple[bool, bool]]()

    async def play(run: Run) -> None:
        await market.fresh()
        await market.house.mount(stock=1, price=100)
        order = (await market.house.order(pay=True)).order
        outcomes: list[Outcome] = await run.through(
            {
                one: one.shop.refund(order, amount=60, request_id="first"),
                two: two.shop.refund(order, amount=60, request_id="second"),
            }
        )
        (record,) = await market.judge([order])
        assert record.status is PAID and record.refunded == market.bank.refunded(order) == 60
        taken = [code is None for code in codes(outcomes)]
        assert taken.count(True) == 1
        ends[taken[0], taken[1]] += 1

    await every_order(play)
    assert set(ends) == {(True, False), (False, True)}
