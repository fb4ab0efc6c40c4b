"""A store nobody checked sells nothing; one that is what it was is let through; a lost one is rebuilt."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from schemas.codes import ErrorCode
from server.orders.changes import Code
from server.orders.consumer import LedgerConsumer
from server.orders.entries import NoticeRow
from server.orders.errors import LedgerUnavailable, StoreFrozen
from server.orders.fence import HELD_MS, FenceLost, fenced
from server.orders.keys import KeyBook
from server.orders.lanes import Fate, Unanswered
from server.orders.ledger import Ledger
from server.orders.metrics import FROZEN
from server.orders.verified import StoreCheck, demand_verified, freeze
from server.orders.verifier import Verifier
from server.orders.watermark import Watermark
from server.valkey import EmbeddedValkey, StoreUnavailable
from tests.orders.lost import bare, drain, epoch, restart, valkey, verified
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted

__all__ = ["bare", "valkey"]

pytestmark = pytest.mark.anyio


async def test_nothing_is_sold_before_the_check(bare: Shop, ledger: Ledger) -> None:
    with pytest.raises(StoreUnavailable):
        await bare.mount()
    outcome = await bare.place()
    assert outcome.code is ErrorCode.UNAVAILABLE and outcome.retry_after_ms
    with pytest.raises(StoreFrozen):
        await bare.service.stored(f"00-{1:032x}")
    with pytest.raises(StoreFrozen):
        await bare.service.get(ROOM, "ann", request_id="one")
    with pytest.raises(StoreFrozen):
        await StoreCheck(bare.store, SETTINGS.partitions)()
    assert await bare.store.keys("*") == []
    verifier = Verifier(bare.store, ledger, SETTINGS)
    assert await verifier.step()
    await StoreCheck(bare.store, SETTINGS.partitions)()
    await bare.mount()
    async with asyncio.timeout(5):  # its lane looks for the store by itself
        while (await bare.place()).code is not None:
            await asyncio.sleep(0.01)


async def test_a_lane_stays_down_while_the_store_is_frozen(bare: Shop, ledger: Ledger) -> None:
    assert (await bare.place()).code is ErrorCode.UNAVAILABLE
    (lane,) = (name for name in bare.service.statistics() if name.endswith("reserve"))
    for _ in range(5):
        await asyncio.sleep(0.02)
        outcome = await bare.place()
        assert outcome.code is ErrorCode.UNAVAILABLE
        assert bare.service.statistics()[lane]["in_flight"] == 0


async def test_a_killed_store_is_let_through(bare: Shop, ledger: Ledger, valkey: EmbeddedValkey) -> None:
    verifier = Verifier(bare.store, ledger, SETTINGS)
    await verifier.step()
    await bare.mount(stock=5)
    order = await bare.order()
    await drain(bare, ledger)
    unwritten = await bare.order()
    await restart(valkey)
    with pytest.raises(StoreFrozen):
        await demand_verified(bare.store, "{p00}:outbox")
    await verified(verifier)
    assert await bare.units() == (5, 3, 2, 0) and await epoch(bare) == 1
    for one in (order, unwritten):
        assert await bare.service.get(ROOM, "ann", order_id=one.order) == one


async def test_an_emptied_store_is_frozen_and_rebuilt(bare: Shop, ledger: Ledger) -> None:
    verifier = Verifier(bare.store, ledger, SETTINGS)
    await verifier.step()
    await bare.mount(stock=5)
    paid = await bare.order(pay=True)
    held = await bare.order("bob", request_id="mine")
    await drain(bare, ledger)
    await bare.store.flushall()  # the process and its scripts go on
    gone = await bare.place("eve")
    assert gone.code is ErrorCode.UNAVAILABLE, "not: no such product"
    with pytest.raises(StoreUnavailable):
        await bare.mount(stock=5)
    with pytest.raises(StoreFrozen):
        await bare.service.get(ROOM, "ann", order_id=paid.order)
    assert await verifier.step()
    assert await bare.units() == (5, 3, 1, 1) and await epoch(bare) == 2
    assert await bare.service.get(ROOM, "ann", order_id=paid.order) == paid
    async with asyncio.timeout(5):  # the lane looks for the store by itself
        while (again := await bare.place("bob", request_id="mine")).code is ErrorCode.UNAVAILABLE:
            await asyncio.sleep(0.01)
    assert again.replayed and accepted(again) == held
    accepted(await bare.pay(held.order, "bob"))
    await drain(bare, ledger)
    assert await verifier.step() and await epoch(bare) == 2, "and it is done once"


async def test_new_entries_on_an_emptied_store_do_not_make_it_whole(bare: Shop, ledger: Ledger) -> None:
    verifier = Verifier(bare.store, ledger, SETTINGS)
    await verifier.step()
    await bare.mount(stock=5)
    await bare.order(pay=True)
    await drain(bare, ledger)
    await bare.store.flushall()
    outbox = bare.service.book.room(ROOM).partition.outbox
    notice = NoticeRow("e", "o", "p", "failed", 1, "CNY", "noted", 1)  # it came before anybody looked
    await bare.store.xadd(outbox, {"n": msgspec.json.encode([notice])})
    assert await verifier.step()
    assert await bare.units() == (5, 4, 0, 1) and await epoch(bare) == 2


async def test_a_store_from_before_gets_its_rules_written(bare: Shop, ledger: Ledger) -> None:
    verifier = Verifier(bare.store, ledger, SETTINGS)
    await verifier.step()
    await bare.mount(stock=5, price=77)
    keys = bare.service.book.room(ROOM)
    await bare.store.hdel(keys.product("lamp").pool, "version", "epoch")
    await bare.store.xtrim(keys.partition.outbox, maxlen=0)
    await freeze(bare.store, bare.service.book)
    assert await verifier.step()
    assert await bare.store.hmget(keys.product("lamp").pool, "version", "epoch") == [b"1", b"1"]
    await drain(bare, ledger)
    async with ledger.reading() as connection:
        found = await connection.exec_driver_sql("SELECT room, pool, price, version FROM pools")
        assert [tuple(row) for row in found] == [(ROOM, "sku/lamp", 77, 1)]


async def test_without_the_ledger_what_was_seen_decides(
    bare: Shop, ledger: Ledger, valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = LedgerConsumer(bare.store, ledger, SETTINGS)
    knows, new = (Verifier(bare.store, ledger, SETTINGS, seen=seen) for seen in (consumer.seen, None))
    await knows.step()
    await bare.mount(stock=5)
    await bare.order(pay=True)
    await consumer.drain()

    async def away() -> None:
        raise LedgerUnavailable("away")

    with monkeypatch.context() as outage:
        outage.setattr(ledger, "checkpoints", away)
        outage.setattr(ledger, "start", away)
        await restart(valkey)
        async with asyncio.timeout(10):
            while not await bare.store.ping():
                pass
        assert not await new.step() and FROZEN._value.get() == SETTINGS.partitions
        assert await knows.step() and FROZEN._value.get() == 0
        assert await bare.units() == (5, 4, 0, 1)
        await bare.store.flushall()
        assert not await knows.step() and FROZEN._value.get() == SETTINGS.partitions
    assert await new.step()
    assert await bare.units() == (5, 4, 0, 1)


async def test_without_the_ledger_the_note_of_the_last_back_office_decides(
    bare: Shop, ledger: Ledger, valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note = tmp_path / "outbox.seen"
    before = Verifier(bare.store, ledger, SETTINGS, watermark=Watermark(note))
    assert await before.step()
    await bare.mount(stock=5)
    await bare.order(pay=True)
    assert await before.step() and note.exists()

    async def away() -> None:
        raise LedgerUnavailable("away")

    with monkeypatch.context() as outage:
        outage.setattr(ledger, "checkpoints", away)
        outage.setattr(ledger, "start", away)
        await restart(valkey)
        async with asyncio.timeout(10):
            while not await bare.store.ping():
                pass
        assert not await Verifier(bare.store, ledger, SETTINGS).step(), "it knows nothing"
        assert await Verifier(bare.store, ledger, SETTINGS, watermark=Watermark(note)).step()
        assert await bare.units() == (5, 4, 0, 1)
        await bare.store.flushall()
        assert not await Verifier(bare.store, ledger, SETTINGS, watermark=Watermark(note)).step()


async def test_a_frozen_store_lets_everybody_watch(bare: Shop, ledger: Ledger) -> None:
    verifier = Verifier(bare.store, ledger, SETTINGS)
    await verifier.step()
    await bare.mount(stock=5)
    order = await bare.order()
    await freeze(bare.store, bare.service.book)
    visit = bare.service.visit(ROOM, "ann")
    assert [one.order for one in await bare.service.unfinished(ROOM, "ann", visit)] == [order.order]
    stranger = bare.service.visit(ROOM, "zoe")
    assert await bare.service.unfinished(ROOM, "zoe", stranger) == []
    assert not stranger.is_new(float("inf")), "what an unchecked store has is not known for certain"
    await verifier.step()
    assert await bare.service.unfinished(ROOM, "zoe", stranger) == []
    assert stranger.is_new(float("inf"))


async def test_one_at_a_time(bare: Shop, ledger: Ledger) -> None:
    partitions = KeyBook(SETTINGS.partitions).partitions
    verifier = Verifier(bare.store, ledger, SETTINGS)
    async with fenced(bare.store, partitions) as fences:
        assert not await verifier.step(), "somebody is at it"
        with pytest.raises(FenceLost):
            async with fenced(bare.store, partitions[1:]):
                pass
        assert await fences[0].write(lambda pipeline: pipeline.get("x{p00}")) == [None]
        assert 0 < await bare.store.pttl(partitions[0].rebuild) <= HELD_MS
        await bare.store.set(partitions[0].rebuild, "another")
        with pytest.raises(FenceLost):
            await fences[0].write(lambda pipeline: pipeline.set("{p00}:x", "1"))
        assert await bare.store.get("{p00}:x") is None
    assert await bare.store.keys("*rebuild*") == [partitions[0].rebuild.encode()], "its own alone"
    await bare.store.delete(partitions[0].rebuild)
    assert await verifier.step()


async def test_an_emptied_store_does_nothing_before_anybody_notices(bare: Shop, ledger: Ledger) -> None:
    """The scripts survive FLUSHALL: without their gate a payment would find no order and go back."""
    await Verifier(bare.store, ledger, SETTINGS).step()
    await bare.mount(stock=5)
    order = await bare.order()
    await drain(bare, ledger)
    record = await bare.service.stored(order.order)
    assert record is not None
    await bare.store.flushall()
    with pytest.raises(Unanswered) as caught:
        await bare.service.cashier.settle(record, "pay-1")
    assert caught.value.fate in (Fate.DOWN, Fate.UNKNOWN)
    assert (await bare.place("bob")).code is ErrorCode.UNAVAILABLE
    assert await Verifier(bare.store, ledger, SETTINGS).step()
    assert (await bare.service.cashier.settle(record, "pay-1")).code is Code.DONE
