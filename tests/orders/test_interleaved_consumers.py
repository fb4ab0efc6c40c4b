"""From the outbox to the ledger: whoever takes an entry, commits it, dies or is cut off, it is there once."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from schemas.codes import OrderStatus
from tests.orders.interleaving import Cut, Run, cut_after, every_order, kill
from tests.orders.market import Market, Site
from tests.orders.shop import accepted

pytestmark = pytest.mark.anyio

CANCELLED, EXPIRED, PAID = OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.PAID
REFUNDED, RESERVED = OrderStatus.REFUNDED, OrderStatus.RESERVED


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
