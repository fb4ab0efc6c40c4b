"""Many at once, from more than one process's service: nothing twice, nothing beyond the stock."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from schemas.codes import ErrorCode, OrderStatus
from server.valkey import connect
from tests.orders.shop import Shop, accepted, codes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def rivals(store: Redis, store_url: str) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two services on one store, each with a client of its own."""
    client = connect(store_url, name="rival")
    one, two = Shop(store), Shop(client)
    yield one, two
    await one.stop()
    await two.stop()
    await client.aclose()


async def test_the_same_request_from_two_services_is_one_order(rivals: tuple[Shop, Shop]) -> None:
    one, two = rivals
    await one.mount(stock=1_000)
    for number in range(50):
        first, second = await asyncio.gather(
            one.start_place("ann", request_id=f"r{number}", pay=number % 2 == 0),
            two.start_place("ann", request_id=f"r{number}", pay=number % 2 == 0),
        )
        assert accepted(first).order == accepted(second).order
        assert sorted([first.replayed, second.replayed]) == [False, True]
    total, available, held, sold = await one.units()
    assert (total, available, held, sold) == (1_000, 950, 25, 25)


async def test_one_request_for_two_products_at_once(rivals: tuple[Shop, Shop]) -> None:
    one, two = rivals
    await one.mount("lamp", stock=100)
    await one.mount("cup", stock=100)
    for number in range(30):
        outcomes = await asyncio.gather(
            one.start_place("ann", "lamp", request_id=f"r{number}"),
            two.start_place("ann", "cup", request_id=f"r{number}"),
        )
        assert Counter(codes(outcomes)) == {None: 1, ErrorCode.REQUEST_MISMATCH: 1}
    lamps, cups = await one.units("lamp"), await one.units("cup")
    assert lamps[2] + cups[2] == 30


async def test_a_hundred_want_the_last_one(rivals: tuple[Shop, Shop]) -> None:
    one, two = rivals
    await one.mount(stock=1)
    outcomes = await asyncio.gather(
        *(shop.start_place(f"u{number}") for number in range(50) for shop in rivals),
        *(two.start_place(f"v{number}", pay=True) for number in range(50)),
    )
    assert Counter(codes(outcomes)) == {None: 1, ErrorCode.SOLD_OUT: 149}
    total, available, held, sold = await one.units()
    assert (total, available, held + sold) == (1, 0, 1)


async def test_two_hundred_want_the_last_one_a_hundred_times(rivals: tuple[Shop, Shop]) -> None:
    """Some of them pay at once, and some of the units are a sale's."""
    one, _ = rivals
    await one.mount("mug", stock=100)
    for turn in range(100):
        sale = f"s{turn}" if turn % 2 else None
        if sale is None:
            await one.mount(f"last{turn}", stock=1)
        else:
            await one.schedule(sale, "mug", stock=1)
        outcomes = await asyncio.gather(
            *(
                shop.start_place(f"u{number}", f"last{turn}", sale=sale, pay=number % 4 == 0)
                for number in range(100)
                for shop in rivals
            )
        )
        assert Counter(codes(outcomes)) == {None: 1, ErrorCode.SOLD_OUT: 199}, f"turn {turn}"
        total, available, held, sold = await one.units(sale or f"last{turn}")
        assert (total, available, held + sold) == (1, 0, 1)
    assert len(one.provider.charges) + len(rivals[1].provider.charges) <= 100


@pytest.mark.parametrize("pay", [False, True])
async def test_two_hundred_duplicates_are_one_order(rivals: tuple[Shop, Shop], pay: bool) -> None:
    one, _ = rivals
    await one.mount(stock=1_000)
    for turn in range(10):
        outcomes = await asyncio.gather(
            *(shop.start_place(request_id=f"same{turn}", pay=pay) for _ in range(100) for shop in rivals)
        )
        orders = {accepted(outcome).order for outcome in outcomes}
        assert len(orders) == 1
        assert Counter(outcome.replayed for outcome in outcomes) == {False: 1, True: 199}
        status = OrderStatus.PAID if pay else OrderStatus.RESERVED
        assert {accepted(outcome).status for outcome in outcomes} == {status}
    assert await one.units() == ((1_000, 990, 0, 10) if pay else (1_000, 990, 10, 0))
    charges = [charge.key for shop in rivals for charge in shop.provider.charges]
    assert len(set(charges)) == (10 if pay else 0), "one charge an order, however often it is asked for"


async def test_a_limit_holds_across_services(rivals: tuple[Shop, Shop]) -> None:
    one, _ = rivals
    await one.mount(stock=100, per_user_limit=3)
    outcomes = await asyncio.gather(*(shop.start_place("ann") for _ in range(20) for shop in rivals))
    assert Counter(codes(outcomes)) == {None: 3, ErrorCode.LIMIT_EXCEEDED: 37}


async def test_pay_and_cancel_at_once_end_in_one_of_the_two(rivals: tuple[Shop, Shop]) -> None:
    one, two = rivals
    await one.mount(stock=40)
    ends = Counter[OrderStatus]()
    for _ in range(20):
        order = await one.order()
        paid, cancelled = await asyncio.gather(one.pay(order.order), two.cancel(order.order))
        assert Counter(codes([paid, cancelled])) == {None: 1, ErrorCode.CONFLICT: 1}
        winner = accepted(paid if paid.code is None else cancelled)
        ends[winner.status] += 1
        kept = len(one.provider.charges) - len(one.provider.refunds)
        assert kept == ends[OrderStatus.PAID], "money for nothing is not taken, or goes back"
    total, _, held, sold = await one.units()
    assert (total, held, sold) == (40, 0, ends[OrderStatus.PAID])


async def test_a_burst_goes_in_few_calls(rivals: tuple[Shop, Shop]) -> None:
    one, _ = rivals
    await one.mount(stock=2_000)
    await one.store.config_resetstat()
    outcomes = await asyncio.gather(*(one.start_place(f"u{number}") for number in range(1_000)))
    assert Counter(codes(outcomes)) == {None: 1_000}
    assert len({accepted(outcome).order for outcome in outcomes}) == 1_000
    calls = (await one.store.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert calls <= 6, "a thousand orders at once are four batches"
