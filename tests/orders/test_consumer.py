"""From outbox to ledger: commit, then acknowledge; twice is once; poison is parked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from schemas.codes import OrderStatus
from server.orders.audit import audit
from server.orders.backlog import Backlog, BacklogWatch, LedgerBehind, LedgerCheck, backlog
from server.orders.consumer import GROUP, RETAIN_MS, Delivery, LedgerConsumer, entry_id
from server.orders.errors import LedgerUnavailable
from server.orders.ledger import Ledger
from server.orders.metrics import LEDGER_BACKLOG, LEDGER_ENTRIES, LEDGER_ERRORS, LEDGER_LAG, LEDGER_PARKED
from server.orders.verified import mark_verified
from server.valkey import store_time
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted

pytestmark = pytest.mark.anyio


def consumer(shop: Shop, ledger: Ledger, **options: Any) -> LedgerConsumer:
    return LedgerConsumer(shop.store, ledger, SETTINGS, **{"block_ms": 50, "claim_idle_ms": 0, **options})


def outbox(shop: Shop) -> str:
    return shop.service.book.room(ROOM).partition.outbox


async def pending(shop: Shop) -> int:
    return int((await shop.store.xpending(outbox(shop), GROUP))["pending"])


async def rows(ledger: Ledger, table: str) -> list[tuple[Any, ...]]:
    async with ledger.reading() as connection:
        found = await connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2")
        return [tuple(row) for row in found]


async def a_busy_day(shop: Shop) -> str:
    """Every kind of entry; the order that was paid and refunded."""
    await shop.mount(stock=10)
    await shop.schedule("s1", stock=4)
    order = await shop.order(sale="s1", quantity=2, pay=True)
    cancelled = await shop.order()
    accepted(await shop.cancel(cancelled.order))
    await shop.service.close_sale(ROOM, "s1", "time")
    accepted(await shop.refund(order.order))
    await shop.service.restock(ROOM, sku="lamp", delta=5)
    return order.order


async def test_everything_arrives(shop: Shop, ledger: Ledger) -> None:
    order = await a_busy_day(shop)
    assert await consumer(shop, ledger).drain() > 0
    found = await ledger.order(order)
    assert found is not None and (found.status, found.version) == (OrderStatus.REFUNDED, 4)
    assert [status.value for _, status, _ in await ledger.history(order)] == [
        "reserved",
        "paid",
        "refunding",
        "refunded",
    ]
    moved = sorted(
        (pool, delta, reason) for _, _, pool, delta, reason, _ in await rows(ledger, "stock_movements")
    )
    assert moved == [
        ("sale/s1", -2, "closed"),
        ("sale/s1", -2, "returned"),
        ("sale/s1", 4, "carved"),
        ("sku/lamp", -4, "carved"),
        ("sku/lamp", 2, "closed"),
        ("sku/lamp", 2, "returned"),
        ("sku/lamp", 5, "restock"),
        ("sku/lamp", 10, "mount"),
    ]
    assert await pending(shop) == 0
    report = await audit(shop.store, ledger, SETTINGS)
    assert report.ok and report.behind == 0


async def test_each_entry_twice_changes_nothing(shop: Shop, ledger: Ledger) -> None:
    await a_busy_day(shop)
    one = consumer(shop, ledger)
    await one.prepare()
    deliveries = await one.read()
    await one.write(deliveries)
    tables = ("orders", "order_history", "stock_movements", "payment_notices")
    before = [await rows(ledger, table) for table in tables]
    for delivery in [*deliveries, *reversed(deliveries)]:
        await one.write([delivery])
    assert [await rows(ledger, table) for table in tables] == before


async def test_killed_between_commit_and_acknowledgement(shop: Shop, ledger: Ledger) -> None:
    await a_busy_day(shop)
    victim = consumer(shop, ledger)
    reached = asyncio.Event()

    async def die_here(deliveries: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    victim.acknowledge = die_here  # type: ignore[method-assign]
    running = asyncio.create_task(victim.run())
    await reached.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    committed = await rows(ledger, "orders")
    assert committed and await pending(shop) > 0
    await shop.order("later")
    heir = consumer(shop, ledger)
    assert await heir.drain() > 0
    assert await pending(shop) == 0
    assert len(await rows(ledger, "orders")) == len(committed) + 1
    report = await audit(shop.store, ledger, SETTINGS)
    assert report.ok, report.problems


async def test_killed_before_the_commit(shop: Shop, ledger: Ledger) -> None:
    await a_busy_day(shop)
    victim = consumer(shop, ledger)
    await victim.prepare()
    assert await victim.read()
    assert await rows(ledger, "orders") == []
    patient = consumer(shop, ledger, claim_idle_ms=60_000)
    assert await patient.drain() == 0, "they may still be in good hands"
    await consumer(shop, ledger).drain()
    assert len(await rows(ledger, "orders")) == 2


async def test_poison_is_parked_and_stands_in_nobodys_way(shop: Shop, ledger: Ledger) -> None:
    parked = LEDGER_ENTRIES.labels("parked")._value.get()
    await shop.mount(stock=10)
    good = await shop.order()
    record = await shop.store.get(shop.service.book.room(ROOM).partition.order(good.order))
    assert record is not None
    huge = json.dumps({**json.loads(record), "order": "huge", "price": 10**18, "quantity": 100})
    poison: list[dict[Any, Any]] = [
        {b"o": b"not json"},
        {b"o": b'[{"order":"x"}]'},
        {b"surprise": b"\xff\xfe"},
        {b"o": f"[{huge}]".encode()},  # well-formed, but the amount is more than SQLite holds
    ]
    for fields in poison:
        await shop.store.xadd(outbox(shop), fields)
    better = await shop.order()
    await consumer(shop, ledger).drain()
    assert await pending(shop) == 0
    assert await ledger.order(good.order) is not None and await ledger.order(better.order) is not None
    assert len(await rows(ledger, "parked_entries")) == 4
    assert LEDGER_ENTRIES.labels("parked")._value.get() == parked + 4
    report = await audit(shop.store, ledger, SETTINGS)
    assert report.parked >= 4


async def test_a_database_in_trouble_acknowledges_nothing(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_busy_day(shop)
    one = consumer(shop, ledger)
    write, failures = ledger.write, [LedgerUnavailable("disk full")]

    async def flaky(*arguments: Any, **options: Any) -> None:
        if failures:
            raise failures.pop()
        await write(*arguments, **options)

    monkeypatch.setattr(ledger, "write", flaky)
    with pytest.raises(LedgerUnavailable):
        await one.step()
    assert await pending(shop) > 0 and await rows(ledger, "parked_entries") == []
    one._claimed_at = 0.0
    await one.step()
    assert await pending(shop) == 0
    assert len(await rows(ledger, "orders")) == 2


async def test_while_the_database_is_away_nothing_new_is_taken(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_busy_day(shop)
    one = consumer(shop, ledger, claim_idle_ms=3_600_000)

    async def away(*arguments: Any, **options: Any) -> None:
        raise LedgerUnavailable("away")

    with monkeypatch.context() as outage:
        outage.setattr(ledger, "write", away)
        outage.setattr("server.orders.loops._FIRST_PAUSE", 0.001)
        failures = LEDGER_ERRORS.labels("database")._value.get()
        running = asyncio.create_task(one.run())
        async with asyncio.timeout(10):
            while LEDGER_ERRORS.labels("database")._value.get() < failures + 3:
                await asyncio.sleep(0.001)
        taken = await pending(shop)
        await shop.order("later")
        async with asyncio.timeout(10):
            while LEDGER_ERRORS.labels("database")._value.get() < failures + 6:
                await asyncio.sleep(0.001)
        assert await pending(shop) == taken > 0
        behind = await backlog(shop.store, [outbox(shop)])
        assert behind.entries == taken + 1 and behind.seconds > 0
    async with asyncio.timeout(10):
        while await pending(shop) or (await backlog(shop.store, [outbox(shop)])).entries:
            await asyncio.sleep(0.001)
    running.cancel()
    assert len(await rows(ledger, "orders")) == 3, "its own, though nobody else's were to be taken over yet"
    assert await backlog(shop.store, [outbox(shop), "{p99}:outbox"]) == Backlog(0, 0.0)


async def test_what_is_too_much_at_once_is_written_in_parts(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        await shop.mount(sku=f"s{number}", stock=1)
    write, sizes = ledger.write, []

    async def slow(entries: Any, parked: Any = (), reached: Any = None) -> None:
        sizes.append(len(entries))
        if len(entries) > 5:
            raise LedgerUnavailable("it did not answer in time")
        await write(entries, parked)

    monkeypatch.setattr(ledger, "write", slow)
    monkeypatch.setattr("server.orders.loops._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("server.orders.loops._LONGEST_PAUSE", 0.001)
    running = asyncio.create_task(consumer(shop, ledger, count=32, claim_idle_ms=3_600_000).run())
    async with asyncio.timeout(10):
        while (await backlog(shop.store, [outbox(shop)])).entries:
            await asyncio.sleep(0.001)
    running.cancel()
    assert sizes[:4] == [32, 16, 8, 4]
    assert len(await rows(ledger, "stock_movements")) == 40


async def test_the_backlog_counts_what_no_consumer_was_there_for(shop: Shop) -> None:
    await a_busy_day(shop)
    everything = await shop.store.xlen(outbox(shop))
    assert (await backlog(shop.store, [outbox(shop)])).entries == everything > 5


async def test_the_watch_tells(shop: Shop, ledger: Ledger) -> None:
    await a_busy_day(shop)
    await shop.store.xadd(outbox(shop), {b"o": b"not json"})
    watch = BacklogWatch(shop.store, ledger, SETTINGS)
    await watch.step()
    assert LEDGER_BACKLOG._value.get() > 5 and LEDGER_LAG._value.get() > 0
    assert LEDGER_PARKED._value.get() == 0
    await consumer(shop, ledger).drain()
    await watch.step()
    assert LEDGER_BACKLOG._value.get() == 0 == LEDGER_LAG._value.get()
    assert LEDGER_PARKED._value.get() == 1


async def test_a_ledger_that_nobody_writes_is_no_ledger(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = LedgerCheck(shop.store, ledger, SETTINGS)
    await a_busy_day(shop)
    await check()
    monkeypatch.setattr("server.orders.backlog.BEHIND_SECONDS", 0.0)
    await shop.clock_reaches(await store_time(shop.store) + 2)
    with pytest.raises(LedgerBehind, match="the ledger is 0 s behind"):
        await check()
    await consumer(shop, ledger).drain()
    await check()


async def test_it_runs_on_when_the_store_lost_its_groups(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = consumer(shop, ledger)
    read, failures = one.read, [RedisConnectionError("gone")]

    async def flaky(**options: Any) -> list[Delivery]:
        if failures:
            raise failures.pop()
        return await read(**options)

    monkeypatch.setattr(one, "read", flaky)
    running = asyncio.create_task(one.run())
    for round_ in range(2):
        await shop.mount(stock=10)
        order = await shop.order(f"u{round_}")
        async with asyncio.timeout(10):
            while await ledger.order(order.order) is None:
                await asyncio.sleep(0.01)
        await shop.store.flushall()
        await mark_verified(shop.store, SETTINGS.partitions)
    running.cancel()


async def test_what_is_written_is_dropped_after_a_while(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(300):  # a stream is trimmed by whole nodes of 100 entries
        await shop.mount(stock=1)
        await shop.mount(stock=0)
    one, slow = consumer(shop, ledger, count=250), consumer(shop, ledger, count=50)
    await one.prepare()
    first = await one.read()
    await slow.read()
    await one.write(first)
    await one.acknowledge(first)
    await one.trim()
    assert await shop.store.xlen(outbox(shop)) == 600, f"kept for {RETAIN_MS} ms"
    monkeypatch.setattr("server.orders.consumer.RETAIN_MS", -1)
    await one.trim()
    assert 350 <= await shop.store.xlen(outbox(shop)) < 600, "nothing that is unread or unacknowledged"
    assert await consumer(shop, ledger).drain() == 350


async def test_the_ledger_knows_how_far_the_outbox_was_written(shop: Shop, ledger: Ledger) -> None:
    await a_busy_day(shop)
    await consumer(shop, ledger).drain()
    last = (await shop.store.xinfo_stream(outbox(shop)))["last-generated-id"].decode()
    assert await ledger.checkpoints() == {outbox(shop): entry_id(last)}
    at, number = entry_id(last)
    await ledger.write([], reached={outbox(shop): (at - 1, number + 5)})
    await ledger.write([], reached={outbox(shop): (at, 0), "other": (7, 1)})
    assert await ledger.checkpoints() == {outbox(shop): (at, number), "other": (7, 1)}
    await ledger.write([], reached={outbox(shop): (at, number + 1)})
    assert (await ledger.checkpoints())[outbox(shop)] == (at, number + 1)


async def test_a_parked_entry_was_reached_too(shop: Shop, ledger: Ledger) -> None:
    await shop.mount()
    poison: Any = await shop.store.xadd(outbox(shop), {"o": "[{}]"})
    await consumer(shop, ledger).drain()
    assert (await ledger.checkpoints())[outbox(shop)] == entry_id(poison.decode())
