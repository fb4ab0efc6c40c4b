"""What may be paid with one tap: a cap per user and window, spent once, given back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.codes import ErrorCode, OrderStatus
from server.orders.one_tap import OneTapCap, OverCap
from server.orders.provider import Charge, Standing
from server.valkey import store_time
from tests.orders.shop import SHORT, Shop, accepted
from tests.orders.till import TERMS, Till

pytestmark = pytest.mark.anyio


def charge(key: str, amount: int, user: str = "ann") -> Charge:
    return Charge(key, key.rpartition("-")[0], user, amount, "CNY")


async def test_spending_and_giving_back(store: Redis) -> None:
    cap = OneTapCap(store, 1_000, 60_000)
    for _ in range(3):
        await cap.spend(charge("a-1", 600))
    with pytest.raises(OverCap) as over:
        await cap.spend(charge("b-1", 401))
    assert (over.value.cap, over.value.left) == (1_000, 400)
    assert "1000 CNY" in str(over.value) and "400 are left" in str(over.value)
    await cap.spend(charge("b-1", 401, "bob"))
    await cap.spend(charge("b-1", 400))
    await cap.give_back("ann", "a-1")
    await cap.spend(charge("c-1", 600))
    await cap.give_back_order("ann", "c")
    await cap.give_back_order("ann", "nothing")
    assert await store.hkeys(cap.key("ann")) == [b"b-1"]


async def test_the_window_slides(store: Redis) -> None:
    cap = OneTapCap(store, 1_000, 60_000)
    now = await store_time(store)
    await store.hset(cap.key("ann"), mapping={"old-1": f"900 {now - 60_001}", "new-1": f"300 {now - 30_000}"})
    await cap.spend(charge("a-1", 700))
    assert sorted(await store.hkeys(cap.key("ann"))) == [b"a-1", b"new-1"]
    assert 59_000 < await store.pttl(cap.key("ann")) <= 60_000


async def test_many_at_once_stay_under_it(store: Redis) -> None:
    cap = OneTapCap(store, 1_000, 60_000)
    results = await asyncio.gather(
        *(cap.spend(charge(f"o{number}-1", 300)) for number in range(8)), return_exceptions=True
    )
    assert Counter(type(result) for result in results) == {type(None): 3, OverCap: 5}


async def test_without_a_cap_nothing_is_kept(store: Redis) -> None:
    cap = OneTapCap(store, 0, 60_000)
    await cap.spend(charge("a-1", 10**12))
    await cap.give_back("ann", "a-1")
    assert await store.exists(cap.key("ann")) == 0


@pytest.fixture
async def till(store: Redis) -> AsyncIterator[Till]:
    till = Till(store, SHORT, replace(TERMS, one_tap_cap=500))
    await till.one.mount(stock=10, price=250)
    yield till
    await till.stop()


async def left(till: Till, user: str = "ann") -> int:
    kept = await till.store.hvals(OneTapCap.key(user))
    return 500 - sum(int(value.split()[0]) for value in kept)


async def test_over_the_cap_the_order_is_held_and_paid_by_itself(till: Till) -> None:
    for _ in range(2):
        accepted(await till.one.place(pay=True))
    over = await till.one.place(request_id="three", pay=True)
    assert over.code is ErrorCode.PAYMENT_FAILED and "capped at 500 CNY" in over.message
    assert "0 are left" in over.message
    assert over.order is not None and over.order.status is OrderStatus.RESERVED
    again = await till.two.place(request_id="three", pay=True)
    assert again.code is ErrorCode.PAYMENT_FAILED and again.order is not None
    assert len(till.teller.book) == 2, "nobody was asked for that money"
    paid = accepted(await till.two.pay(over.order.order))
    assert paid.status is OrderStatus.PAID
    assert (await left(till)) == 0 and await till.open() == 0


async def test_over_the_cap_and_left_alone(till: Till) -> None:
    over = await till.one.place(quantity=3, pay=True)
    assert over.code is ErrorCode.PAYMENT_FAILED and "500 are left" in over.message
    assert not till.teller.book and await till.open() == 0
    assert await till.two.units() == (10, 7, 3, 0)


async def test_over_the_cap_while_another_gateway_pays(till: Till) -> None:
    """A charge that was opened by somebody else is not ended by who may not join it."""
    accepted(await till.one.place(quantity=2, pay=True))
    over = await till.one.place(request_id="two", pay=True)
    assert over.code is ErrorCode.PAYMENT_FAILED and over.order is not None
    reached, go_on = till.teller.hold("captured")
    paying = asyncio.ensure_future(till.one.pay(over.order.order))
    await reached.wait()
    again = await till.two.place(request_id="two", pay=True)
    assert again.code is ErrorCode.PAYMENT_FAILED and await till.open() == 1
    go_on.set()
    assert accepted(await paying).status is OrderStatus.PAID and await till.open() == 0


async def test_the_same_request_counts_once(till: Till) -> None:
    outcomes = await asyncio.gather(
        *(shop.start_place(request_id="one", quantity=2, pay=True) for shop in (till.one, till.two) * 3)
    )
    assert len({accepted(outcome).order for outcome in outcomes}) == 1
    assert await left(till) == 0


async def test_what_was_declined_is_given_back(till: Till) -> None:
    till.teller.pending = Standing.PENDING
    order = accepted(await till.one.place(pay=True))
    assert await left(till) == 250
    till.teller.decide(f"{order.order}-1", Standing.DECLINED)
    await till.poll()
    assert await left(till) == 500
    till.teller.pending = None
    till.teller.declines.add(f"{order.order}-2")
    refused = await till.one.place(request_id=order.request_id, pay=True)
    assert refused.code is ErrorCode.PAYMENT_FAILED
    assert await left(till) == 500


async def test_what_was_returned_is_given_back(till: Till) -> None:
    reached, go_on = till.teller.hold("captured")
    paying = till.one.start_place(request_id="one", pay=True)
    await reached.wait()
    found = await till.two.service.get("r", "ann", request_id="one")
    assert found is not None
    accepted(await till.two.cancel(found.order))
    go_on.set()
    assert (await paying).code is ErrorCode.CONFLICT
    assert await left(till) == 500 and till.teller.kept(found.order) == 0


async def test_what_was_refunded_in_full_is_given_back(till: Till) -> None:
    shop: Shop = till.one
    order = accepted(await shop.place(quantity=2, pay=True))
    assert await left(till) == 0
    assert accepted(await shop.refund(order.order)).status is OrderStatus.REFUNDED
    assert await left(till) == 500
