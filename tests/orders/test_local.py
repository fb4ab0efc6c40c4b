"""Orders refused without asking, on the real store: what is counted there, and who must never be refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from schemas.codes import ErrorCode
from server.orders.metrics import LOCAL_ANSWERS
from server.orders.newcomers import Visit
from server.valkey import room_channel
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted

pytestmark = pytest.mark.anyio

GRACE = 2 * SETTINGS.store_timeout_ms


class Gateway:
    """A shop whose clock goes when it is told to, and that hears the room's channel when it is told to."""

    def __init__(self, store: Redis, bus: PubSub) -> None:
        self.shop = Shop(store)
        self.now = 0.0
        self._bus = bus
        self._store = store
        self.visits: dict[str, Visit] = {}
        self.shop.service.local.clock = lambda: self.now

    async def join(self, *users: str, wait: float = GRACE) -> None:
        for user in users:
            self.visits[user] = self.shop.service.visit(ROOM, user)
            await self.shop.service.unfinished(ROOM, user, self.visits[user])
        self.now += wait

    async def hear(self) -> None:
        """All stock messages that were published meanwhile."""
        while message := await self._bus.get_message(timeout=0.05):
            if message["type"] == "message" and message["data"][:1] == b"S":
                body = msgspec.json.decode(message["data"][1:])
                self.shop.service.local.stock(ROOM, body["stock"], body.get("buyers", []))

    async def place(
        self, user: str, request: str, quantity: int = 1, sale: str | None = None, live: bool = True
    ) -> tuple[str, bool]:
        """What was answered, and whether the store was asked."""
        before = await self._calls()
        outcome = await self.shop.start_place(
            user, sale=sale, request_id=request, quantity=quantity, live=live, visit=self.visits.get(user)
        )
        asked = await self._calls() > before
        if outcome.code is None:
            return ("replayed" if outcome.replayed else "held"), asked
        return outcome.code.value, asked

    async def _calls(self) -> int:
        stats = await self._store.info("commandstats")
        return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])


async def _gateway(store: Redis) -> AsyncIterator[Gateway]:
    async with store.pubsub() as bus:
        await bus.subscribe(room_channel(ROOM))
        gateway = Gateway(store, bus)
        yield gateway
        await gateway.shop.stop()


@pytest.fixture
async def here(store: Redis) -> AsyncIterator[Gateway]:
    async for gateway in _gateway(store):
        yield gateway


@pytest.fixture
async def there(store: Redis) -> AsyncIterator[Gateway]:
    async for gateway in _gateway(store):
        yield gateway


async def test_sold_out_is_answered_from_memory_until_a_unit_comes_back(here: Gateway) -> None:
    await here.shop.mount(stock=2)
    await here.join("ann", "bob")
    order = accepted(await here.shop.start_place("carl", quantity=2))
    before = LOCAL_ANSWERS._counts["sold_out"]
    assert await here.place("ann", "a1") == ("sold_out", True)
    assert await here.place("ann", "a2") == ("sold_out", False)
    assert await here.place("bob", "b1") == ("sold_out", False)
    assert await here.place("dora", "d1") == ("sold_out", True), "nobody knows who she is"
    assert LOCAL_ANSWERS._counts["sold_out"] == before + 2
    await here.hear()
    await here.shop.cancel(order.order, "carl")
    await here.hear()
    assert await here.place("bob", "b2", 3) == ("sold_out", True)
    assert await here.place("bob", "b3", 3) == ("sold_out", False)
    assert await here.place("bob", "b4", 2) == ("held", True), "what is left is for whom it is enough"


async def test_a_unit_comes_back_and_the_message_is_lost(here: Gateway) -> None:
    await here.shop.mount(stock=1)
    await here.join("ann", "bob")
    order = accepted(await here.shop.start_place("carl"))
    assert await here.place("ann", "a1") == ("sold_out", True)
    await here.shop.cancel(order.order, "carl")
    here.now += SETTINGS.local_ms - 1
    assert await here.place("ann", "a2") == ("sold_out", False)
    here.now += 1
    assert await here.place("ann", "a3") == ("held", True), "the probe finds it"


async def test_a_repeated_request_gets_its_order_whatever_is_sold_out(here: Gateway) -> None:
    await here.shop.mount(stock=1)
    await here.join("ann", "bob")
    assert await here.place("ann", "a1") == ("held", True)
    assert await here.place("bob", "b1") == ("sold_out", True)
    assert await here.place("bob", "b2") == ("sold_out", False)
    assert await here.place("ann", "a1") == ("replayed", True)
    assert await here.place("ann", "a2") == ("sold_out", True), "somebody with an order is always asked for"
    del here.visits["ann"]
    await here.join("ann")
    assert await here.place("bob", "b3") == ("sold_out", True), "the memory is old meanwhile"
    assert await here.place("ann", "a1") == ("replayed", True)


async def test_an_order_placed_at_another_gateway(here: Gateway, there: Gateway) -> None:
    await here.shop.mount(stock=1)
    for gateway in (here, there):
        await gateway.join("ann", "bob")
    assert await there.place("ann", "a1") == ("held", True)
    await here.hear()
    assert await here.place("bob", "b1") == ("sold_out", True)
    assert await here.place("bob", "b2") == ("sold_out", False)
    assert await here.place("ann", "a1") == ("replayed", True)


async def test_who_has_just_come_is_asked_for(here: Gateway) -> None:
    """Their order may be under way at the gateway they come from."""
    await here.shop.mount(stock=0)
    await here.join("ann", wait=GRACE - 1)
    assert await here.place("ann", "a1") == ("sold_out", True)
    assert await here.place("ann", "a1") == ("sold_out", True)
    here.now += 1
    assert await here.place("ann", "a1") == ("sold_out", False)


async def test_while_an_order_is_under_way_its_repetition_waits_for_it(here: Gateway) -> None:
    await here.shop.mount(stock=1)
    await here.join("ann", "bob")
    await here.place("bob", "b1", 2)
    assert await here.place("bob", "b2", 2) == ("sold_out", False)
    first = here.shop.start_place("ann", request_id="a1", visit=here.visits["ann"])
    second = here.shop.start_place("ann", request_id="a1", visit=here.visits["ann"])
    assert accepted(await first) == accepted(await second)


async def test_not_open_until_the_sale_is(here: Gateway) -> None:
    await here.shop.mount(stock=5)
    await here.shop.schedule("s1", stock=2, starts_in_ms=60_000)
    await here.join("ann")
    assert await here.place("ann", "a1", sale="s1") == ("not_open", True)
    assert await here.place("ann", "a2", sale="s1") == ("not_open", False)
    outcome = await here.shop.start_place("ann", sale="s1", visit=here.visits["ann"])
    assert outcome.code is ErrorCode.NOT_OPEN and outcome.retry_after_ms is not None
    assert 59_000 < outcome.retry_after_ms <= 60_001
    here.now += 2 * SETTINGS.local_ms
    await here.shop.service.close_sale(ROOM, "s1", "cancelled")
    assert await here.place("ann", "a3", sale="s1") == ("sale_ended", True)


async def test_a_room_that_is_not_live_takes_no_order_from_somebody_new(here: Gateway) -> None:
    await here.shop.mount(stock=5)
    await here.join("ann", "bob")
    assert await here.place("ann", "a1") == ("held", True)
    assert await here.place("bob", "b1", live=False) == ("not_open", False)
    assert await here.place("ann", "a1", live=False) == ("replayed", True)


async def test_lost_messages_end_it_for_those_in_the_room(here: Gateway) -> None:
    await here.shop.mount(stock=0)
    await here.join("ann")
    await here.place("ann", "a1")
    assert await here.place("ann", "a2") == ("sold_out", False)
    here.shop.service.local.doubt(ROOM)
    assert await here.place("ann", "a3") == ("sold_out", True)


async def test_a_full_pool_says_when_and_leaves_the_others_alone(store: Redis) -> None:
    settings = msgspec.structs.replace(SETTINGS, pool_queue=3, batch=2)
    shop = Shop(store, settings)
    await shop.mount("hot", stock=100)
    await shop.mount("cold", stock=100)
    placed = [shop.start_place(f"u{number}", "hot") for number in range(6)]
    cold = shop.start_place("ann", "cold")
    refused = [await one for one in placed[3:]]
    assert {one.code for one in refused} == {ErrorCode.RATE_LIMITED}
    assert all(one.retry_after_ms is not None and one.retry_after_ms >= 50 for one in refused)
    for one in [*placed[:3], cold]:
        accepted(await one)
    again = await asyncio.gather(*(shop.start_place(f"u{number}", "hot") for number in range(3, 6)))
    assert all(one.code is None for one in again)
    await shop.stop()
