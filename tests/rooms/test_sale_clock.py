"""The sale clock: each phase once and in order, whoever dies, races or is late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.codes import SalePhase
from schemas.commands import ProductMount, RoomAnnounce, SaleCancel, SaleSchedule
from schemas.http import RoomCreate
from schemas.models import ProductInput
from server.orders.service import DueSale, OrderService
from server.orders.verified import mark_verified
from server.rooms import metrics
from server.rooms import sale_clock as module
from server.rooms.control import RoomControl
from server.rooms.sale_clock import SaleClock
from server.settings import OrderSettings
from server.valkey import EmbeddedValkey, StoreUnavailable, connect
from tests.orders.instant import InstantProvider
from tests.rooms.hooks import HookedLog, once
from tests.rooms.pools import buy

pytestmark = pytest.mark.anyio


class House:
    def __init__(self, client: Redis, pools: OrderService) -> None:
        self.client = client
        self.pools = pools
        self.log = HookedLog(client)
        self.control = RoomControl(self.log, pools, client)
        self.clock_log = HookedLog(client)
        self.clock = self.another_clock(self.clock_log)

    def another_clock(self, log: HookedLog) -> SaleClock[DueSale]:
        return SaleClock(log, self.pools, OrderSettings(clock_ms=1))

    async def open(self, room: str = "r") -> None:
        await self.log.create(RoomCreate(id=room, title="Room"), "host", 0)
        await self.control.execute(
            room, ProductMount(product=ProductInput(sku="a", title="A", price=100, stock=10)), "host"
        )

    async def schedule(self, starts_in_ms: int = 0, duration_ms: int = 60_000, room: str = "r") -> str:
        before = set(await self.phases(room))
        await self.control.execute(
            room,
            SaleSchedule(sku="a", price=50, stock=4, starts_in_ms=starts_in_ms, duration_ms=duration_ms),
            "host",
        )
        (sale,) = set(await self.phases(room)) - before
        return sale

    async def phases(self, room: str = "r") -> dict[str, SalePhase]:
        state = await self.log.load(room)
        assert state is not None
        return {sale.sale: sale.phase for sale in state.sales.values()}

    async def logged(self, room: str = "r") -> list[str]:
        """What the log says of sales, e.g. `started`, `ended time`."""
        raw: Any = await self.client.xrange(f"{{room:{room}}}:log")
        events = [json.loads(fields[b"event"]) for _, fields in raw]
        return [
            " ".join([event["type"].removeprefix("sale."), event.get("reason", "")]).strip()
            for event in events
            if event["type"].startswith("sale.")
        ]

    async def tick_until(self, sale: str, phase: SalePhase) -> None:
        await until(self.clock.tick, lambda: self.is_at(sale, phase))

    async def is_at(self, sale: str, phase: SalePhase) -> bool:
        try:
            return (await self.phases()).get(sale) is phase
        except StoreUnavailable:  # a connection that was killed with the store
            return False

    async def available(self, key: str) -> int:
        return (await self.pools.counts("r"))[key].available


async def until(step: Callable[[], Awaitable[object]], done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await done():
            await step()


async def rest() -> None:
    await asyncio.sleep(0.005)


@pytest.fixture
async def house(store: Redis, orders: OrderService) -> House:
    house = House(store, orders)
    await house.open()
    return house


async def test_a_sale_is_told_at_its_start_when_it_sells_out_and_at_its_end(house: House) -> None:
    sale = await house.schedule(starts_in_ms=20, duration_ms=300)
    await house.tick_until(sale, SalePhase.OPEN)
    await buy(house.pools, "r", sale=sale, quantity=4)
    await house.tick_until(sale, SalePhase.SOLD_OUT)
    assert await house.available("a") == 6
    await house.tick_until(sale, SalePhase.ENDED)
    assert await house.logged() == ["scheduled", "started", "sold_out", "ended time"]
    assert await house.clock.tick() == 0
    assert await house.available("a") == 6


async def test_nothing_is_told_before_its_time(house: House) -> None:
    await house.schedule(starts_in_ms=60_000)
    assert await house.clock.tick() == 0
    assert await house.logged() == ["scheduled"]


async def test_what_is_left_goes_back_to_the_product_at_the_end(house: House) -> None:
    sale = await house.schedule(duration_ms=50)
    await buy(house.pools, "r", sale=sale)
    assert await house.available("a") == 6
    await house.tick_until(sale, SalePhase.ENDED)
    assert (await house.available("a"), await house.available(sale)) == (9, 0)


async def test_a_clock_that_slept_through_a_sale_tells_every_phase_in_order(house: House) -> None:
    sale = await house.schedule(duration_ms=1)
    await until(rest, lambda: due_count(house, 2))
    await house.tick_until(sale, SalePhase.ENDED)
    assert await house.logged() == ["scheduled", "started", "ended time"]


async def due_count(house: House, count: int) -> bool:
    return len(await house.pools.due(10)) == count


async def test_two_clocks_that_decide_on_the_same_room_tell_a_start_once(house: House) -> None:
    sale = await house.schedule()
    logs = [HookedLog(house.client), HookedLog(house.client)]
    barrier = asyncio.Barrier(2)

    async def meet() -> None:
        await barrier.wait()

    for log in logs:
        log.before_append = once(meet)
    before = metrics.CONFLICTS._value.get()
    await asyncio.gather(*(house.another_clock(log).tick() for log in logs))
    assert await house.logged() == ["scheduled", "started"]
    assert metrics.CONFLICTS._value.get() == before + 1, "they did race"
    assert (await house.phases())[sale] is SalePhase.OPEN
    assert await house.pools.due(10) == []


async def test_an_unrelated_event_in_between_does_not_lose_the_start(house: House) -> None:
    sale = await house.schedule()

    async def announce() -> None:
        await house.control.execute("r", RoomAnnounce(text="now!"), "host")

    house.clock_log.before_append = once(announce)
    assert await house.clock.tick() == 1
    assert (await house.phases())[sale] is SalePhase.OPEN


async def test_a_sale_whose_pool_is_gone_still_ends(house: House) -> None:
    sale = await house.schedule(duration_ms=20)
    await house.client.delete(house.pools.book.room("r").sale(sale).pool)
    await house.tick_until(sale, SalePhase.ENDED)
    assert await house.logged() == ["scheduled", "started", "ended time"]


async def test_many_clocks_and_many_sales_tell_each_phase_once(house: House) -> None:
    rooms = ["r", *(f"r{number}" for number in range(3))]
    for room in rooms[1:]:
        await house.open(room)
    for room in rooms:
        for _ in range(2):
            await house.schedule(duration_ms=40, room=room)
    clocks = [house.another_clock(HookedLog(house.client)) for _ in range(3)]

    async def tick() -> None:
        await asyncio.gather(*(clock.tick() for clock in clocks))

    async def over() -> bool:
        phases = [await house.phases(room) for room in rooms]
        return all(phase is SalePhase.ENDED for room in phases for phase in room.values())

    await until(tick, over)
    for room in rooms:
        logged = await house.logged(room)
        assert sorted(logged) == sorted(2 * ["scheduled", "started", "ended time"])
        assert (await house.pools.counts(room))["a"].available == 10


async def test_a_clock_that_dies_before_it_settles_leaves_nothing_to_tell_twice(house: House) -> None:
    await house.schedule()

    async def die() -> None:
        raise StoreUnavailable("gone")

    house.clock_log.after_append = once(die)
    with pytest.raises(StoreUnavailable):
        await house.clock.tick()
    assert len(await house.pools.due(10)) == 1
    assert await house.another_clock(HookedLog(house.client)).tick() == 1
    assert await house.pools.due(10) == []
    assert await house.logged() == ["scheduled", "started"]


async def test_a_cancel_between_the_clocks_look_and_its_word_wins(house: House) -> None:
    sale = await house.schedule()

    async def cancel() -> None:
        await house.control.execute("r", SaleCancel(sale=sale), "host")

    house.clock_log.before_append = once(cancel)
    await house.clock.tick()
    assert await house.logged() == ["scheduled", "ended cancelled"]
    assert await house.available("a") == 10


async def test_a_cancel_that_died_before_its_event_is_told_by_the_clock(house: House) -> None:
    sale = await house.schedule(starts_in_ms=100, duration_ms=1)
    assert await house.pools.close_sale("r", sale, "cancelled") == "cancelled"
    await house.tick_until(sale, SalePhase.CANCELLED)
    assert await house.logged() == ["scheduled", "ended cancelled"]
    assert await house.available("a") == 10


async def test_a_sale_whose_command_died_before_its_event_is_undone(house: House) -> None:
    async def die() -> None:
        raise StoreUnavailable("gone")

    house.log.before_append = once(die)
    with pytest.raises(StoreUnavailable):
        await house.control.execute(
            "r", SaleSchedule(sku="a", price=50, stock=4, starts_in_ms=0, duration_ms=50), "host"
        )
    assert await house.available("a") == 6
    assert await house.clock.tick() == 1
    assert await house.available("a") == 10
    assert await house.logged() == []
    await until(house.clock.tick, lambda: due_count(house, 0))
    assert await house.phases() == {}


async def test_a_sale_that_is_just_being_logged_is_not_undone(house: House) -> None:
    clock: list[asyncio.Task[int]] = []

    async def let_the_clock_look() -> None:
        looked = asyncio.Event()
        load = house.clock_log.load

        async def watched(room: str) -> Any:
            state = await load(room)
            looked.set()
            return state

        house.clock_log.load = watched  # type: ignore[method-assign]
        clock.append(asyncio.create_task(house.clock.tick()))
        await looked.wait()

    house.log.before_append = once(let_the_clock_look)
    sale = await house.schedule()
    assert await clock[0] == 1
    assert (await house.phases())[sale] is SalePhase.OPEN
    assert await house.logged() == ["scheduled", "started"]


async def test_a_sale_that_fails_holds_up_no_other_and_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 60.0)
    bad = await house.schedule()
    good = await house.schedule()
    settle = house.pools.settle
    failing = {"left": 2}

    async def sometimes(due: DueSale) -> None:
        if due.sale == bad and failing["left"]:
            failing["left"] -= 1
            raise RuntimeError("no")
        await settle(due)

    monkeypatch.setattr(house.pools, "settle", sometimes)
    before = metrics.CLOCK_ERRORS._value.get()
    assert await house.clock.tick() == 1
    assert (await house.phases())[good] is SalePhase.OPEN
    assert await house.clock.tick() == 0
    assert failing["left"] == 1, "the failed one waits"
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    await until(house.another_clock(HookedLog(house.client)).tick, lambda: due_count(house, 0))
    assert metrics.CLOCK_ERRORS._value.get() == before + 2
    assert await house.logged() == ["scheduled", "scheduled", "started", "started"]


async def test_the_clock_goes_on_when_the_store_comes_back(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    await asyncio.to_thread(valkey.start)
    client = connect(valkey.url, name="test")
    await mark_verified(client, OrderSettings().partitions)
    orders = OrderService(client, OrderSettings(), InstantProvider(0))
    house = House(client, orders)
    running = None
    try:
        await house.open()
        opened = await house.schedule()
        running = asyncio.create_task(house.clock.run())
        await until(rest, lambda: house.is_at(opened, SalePhase.OPEN))
        later = await house.schedule(starts_in_ms=100)
        before = metrics.CLOCK_ERRORS._value.get()
        await asyncio.to_thread(valkey.kill)
        async with asyncio.timeout(10):
            while metrics.CLOCK_ERRORS._value.get() == before:
                await rest()
        assert not running.done()
        await asyncio.to_thread(valkey.start)
        await mark_verified(client, OrderSettings().partitions)
        await until(rest, lambda: house.is_at(later, SalePhase.OPEN))
        assert await house.logged() == ["scheduled", "started", "scheduled", "started"]
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await orders.stop()
        await client.aclose()
        await asyncio.to_thread(valkey.stop)


async def test_the_clock_survives_what_it_did_not_expect(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.01)
    due = house.pools.due
    failing = {"left": 1}

    async def sometimes(limit: int) -> list[DueSale]:
        if failing["left"]:
            failing["left"] -= 1
            raise ValueError("damaged")
        return await due(limit)

    monkeypatch.setattr(house.pools, "due", sometimes)
    sale = await house.schedule()
    running = asyncio.create_task(house.clock.run())
    await until(rest, lambda: house.is_at(sale, SalePhase.OPEN))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert failing["left"] == 0


async def test_how_late_a_start_was_told_is_measured(house: House) -> None:
    def told() -> float:
        return float(metrics.CLOCK_EVENTS.labels("start")._value.get())

    before = told()
    await house.schedule()
    await house.clock.tick()
    assert told() == before + 1
