"""`reserve.lua` through `OrderService.place`: what is held, what is refused, and why."""

from __future__ import annotations

import asyncio

import pytest

from schemas.codes import ErrorCode, OrderStatus
from schemas.commands import OrderPlace
from schemas.models import Order
from server.orders.outcomes import Outcome
from server.valkey import store_time
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted, answered, codes

pytestmark = pytest.mark.anyio


async def test_a_hold(shop: Shop) -> None:
    await shop.mount(stock=10, price=250)
    before = await store_time(shop.store)
    outcome = await shop.place("ann", request_id="one", quantity=3)
    order = accepted(outcome)
    assert not outcome.replayed
    assert before <= order.reserved_at <= await store_time(shop.store)
    assert order == Order(
        order=order.order,
        request_id="one",
        sku="lamp",
        sale=None,
        quantity=3,
        amount=750,
        currency="CNY",
        status=OrderStatus.RESERVED,
        version=1,
        reserved_at=order.reserved_at,
        expires_at=order.reserved_at + SETTINGS.hold_ms,
        room=ROOM,
    )
    assert await shop.units() == (10, 7, 3, 0)
    assert await shop.allowance() == {"ann": 3}
    assert await shop.service.get(ROOM, "ann", order_id=order.order) == order
    assert await shop.service.get(ROOM, "ann", request_id="one") == order


async def test_the_same_request_is_the_same_order(shop: Shop) -> None:
    await shop.mount(stock=10)
    first = accepted(await shop.place("ann", request_id="one"))
    again = await shop.place("ann", request_id="one")
    assert again.replayed and again.order == first
    assert await shop.units() == (10, 9, 1, 0)


@pytest.mark.parametrize(
    "other",
    [{"quantity": 2}, {"sku": "cup"}, {"sale": "s1"}, {"pay": True}],
    ids=["quantity", "sku", "sale", "pay"],
)
async def test_the_same_request_with_other_contents(shop: Shop, other: dict[str, object]) -> None:
    await shop.mount("lamp")
    await shop.mount("cup")
    await shop.schedule("s1")
    await shop.order("ann", request_id="one")
    outcome = await shop.start_place("ann", request_id="one", **other)  # type: ignore[arg-type]
    assert outcome.code is ErrorCode.REQUEST_MISMATCH and outcome.order is None
    assert (await shop.units("cup"))[2] == 0 and (await shop.units("lamp"))[2] == 1


async def test_a_replay_is_known_whatever_became_of_the_pool(shop: Shop) -> None:
    await shop.mount(stock=1)
    first = accepted(await shop.place("ann", request_id="one"))
    await shop.service.unmount(ROOM, "lamp")
    for live in (True, False):
        again = await shop.place("ann", request_id="one", live=live)
        assert again.replayed and again.order == first


async def test_within_one_batch_the_rules_hold_as_well(shop: Shop) -> None:
    await shop.mount(stock=3, per_user_limit=2)
    outcomes = await asyncio.gather(
        shop.start_place("ann", request_id="one"),
        shop.start_place("ann", request_id="one"),
        shop.start_place("ann", request_id="one", quantity=2),
        shop.start_place("ann", request_id="two"),
        shop.start_place("ann", request_id="three"),
        shop.start_place("bob", request_id="one", quantity=2),
        shop.start_place("bob", request_id="two", quantity=1),
        shop.start_place("eve", request_id="one", quantity=1),
    )
    assert codes(outcomes) == [
        None,
        None,
        ErrorCode.REQUEST_MISMATCH,
        None,
        ErrorCode.LIMIT_EXCEEDED,
        ErrorCode.SOLD_OUT,
        None,
        ErrorCode.SOLD_OUT,
    ]
    assert [outcome.replayed for outcome in outcomes[:2]] == [False, True]
    assert accepted(outcomes[0]).order == accepted(outcomes[1]).order
    assert await shop.units() == (3, 0, 3, 0)
    assert await shop.allowance() == {"ann": 2, "bob": 1}


async def test_all_or_nothing(shop: Shop) -> None:
    await shop.mount(stock=5)
    assert (await shop.place(quantity=6)).code is ErrorCode.SOLD_OUT
    assert (await shop.place(quantity=5)).code is None
    assert (await shop.place(quantity=1)).code is ErrorCode.SOLD_OUT


async def test_limits_count_held_and_paid_and_give_back(shop: Shop) -> None:
    await shop.mount(stock=10, per_user_limit=2)
    held = await shop.order("ann")
    paid = await shop.order("ann", pay=True)
    assert (await shop.place("ann")).code is ErrorCode.LIMIT_EXCEEDED
    assert (await shop.place("bob")).code is None
    accepted(await shop.cancel(held.order))
    assert (await shop.place("ann", quantity=2)).code is ErrorCode.LIMIT_EXCEEDED
    accepted(await shop.refund(paid.order))
    assert (await shop.place("ann", quantity=2)).code is None


async def test_a_limit_made_later_counts_what_was_before(shop: Shop) -> None:
    await shop.mount(stock=10)
    await shop.order("ann", quantity=3)
    await shop.service.update(ROOM, "lamp", price=1, per_user_limit=3)
    assert (await shop.place("ann")).code is ErrorCode.LIMIT_EXCEEDED
    assert (await shop.place("bob", quantity=4)).code is ErrorCode.LIMIT_EXCEEDED


async def test_refusals(shop: Shop) -> None:
    await shop.mount()
    assert (await shop.place(sku="nope")).code is ErrorCode.NOT_FOUND
    assert (await shop.place(sale="nope")).code is ErrorCode.NOT_FOUND
    assert (await shop.place(live=False)).code is ErrorCode.NOT_OPEN
    neither = await answered(
        lambda done: shop.service.place(ROOM, "ann", OrderPlace(request_id="x"), "CNY", done)
    )
    assert neither.code is ErrorCode.INVALID
    await shop.service.unmount(ROOM, "lamp")
    assert (await shop.place()).code is ErrorCode.NOT_FOUND


async def test_text_that_is_no_unicode_harms_nobody_else(shop: Shop) -> None:
    await shop.mount()
    outcomes = await asyncio.gather(
        shop.start_place("ann"), shop.start_place("\ud800"), shop.start_place("bob", request_id="\udfff")
    )
    assert codes(outcomes) == [None, ErrorCode.INVALID, ErrorCode.INVALID]


@pytest.mark.parametrize(
    "user", ['quo"te', "back\\slash", "zero\0byte", "line\nbreak", "小红", "a/b", "\x7f"]
)
async def test_any_user_and_request_come_back_as_they_were(shop: Shop, user: str) -> None:
    await shop.mount()
    order = accepted(await shop.place(user, request_id=user))
    paid = accepted(await shop.pay(order.order, user))
    assert paid.request_id == user and paid.status is OrderStatus.PAID
    assert accepted(await shop.place(user, request_id=user)) == paid
    assert await shop.service.unfinished(ROOM, user) == [paid]


async def test_the_window_is_the_stores(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.mount(stock=5)
    starts_at, ends_at = await shop.schedule("s1", stock=5, price=99, starts_in_ms=200, duration_ms=200)
    assert ends_at == starts_at + 200
    # Whatever this process believes: only the store's clock counts.
    monkeypatch.setattr("time.time", lambda: 0.0)
    early = await shop.place(sale="s1")
    assert early.code is ErrorCode.NOT_OPEN
    assert early.retry_after_ms is not None and 0 < early.retry_after_ms <= 200
    await shop.clock_reaches(starts_at)
    order = accepted(await shop.place(sale="s1"))
    assert (order.sale, order.sku, order.amount) == ("s1", "lamp", 99)
    assert starts_at <= order.reserved_at < ends_at
    await shop.clock_reaches(ends_at)
    assert (await shop.place(sale="s1")).code is ErrorCode.SALE_ENDED
    assert accepted(await shop.pay(order.order)).status is OrderStatus.PAID


async def test_a_closed_sale_is_over_even_before_its_start(shop: Shop) -> None:
    await shop.mount(stock=5)
    await shop.schedule("s1", starts_in_ms=60_000)
    await shop.service.close_sale(ROOM, "s1", "cancelled")
    assert (await shop.place(sale="s1")).code is ErrorCode.SALE_ENDED


async def test_reading_belongs_to_the_buyer(shop: Shop) -> None:
    await shop.mount()
    order = await shop.order("ann", request_id="one")
    assert await shop.service.get(ROOM, "bob", order_id=order.order) is None
    assert await shop.service.get("other", "ann", order_id=order.order) is None
    assert await shop.service.get(ROOM, "bob", request_id="one") is None
    assert await shop.service.get(ROOM, "ann", order_id="nonsense") is None
    assert await shop.service.get(ROOM, "ann") is None
    assert (await shop.pay(order.order, "bob")).code is ErrorCode.NOT_FOUND
    assert (await shop.cancel(order.order, "bob")).code is ErrorCode.NOT_FOUND
    assert (await shop.refund("ff-" + "0" * 32)).code is ErrorCode.NOT_FOUND


async def test_unfinished_orders_oldest_first(shop: Shop) -> None:
    await shop.mount(stock=10)
    first, second, third = [await shop.order("ann") for _ in range(3)]
    accepted(await shop.cancel(second.order))
    paid = accepted(await shop.pay(third.order))
    assert await shop.service.unfinished(ROOM, "ann") == [first, paid]
    assert await shop.service.unfinished(ROOM, "bob") == []


async def test_a_request_outlives_its_finished_order(shop: Shop) -> None:
    await shop.mount()
    order = await shop.order("ann", request_id="one")
    accepted(await shop.cancel(order.order))
    partition = shop.service.book.of_order(order.order)
    assert partition is not None
    assert 0 < await shop.store.pttl(partition.order(order.order)) <= SETTINGS.request_ttl_ms
    await shop.store.delete(partition.order(order.order))  # as its expiry does
    gone = await shop.place("ann", request_id="one")
    assert gone.code is ErrorCode.CONFLICT and gone.replayed
    assert await shop.units() == (10, 10, 0, 0)


async def test_a_full_queue_refuses_and_does_nothing(shop: Shop) -> None:
    from msgspec.structs import replace

    small = Shop(shop.store, replace(SETTINGS, queue=4))
    await small.mount()
    outcomes: list[Outcome] = await asyncio.gather(*(small.start_place(f"u{n}") for n in range(6)))
    assert codes(outcomes) == [None] * 4 + [ErrorCode.RATE_LIMITED] * 2
    assert outcomes[-1].retry_after_ms is not None
    assert await small.units() == (10, 6, 4, 0)
    await small.stop()


async def test_rooms_of_one_partition_share_a_call_and_nothing_else(shop: Shop) -> None:
    book = shop.service.book
    other = next(
        f"r{n}"
        for n in range(1000)
        if book.room(f"r{n}").partition is book.room(ROOM).partition and f"r{n}" != ROOM
    )
    await shop.mount(stock=1)
    await shop.service.mount(other, "lamp", price=7, currency="CNY", stock=1, per_user_limit=1)
    async with shop.store.pubsub() as heard:
        await heard.subscribe(book.room(ROOM).channel, book.room(other).channel)
        outcomes = await asyncio.gather(
            shop.start_place("ann", request_id="one"),
            shop.start_place("ann", request_id="one", room=other),
            shop.start_place("bob"),
            shop.start_place("bob", room=other),
        )
        messages: dict[str, bytes] = {}
        async with asyncio.timeout(5):
            while len(messages) < 2:
                message = await heard.get_message(timeout=1)
                if message and message["type"] == "message":
                    messages[message["channel"].decode()] = message["data"]
    assert codes(outcomes) == [None, None, ErrorCode.SOLD_OUT, ErrorCode.SOLD_OUT]
    assert [accepted(outcome).amount for outcome in outcomes[:2]] == [250, 7]
    assert messages == {
        book.room(ROOM).channel: b'S{"stock":{"lamp":0},"buyers":["ann"]}',
        book.room(other).channel: b'S{"stock":{"lamp":0},"buyers":["ann"]}',
    }
