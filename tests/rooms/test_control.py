"""Control commands from end to end: stock and log stay in step, also when others are faster or break."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from schemas.codes import ErrorCode, RoomStatus, SalePhase
from schemas.commands import (
    DanmakuRecall,
    ProductMount,
    ProductPin,
    ProductRestock,
    ProductSort,
    ProductUnmount,
    ProductUpdate,
    RoomAnnounce,
    RoomCommand,
    RoomEnd,
    RoomPause,
    RoomStart,
    SaleCancel,
    SaleSchedule,
    ViewerKick,
    ViewerMute,
    ViewerUnmute,
)
from schemas.events import RoomUpdated
from schemas.http import RoomCreate
from schemas.models import ProductInput
from server.orders.service import OrderService
from server.rooms import metrics
from server.rooms import store as store_module
from server.rooms.control import ATTEMPTS, RoomControl
from server.rooms.decide import Refused
from server.rooms.log import RoomLog
from server.rooms.moderation import FOREVER, Moderation
from server.rooms.state import RoomState
from server.valkey import StoreUnavailable, store_time
from tests.rooms.hooks import HookedLog, once
from tests.rooms.listening import Listener
from tests.rooms.pools import buy

pytestmark = pytest.mark.anyio
NOW = 1_790_000_000_000


def mount(sku: str = "a", stock: int = 10, price: int = 100) -> ProductMount:
    return ProductMount(product=ProductInput(sku=sku, title=sku, price=price, stock=stock))


def flash(stock: int = 4, starts_in_ms: int = 60_000, sku: str = "a") -> SaleSchedule:
    return SaleSchedule(
        sku=sku, price=50, stock=stock, starts_in_ms=starts_in_ms, duration_ms=60_000, per_user_limit=2
    )


class House:
    """Room `r` of `host`, with a log that has hooks and the real orders beside it."""

    def __init__(self, client: Redis, pools: OrderService) -> None:
        self.log = HookedLog(client)
        self.pools = pools
        self.control = RoomControl(self.log, pools, client)

    async def do(self, *commands: RoomCommand) -> int:
        seq = -1
        for command in commands:
            seq = await self.control.execute("r", command, "host")
        return seq

    async def refused(self, command: RoomCommand) -> tuple[ErrorCode, str | None]:
        with pytest.raises(Refused) as refused:
            await self.do(command)
        return refused.value.code, refused.value.field

    async def room(self) -> RoomState:
        state = await self.log.load("r")
        assert state is not None
        return state

    async def sale(self) -> str:
        """The one active sale."""
        (sale,) = (await self.room()).active_sales()
        return sale.sale

    async def available(self) -> dict[str, int]:
        return {key: count.available for key, count in (await self.pools.counts("r")).items()}


@pytest.fixture
async def house(store: Redis, orders: OrderService) -> House:
    house = House(store, orders)
    await house.log.create(RoomCreate(id="r", title="Room"), "host", NOW)
    return house


async def test_a_show_from_start_to_end(house: House) -> None:
    assert await house.do(RoomStart()) == 1
    assert await house.do(mount("a"), mount("b", 3)) == 3
    assert await house.do(ProductPin(sku="b"), ProductSort(skus=["b", "a"]), RoomAnnounce(text="hi")) == 6
    assert await house.do(DanmakuRecall(message="m1")) == 7
    assert await house.do(flash(4)) == 8
    sale = await house.sale()
    assert await house.available() == {"a": 6, "b": 3, sale: 4}
    assert await house.do(RoomPause(), RoomStart(), RoomEnd()) == 12, "the sale's end and the room's"
    assert await house.available() == {"a": 10, "b": 3, sale: 0}
    snapshot = (await house.room()).snapshot()
    assert snapshot.status is RoomStatus.ENDED
    assert [(product.sku, product.pinned) for product in snapshot.products] == [("b", True), ("a", False)]
    assert [sale.phase for sale in snapshot.sales] == [SalePhase.ENDED]
    assert await house.refused(RoomStart()) == (ErrorCode.CONFLICT, None)
    assert await house.refused(RoomEnd()) == (ErrorCode.CONFLICT, None)


async def test_an_unknown_room_is_not_found(house: House) -> None:
    for command in (RoomStart(), mount(), ViewerMute(user="u")):
        with pytest.raises(Refused) as refused:
            await house.control.execute("nowhere", command, "host")
        assert refused.value.code is ErrorCode.NOT_FOUND
    assert await house.available() == {}


async def test_a_refused_command_leaves_stock_and_log_alone(house: House, listener: Listener) -> None:
    await house.do(mount("a", 10), flash(4))
    before, stock, sale = await house.room(), await house.available(), await house.sale()
    for command, code, field in (
        (mount("a", 99), ErrorCode.CONFLICT, "product.sku"),
        (ProductUnmount(sku="a"), ErrorCode.CONFLICT, "sku"),
        (ProductUpdate(sku="x", price=1), ErrorCode.NOT_FOUND, "sku"),
        (flash(7), ErrorCode.CONFLICT, "stock"),
        (flash(1, sku="x"), ErrorCode.NOT_FOUND, "sku"),
        (SaleSchedule(sku="a", price=1, stock=1, duration_ms=1), ErrorCode.INVALID, "starts_at"),
        (ProductRestock(delta=1), ErrorCode.INVALID, "sku"),
        (ProductRestock(sku="a", delta=-7), ErrorCode.INVALID, "delta"),
        (ProductRestock(sale=sale, delta=-5), ErrorCode.INVALID, "delta"),
        (SaleCancel(sale="x"), ErrorCode.NOT_FOUND, "sale"),
    ):
        assert await house.refused(command) == (code, field), command
    assert await house.room() == before
    assert await house.available() == stock


async def test_a_start_in_the_past_is_invalid_by_the_stores_clock(house: House, store: Redis) -> None:
    await house.do(mount())
    past = await store_time(store) - 1
    command = SaleSchedule(sku="a", price=1, stock=1, duration_ms=60_000, starts_at=past)
    assert await house.refused(command) == (ErrorCode.INVALID, "starts_at")
    assert await house.available() == {"a": 10}


async def test_a_sale_stands_in_the_room_as_its_pool_has_it(house: House, store: Redis) -> None:
    await house.do(mount())
    before = await store_time(store)
    await house.do(flash(4, starts_in_ms=5_000))
    ((id, sale),) = (await house.room()).sales.items()
    assert id == sale.sale
    assert before + 5_000 <= sale.starts_at <= await store_time(store) + 5_000
    assert sale.ends_at == sale.starts_at + 60_000
    assert (sale.price, sale.available, sale.per_user_limit, sale.sku) == (50, 4, 2, "a")
    at = sale.ends_at + 1_000
    await house.do(SaleSchedule(sku="a", price=1, stock=1, duration_ms=7, starts_at=at))
    later = next(other for other in (await house.room()).sales.values() if other.sale != id)
    assert (later.starts_at, later.ends_at) == (at, at + 7)


async def test_restocking_changes_the_pool_and_makes_no_event(house: House) -> None:
    await house.do(mount("a", 10), flash(4))
    sale, seq = await house.sale(), (await house.room()).seq
    assert await house.do(ProductRestock(sku="a", delta=-6)) == 0
    assert await house.do(ProductRestock(sale=sale, delta=3)) == 0
    assert await house.available() == {"a": 0, sale: 7}
    assert (await house.room()).seq == seq


async def test_an_update_shows_the_pools_number_of_that_time(house: House, listener: Listener) -> None:
    await house.do(mount("a", 10))
    await buy(house.pools, "r", sku="a", quantity=3)
    await house.do(ProductUpdate(sku="a", price=80, title="A"))
    product = (await house.room()).products["a"]
    assert (product.price, product.title, product.available) == (80, "A", 7)
    assert (await listener.until("L"))["event"]["product"]["available"] == 10
    assert (await listener.until("L"))["event"]["product"]["available"] == 7
    assert (await buy(house.pools, "r", sku="a", quantity=2)).amount == 160


async def test_a_product_that_comes_back_knows_what_was_sold_of_it_before(house: House) -> None:
    await house.do(mount("a", 10))
    await buy(house.pools, "r", sku="a", quantity=3)
    await house.do(ProductUnmount(sku="a"), mount("a", 5))
    product = (await house.room()).products["a"]
    assert (product.available, product.total) == (5, 8)
    await house.do(flash(4))
    await house.do(ProductUpdate(sku="a", title="A"))
    room = await house.room()
    assert (room.products["a"].available, room.products["a"].total) == (1, 4)
    sale = room.sales[await house.sale()]
    assert (sale.available, sale.total) == (4, 4)
    await house.do(SaleCancel(sale=sale.sale))
    assert (await house.room()).sales[sale.sale].total == 0
    assert (await house.pools.counts("r"))["a"].total == 8


async def test_a_cancelled_sale_gives_its_stock_back_once(house: House) -> None:
    await house.do(mount("a", 10), flash(4))
    sale = await house.sale()
    await house.do(SaleCancel(sale=sale))
    assert await house.available() == {"a": 10, sale: 0}
    assert (await house.room()).sales[sale].phase is SalePhase.CANCELLED
    assert await house.refused(SaleCancel(sale=sale)) == (ErrorCode.CONFLICT, "sale")
    assert await house.refused(ProductRestock(sale=sale, delta=1)) == (ErrorCode.CONFLICT, "sale")
    await house.do(ProductUnmount(sku="a"))
    assert (await house.available())["a"] == 0
    await house.do(mount("a", 2))
    assert (await house.available())["a"] == 2


async def test_a_sale_that_time_closed_cannot_be_cancelled_any_more(house: House) -> None:
    await house.do(mount("a", 10), flash(4))
    sale = await house.sale()
    assert await house.pools.close_sale("r", sale, "time") == "time"
    assert await house.refused(SaleCancel(sale=sale)) == (ErrorCode.CONFLICT, "sale")
    assert await house.available() == {"a": 10, sale: 0}


async def test_an_event_in_between_is_kept_and_the_command_decided_again(house: House) -> None:
    await house.do(mount("a"), mount("b"))
    other = RoomLog(house.log._client, house.log._settings)

    async def somebody_is_faster() -> None:
        state = await other.load("r")
        assert state is not None
        await other.append(state, [RoomUpdated(announcement="first")])

    house.log.before_append = once(somebody_is_faster)
    before = metrics.CONFLICTS._value.get()
    assert await house.do(mount("c", 5)) == 4
    assert metrics.CONFLICTS._value.get() == before + 1
    room = await house.room()
    assert (room.announcement, list(room.products)) == ("first", ["a", "b", "c"])
    assert (await house.available())["c"] == 5


async def test_a_room_that_never_stands_still_refuses_and_a_sale_is_undone(house: House) -> None:
    await house.do(mount("a", 10))
    other = RoomLog(house.log._client, house.log._settings)
    tries = 0

    async def always_faster() -> None:
        nonlocal tries
        tries += 1
        state = await other.load("r")
        assert state is not None
        await other.append(state, [RoomUpdated(announcement=str(tries))])

    house.log.before_append = always_faster
    assert await house.refused(flash(4)) == (ErrorCode.UNAVAILABLE, None)
    assert tries == ATTEMPTS
    assert (await house.available())["a"] == 10
    assert (await house.room()).sales == {}


async def test_after_a_break_between_pool_and_log_the_same_command_finishes_the_work(house: House) -> None:
    async def broken() -> None:
        raise StoreUnavailable("gone")

    house.log.before_append = once(broken)
    with pytest.raises(StoreUnavailable):
        await house.do(mount("a", 10))
    assert (await house.room()).products == {}
    await house.do(mount("a", 10))
    assert await house.available() == {"a": 10}

    house.log.before_append = once(broken)
    with pytest.raises(StoreUnavailable):
        await house.do(ProductUnmount(sku="a"))
    await house.do(ProductUnmount(sku="a"))
    assert (await house.room()).products == {}
    assert (await house.available())["a"] == 0


async def test_a_room_whose_pools_are_gone_can_still_be_cleared_and_ended(house: House, store: Redis) -> None:
    """What a store that came back without them leaves: the log, and no stock behind it."""
    await house.do(RoomStart(), mount("a", 10), mount("b", 10), flash(4))
    keys = house.pools.book.room("r")
    sale = await house.sale()
    await store.delete(keys.product("a").pool, keys.product("b").pool, keys.sale(sale).pool)
    assert await house.refused(ProductUpdate(sku="b", price=1)) == (ErrorCode.NOT_FOUND, "sku")
    await house.do(ProductUnmount(sku="b"), RoomEnd())
    room = await house.room()
    assert (room.status, list(room.products)) == (RoomStatus.ENDED, ["a"])
    assert room.sales[sale].phase is SalePhase.ENDED


async def test_commands_that_touch_stock_take_turns(house: House) -> None:
    inside = asyncio.Event()
    go_on = asyncio.Event()

    async def pause() -> None:
        inside.set()
        await go_on.wait()

    house.log.before_append = once(pause)
    first = asyncio.create_task(house.do(mount("a", 10)))
    await inside.wait()
    second = asyncio.create_task(house.do(mount("a", 99)))
    await asyncio.sleep(0.05)  # time for the second to do harm, if it could
    assert await house.available() == {"a": 10}
    go_on.set()
    assert await first == 1
    with pytest.raises(Refused) as refused:
        await second
    assert refused.value.code is ErrorCode.CONFLICT
    assert await house.available() == {"a": 10}


async def test_a_command_that_waits_too_long_for_its_turn_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOCK_WAIT_SECONDS", 0.05)
    async with house.log.lock("r"):
        assert await house.refused(mount()) == (ErrorCode.UNAVAILABLE, None)
        assert await house.do(RoomAnnounce(text="no stock, no turn")) == 1
    assert await house.do(mount()) == 2


async def test_a_turn_that_outlived_its_lock_still_ends_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOCK_SECONDS", 0.02)
    async with house.log.lock("r"):
        async with asyncio.timeout(5):
            while await house.log._client.exists("{room:r}:lock"):
                await asyncio.sleep(0.005)
    assert await house.do(mount()) == 1


async def test_moderation_is_told_and_makes_no_event(house: House, store: Redis, listener: Listener) -> None:
    assert await house.do(ViewerMute(user="u", duration_ms=60_000, reason="loud")) == 0
    assert await house.do(ViewerKick(user="v")) == 0
    moderation = Moderation(store)
    assert (await moderation.standing("r", "u")).reason == "loud"
    assert (await moderation.standing("r", "v")).kicked == FOREVER
    assert await house.do(ViewerUnmute(user="u")) == 0
    assert (await moderation.standing("r", "u")).muted is None
    assert [(await listener.until("D"))["kind"] for _ in range(3)] == ["mute", "kick", "unmute"]
    with pytest.raises(Refused) as refused:
        await house.control.execute("r", ViewerKick(user="host"), "moderator")
    assert (refused.value.code, refused.value.field) == (ErrorCode.FORBIDDEN, "user")
    assert (await house.room()).seq == 0


async def test_commands_are_counted_by_outcome(house: House) -> None:
    def count(outcome: str) -> float:
        return float(metrics.COMMANDS.labels("room.start", outcome)._value.get())

    done, refused = count("done"), count("conflict")
    await house.do(RoomStart())
    await house.refused(RoomStart())
    assert (count("done"), count("conflict")) == (done + 1, refused + 1)
