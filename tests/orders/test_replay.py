"""What the ledger has, the store has again: pools, orders, holds, requests, money on its way."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from schemas.codes import ErrorCode, OrderStatus
from schemas.commands import OrderShip
from server.orders.audit import audit
from server.orders.entries import Entry, PaymentRow
from server.orders.fence import Fence, fenced
from server.orders.ledger import Ledger
from server.orders.readback import read_orders
from server.orders.records import Refund, decode_stored
from server.orders.replay import Replay
from server.orders.sweeper import HoldSweeper
from server.orders.verifier import Verifier
from server.valkey import EmbeddedValkey, store_time
from tests.orders.lost import bare, drain, epoch, proven, restart, valkey, verified
from tests.orders.shop import ROOM, SETTINGS, SHORT, Shop, accepted
from tests.orders.test_ledger import record
from tests.orders.test_machine import PoolMachine

__all__ = ["bare", "valkey"]

pytestmark = pytest.mark.anyio


async def contents(shop: Shop) -> dict[bytes, Any]:
    """Everything the order wing keeps in the store, but for what counts processes and versions."""
    store: Any = shop.store
    found: dict[bytes, Any] = {}
    for key in sorted(await store.keys("{p*")):
        kind = await store.type(key)
        # Charges begin anew: the provider tells what became of them.
        if key.endswith((b":outbox", b":verified", b":rebuild", b":charges")) or b":charge:" in key:
            continue
        if kind == b"hash":
            found[key] = await store.hgetall(key)
            for field in (b"version", b"epoch", b"exhausted"):
                found[key].pop(field, None)
            found[key] = {field: value for field, value in found[key].items() if value != b"0"}
        elif kind == b"zset":
            # A refund is taken up a while after the replay.
            scores = not key.endswith(b":refunds")
            found[key] = await store.zrange(key, 0, -1, withscores=scores)
        elif kind == b"set":
            found[key] = await store.smembers(key)
        else:
            value = await store.get(key)
            found[key] = decode_stored(value) if b":order:" in key else value
    return found


async def a_day(shop: Shop) -> None:
    """An order in every status that is reached without a fault, two products, two sales, one closed."""
    await shop.mount("lamp", 20, price=10**12, per_user_limit=9)
    await shop.mount("cup", 5)
    await shop.schedule("s1", stock=4)
    await shop.schedule("s2", stock=3, starts_in_ms=60_000)
    await shop.order("ann", request_id="held", quantity=2)
    await shop.order("ann", request_id="paid", pay=True)
    cancelled = await shop.order("bob", request_id="cancelled")
    accepted(await shop.cancel(cancelled.order, "bob"))
    refunded = await shop.order("bob", sale="s1", request_id="refunded", pay=True)
    await shop.order("cid", sale="s1", request_id="sale", quantity=2)
    await shop.service.close_sale(ROOM, "s1", "cancelled")
    accepted(await shop.refund(refunded.order, "bob"))
    await shop.service.unmount(ROOM, "cup")
    await shop.service.restock(ROOM, sku="lamp", delta=3)


async def test_an_order_reads_back_as_it_was_written(ledger: Ledger) -> None:
    orders = [
        record(1),
        record(2, sale="s1", status=OrderStatus.PAID, version=2, payment="p", pay=True),
        record(
            3,
            status=OrderStatus.REFUNDING,
            version=5,
            payment="p3",
            reason="zu klein ✓",
            shipped_at=5,
            delivered_at=6,
            refund=Refund(id="o-rx", amount=7, back=OrderStatus.DELIVERED, due=9, approved=False, reason="r"),
            refunds={"o-ra": 1, "o-rb": 2},
        ),
        record(4, user="zed", room="other", reserved_at=9_000),
        replace(record(5), order=f"01-{5:032x}", user="zed", room="other", reserved_at=8_000),
    ]
    await ledger.write([Entry(orders, [], [])])
    async with ledger.reading() as connection:
        found = [pair async for batch in read_orders(connection, [0, 1]) for pair in batch]
        only = [one.order async for batch in read_orders(connection, [1]) for one, _ in batch]
    assert sorted((one for one, _ in found), key=lambda one: one.order) == orders
    assert {one.order: last for one, last in found if one.user == "zed"} == {
        orders[3].order: 9_000,
        orders[4].order: 9_000,
    }
    assert only == [orders[4].order]


async def test_an_emptied_store_is_what_it_was(shop: Shop, ledger: Ledger) -> None:
    await a_day(shop)
    await drain(shop, ledger)
    before = await contents(shop)
    await shop.store.flushall()
    assert await Verifier(shop.store, ledger, SETTINGS).step()
    after = await contents(shop)
    due = shop.service.book.room(ROOM).partition.due.encode()
    # The clock had told nothing yet; the closed sale's end is told once more.
    assert {member for member, _ in after.pop(due)} >= {member for member, _ in before.pop(due)}
    assert after == before
    await drain(shop, ledger)
    await proven(shop, ledger)
    assert {await epoch(shop, ref) for ref in ("sku/lamp", "sku/cup", "sale/s1", "sale/s2")} == {2}
    keys = shop.service.book.room(ROOM)
    held = await shop.service.get(ROOM, "ann", request_id="held")
    assert held is not None
    charges = await shop.store.zrange(keys.partition.charges, 0, -1)
    assert held.order.encode() in charges, "somebody may have been about to pay it"
    assert await shop.store.pttl(keys.user("ann")) > SETTINGS.request_ttl_ms - 60_000


async def test_life_goes_on_after_a_replay(shop: Shop, ledger: Ledger) -> None:
    await a_day(shop)
    await drain(shop, ledger)
    await shop.store.flushall()
    assert await Verifier(shop.store, ledger, SETTINGS).step()
    held = accepted(await shop.place("ann", request_id="held", quantity=2))
    accepted(await shop.pay(held.order))
    accepted(await shop.refund(held.order))
    sold = accepted(await shop.place("cid", sale="s1", request_id="sale", quantity=2))
    accepted(await shop.cancel(sold.order, "cid"))
    other = await shop.place("ann", request_id="held", quantity=3)
    assert other.code is ErrorCode.REQUEST_MISMATCH
    await shop.mount("cup", 2)
    await shop.order("ann", "cup")
    await drain(shop, ledger)
    report = await proven(shop, ledger)
    assert report.behind == 0


async def test_an_older_copy_put_back(
    bare: Shop, ledger: Ledger, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    verifier = Verifier(bare.store, ledger, SETTINGS)
    await verifier.step()
    await bare.mount(stock=10)
    early = await bare.order("ann", request_id="early")
    lost = await bare.order("ann", request_id="unwritten")  # in the copy's outbox alone
    await restart(valkey, now=tmp_path / "copy")
    await verified(verifier)
    accepted(await bare.pay(early.order))
    late = await bare.order("bob", request_id="late", quantity=3)
    accepted(await bare.cancel(lost.order))
    await bare.service.restock(ROOM, sku="lamp", delta=-1)
    await drain(bare, ledger)
    before = await contents(bare)
    await restart(valkey, then=tmp_path / "copy")
    outcome = await bare.place("eve", quantity=9)
    assert outcome.code in (ErrorCode.UNAVAILABLE, ErrorCode.UNKNOWN_OUTCOME)
    await verified(verifier)
    assert await contents(bare) == before
    assert await bare.units() == (9, 5, 3, 1) and await epoch(bare) == 2
    async with asyncio.timeout(5):  # its lane looks for the store by itself
        while (again := await bare.place("bob", request_id="late", quantity=3)).code is not None:
            assert again.code is ErrorCode.UNAVAILABLE
            await asyncio.sleep(0.01)
    assert accepted(again) == late
    await bare.order("eve")
    await drain(bare, ledger)
    await proven(bare, ledger)
    await restart(valkey)
    await verified(verifier)
    assert await epoch(bare) == 2, "what it has now is beyond what the ledger had"


async def test_holds_run_out_after_a_replay(hasty: Shop, ledger: Ledger) -> None:
    await hasty.mount(stock=3)
    order = await hasty.order(quantity=2)
    await drain(hasty, ledger)
    await hasty.store.flushall()
    assert await Verifier(hasty.store, ledger, hasty.settings).step()
    await hasty.clock_reaches(order.expires_at + 1)
    assert await HoldSweeper(hasty.store, hasty.settings).sweep() == 1
    assert await hasty.units() == (3, 3, 0, 0)


async def test_finished_orders_stay_for_what_is_left_of_their_life(shop: Shop, ledger: Ledger) -> None:
    await shop.mount(stock=3)
    now = await store_time(shop.store)
    young = record(
        1, status=OrderStatus.CANCELLED, version=2, updated_at=now - 1_000, reserved_at=now - 1_000
    )
    number = shop.service.book.room(ROOM).partition.number
    young = replace(young, order=f"{number:02x}-{1:032x}")
    old = replace(
        young,
        order=f"{number:02x}-{2:032x}",
        user="old",
        updated_at=now - SETTINGS.request_ttl_ms,
        reserved_at=now - SETTINGS.request_ttl_ms,
    )
    await ledger.write([Entry([young, old], [], [])])
    await drain(shop, ledger)
    await shop.store.flushall()
    assert await Verifier(shop.store, ledger, SETTINGS).step()
    keys = shop.service.book.room(ROOM)
    left = await shop.store.pttl(keys.partition.order(young.order))
    assert SETTINGS.request_ttl_ms - 60_000 < left <= SETTINGS.request_ttl_ms - 1_000
    assert not await shop.store.exists(keys.partition.order(old.order), keys.user("old"))


async def test_money_on_its_way_is_on_its_way_again(shop: Shop, ledger: Ledger) -> None:
    await shop.mount(stock=3)
    order = await shop.order(pay=True)
    shop.provider.refund_error = TimeoutError("no answer")
    accepted(await shop.refund(order.order))
    shipped = await shop.order("bob", pay=True)
    accepted(await shop.manage(OrderShip(order=shipped.order)))
    accepted(await shop.refund(shipped.order, "bob", amount=5, request_id="a part"))
    refunds = shop.service.book.room(ROOM).partition.refunds
    before = await shop.store.zrange(refunds, 0, -1, withscores=True)
    assert len(before) == 2, "one waits for the provider, one for the host"
    number = shop.service.book.room(ROOM).partition.number
    unused = f"{number:02x}-{7:032x}"
    rows = [
        PaymentRow("p1", "unused", unused, "", 5, "CNY", 1),
        PaymentRow("p2", "unused", unused, "", 5, "CNY", 1),
        PaymentRow("p2", "returned", unused, "", 5, "CNY", 2),
    ]
    await ledger.write([Entry([], [], [], payments=rows)])
    await drain(shop, ledger)
    await shop.store.flushall()
    assert await Verifier(shop.store, ledger, SETTINGS).step()
    assert await shop.owed() == [f"{unused} CNY 5 p1".encode()]
    assert await shop.store.zrange(refunds, 0, -1, withscores=True) == before
    assert (await audit(shop.store, ledger, SETTINGS)).ok
    await shop.store.delete(refunds)
    report = await audit(shop.store, ledger, SETTINGS)
    assert {(one.kind, one.order) for one in report.problems} == {
        ("refund_missing", order.order),
        ("refund_missing", shipped.order),
    }


async def test_a_pool_whose_rules_were_lost_sells_nothing(shop: Shop, ledger: Ledger) -> None:
    await shop.mount(stock=3)
    await shop.order(pay=True)
    await drain(shop, ledger)
    async with ledger.database.writing() as connection:
        await connection.exec_driver_sql("DELETE FROM pools")
    await shop.store.flushall()
    assert await Verifier(shop.store, ledger, SETTINGS).step()
    assert await shop.units() == (3, 2, 0, 1)
    assert (await shop.place()).code is ErrorCode.NOT_FOUND
    await shop.mount(stock=4)
    await shop.order()
    await drain(shop, ledger)
    await proven(shop, ledger)


@pytest.mark.parametrize("writes", range(1, 12))
async def test_stopped_in_the_middle_and_begun_again(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Cut off after each of its writes; also where what it wrote is only known to the store."""
    await a_day(shop)
    await drain(shop, ledger)
    before = await contents(shop)
    await shop.store.flushall()
    left = [writes]
    write = Fence.write

    async def dies(self: Fence, commands: Callable[[Any], object]) -> list[Any]:
        if not left[0]:
            raise asyncio.CancelledError
        left[0] -= 1
        return await write(self, commands)

    with monkeypatch.context() as cut:
        cut.setattr(Fence, "write", dies)
        with pytest.raises(asyncio.CancelledError):
            await Verifier(shop.store, ledger, SETTINGS).step()
    for partition in shop.service.book.partitions:
        await shop.store.delete(partition.rebuild)  # its right has run out
    await verified(Verifier(shop.store, ledger, SETTINGS))
    after = await contents(shop)
    due = shop.service.book.room(ROOM).partition.due.encode()
    assert before.pop(due) and after.pop(due)
    assert after == before
    assert await epoch(shop) in (2, 3)
    await drain(shop, ledger)
    await proven(shop, ledger)


async def test_twice_is_once(shop: Shop, ledger: Ledger) -> None:
    await a_day(shop)
    await drain(shop, ledger)
    before = await contents(shop)
    async with fenced(shop.store, shop.service.book.partitions) as fences:
        replay = Replay(shop.store, ledger, SETTINGS, fences)
        await replay.write()
        await replay.write()
    after = await contents(shop)
    due = shop.service.book.room(ROOM).partition.due.encode()
    assert before.pop(due) and after.pop(due)
    assert after == before
    report = await audit(shop.store, ledger, SETTINGS)
    assert report.ok, report.problems


class ReplayMachine(PoolMachine):
    """Any history; then the store is emptied, and every buyer is told what they were told before."""

    async def _close(self) -> None:
        shop = self.shop
        with tempfile.TemporaryDirectory() as directory:
            ledger = Ledger(f"sqlite+aiosqlite:///{directory}/ledger.db")
            await ledger.start()
            await drain(shop, ledger)
            before = await self.answers()
            counts = await shop.service.counts(ROOM)
            await shop.store.flushall()
            assert await Verifier(shop.store, ledger, SHORT).step()
            assert await shop.service.counts(ROOM) == counts
            assert await self.answers() == before
            await drain(shop, ledger)
            report = await audit(shop.store, ledger, SHORT)
            assert report.ok, report.problems
            await ledger.stop()
        await shop.stop()
        await self.client.aclose()

    async def answers(self) -> list[Any]:
        """What each buyer hears who asks for an order, and who repeats a request."""
        told: list[Any] = []
        for (user, request), ((name, quantity, _), order) in self.model.requests.items():
            told.append(await self.shop.service.get(ROOM, user, order_id=order))
            told.append(await self.shop.service.get(ROOM, user, request_id=request))
            sale = name if name != "lamp" else None
            # Not live: only what was placed before is told. Without `pay`, so that nothing is paid by it.
            again = await self.shop.place(
                user, "lamp", sale=sale, request_id=request, quantity=quantity, live=False
            )
            told.append((again.code, again.order))
        return told


@pytest.mark.timeout(90)
def test_whatever_happened_is_told_again(store_url: str) -> None:
    machine = type("Machine", (ReplayMachine,), {"url": store_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
