"""The ledger by itself: idempotent rows, latest version wins, pages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import select

from schemas.codes import OrderStatus
from server.orders.database import ledger_url
from server.orders.entries import ActionRow, Entry, NoticeRow, PaymentRow, PoolRow, RefundRow, StockMove
from server.orders.errors import Unwritable
from server.orders.ledger import Ledger
from server.orders.records import Refund, StoredOrder
from server.orders.tables import control_actions, orders, payments, pools, refunds
from server.settings import ServerSettings

pytestmark = pytest.mark.anyio


def record(number: int = 1, **changes: object) -> StoredOrder:
    order = StoredOrder(
        order=f"00-{number:032x}",
        request_id=f"r{number}",
        room="r",
        user="ann",
        sale=None,
        sku="lamp",
        quantity=2,
        currency="CNY",
        price=10**12,
        status=OrderStatus.RESERVED,
        version=1,
        reserved_at=1_000 + number,
        expires_at=2_000 + number,
        updated_at=1_000 + number,
    )
    return replace(order, **changes)


def entry(
    *orders: StoredOrder, moves: tuple[StockMove, ...] = (), notices: tuple[NoticeRow, ...] = ()
) -> Entry:
    return Entry(list(orders), list(moves), list(notices))


async def test_an_order_and_its_history(ledger: Ledger) -> None:
    placed = record()
    paid = replace(placed, status=OrderStatus.PAID, version=2, payment="p1", updated_at=1_500)
    await ledger.write([entry(placed)])
    await ledger.write([entry(paid)])
    found = await ledger.order(placed.order)
    assert found is not None
    assert (found.status, found.version, found.amount, found.user) == (OrderStatus.PAID, 2, 2 * 10**12, "ann")
    assert (found.room, found.updated_at, found.reserved_at) == ("r", 1_500, 1_001)
    assert await ledger.history(placed.order) == [
        (1, OrderStatus.RESERVED, 1_001),
        (2, OrderStatus.PAID, 1_500),
    ]
    assert await ledger.order("nothing") is None


async def test_twice_and_in_any_order_is_the_same(ledger: Ledger) -> None:
    placed = record()
    paid = replace(placed, status=OrderStatus.PAID, version=2)
    refunding = replace(placed, status=OrderStatus.REFUNDING, version=3)
    move = StockMove("m1", "r", "sku/lamp", 10, "mount", 1)
    notice = NoticeRow("e1", placed.order, "p1", "captured", 5, "CNY", "paid", 1)
    for some in ([refunding], [placed, paid], [paid], [placed], [refunding, placed]):
        await ledger.write([entry(*some, moves=(move,), notices=(notice,))])
    found = await ledger.order(placed.order)
    assert found is not None and found.version == 3
    assert [version for version, _, _ in await ledger.history(placed.order)] == [1, 2, 3]
    async with ledger.reading() as connection:
        for table, rows in (("stock_movements", 1), ("payment_notices", 1), ("orders", 1)):
            counted = await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
            assert counted.scalar_one() == rows, table


async def test_all_or_nothing(ledger: Ledger) -> None:
    broken = record(2, price=10**30)  # more than a 64-bit integer
    with pytest.raises(Unwritable):
        await ledger.write([entry(record(1)), entry(broken)])
    assert await ledger.order(record(1).order) is None


async def test_pages_latest_first(ledger: Ledger) -> None:
    orders = [record(n, reserved_at=1_000 + n // 3) for n in range(10)]
    await ledger.write([entry(*orders, record(99, user="bob", room="other", status=OrderStatus.PAID))])
    seen, cursor = [], None
    while True:
        page = await ledger.orders(user="ann", limit=4, cursor=cursor)
        seen += [order.order for order in page.orders]
        cursor = page.cursor
        if cursor is None:
            break
        assert len(page.orders) == 4
    assert seen == [
        order.order for order in sorted(orders, key=lambda o: (o.reserved_at, o.order), reverse=True)
    ]
    assert [order.user for order in (await ledger.orders(room="other")).orders] == ["bob"]
    assert [order.user for order in (await ledger.orders(status=OrderStatus.PAID)).orders] == ["bob"]
    assert len((await ledger.orders()).orders) == 11
    for bad in ("nonsense", "1", "1.", ".x", "99999999999999999999.x", "1.x y", "１.x"):
        with pytest.raises(ValueError, match="cursor"):
            await ledger.orders(cursor=bad)


async def test_several_share_a_ledger(database_url: str, anyio_backend: str) -> None:
    several = [Ledger(database_url) for _ in range(4)]
    await asyncio.gather(*(one.start() for one in several))
    async with several[0].reading() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM orders")).scalar_one() == 0
        await asyncio.gather(*(one.write([entry(record(n))]) for n, one in enumerate(several)))
        assert (await connection.exec_driver_sql("SELECT count(*) FROM orders")).scalar_one() == 0, (
            "one moment"
        )
    assert len((await several[0].orders()).orders) == 4
    await several[0].ping()
    for one in several:
        await one.stop()


async def test_writers_of_the_same_rows_wait_for_each_other(database_url: str, anyio_backend: str) -> None:
    several = [Ledger(database_url) for _ in range(4)]
    await several[0].start()
    records = [record(n) for n in range(200)]
    paid = [replace(one, status=OrderStatus.PAID, version=2) for one in records]
    batches = [[entry(*records)], [entry(*reversed(paid))], [entry(*paid, *records)], [entry(*paid[::-1])]]
    for _ in range(5):
        await asyncio.gather(*(one.write(batch) for one, batch in zip(several, batches, strict=True)))
    assert {one.version for one in (await several[0].orders(limit=200)).orders} == {2}
    for one in several:
        await one.stop()


async def test_text_of_every_kind(ledger: Ledger) -> None:
    odd = record(request_id="r\0\u2028'\"$1:x%s", user="安😀", reason="\0")
    await ledger.write([entry(odd)])
    found = await ledger.order(odd.order)
    assert found is not None and found.user == "安😀"
    nul = "\N{REPLACEMENT CHARACTER}" if ledger.database.remote else "\0"
    assert found.request_id == f"r{nul}\u2028'\"$1:x%s"


async def test_what_does_not_fit_is_refused_not_cut(ledger: Ledger) -> None:
    """SQLite's columns have no length."""
    long = record(sku="x" * 65)
    if ledger.database.remote:
        with pytest.raises(Unwritable, match="too long"):
            await ledger.write([entry(record(2)), entry(long)])
        assert await ledger.order(record(2).order) is None
    else:
        await ledger.write([entry(long)])
        assert (await ledger.orders()).orders[0].sku == "x" * 65


async def test_sqlite_survives_a_power_cut(tmp_path: Path, anyio_backend: str) -> None:
    ledger = Ledger(ledger_url(ServerSettings(data_dir=str(tmp_path))))
    await ledger.start()
    async with ledger.reading() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2)):
            assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one() == value
    await ledger.stop()


async def test_every_kind_of_row_is_written_once(ledger: Ledger) -> None:
    record_ = record(1, pay=True, shipped_at=5, refunds={"x-r1": 3}, version=4)
    kept = replace(
        record_,
        refund=Refund(id="x-r2", amount=2, back=OrderStatus.PAID, due=9, approved=False, reason="why"),
        version=5,
    )
    written = Entry(
        [record_, kept],
        [],
        [],
        [PaymentRow("p1", "captured", record_.order, "c-1", 5, "CNY", 7)],
        [RefundRow("x-r1", "done", record_.order, "p1", 3, "CNY", "ann", 8, "late")],
        [ActionRow("a1", "r", "hanna", "host", "product.mount", '{"sku":"lamp"}', 9)],
        [PoolRow("r", "sku/lamp", 2, 1, "open", "lamp", 250, "CNY", 0, 1_000, 0, 0, "", 9)],
    )
    older = PoolRow("r", "sku/lamp", 1, 1, "closed", "lamp", 1, "CNY", 0, 1_000, 0, 0, "", 1)
    for one in (written, written, Entry([], [], [], pools=[older])):
        await ledger.write([one])
    async with ledger.reading() as connection:
        found = {
            table.name: [tuple(row) for row in await connection.execute(select(table))]
            for table in (payments, refunds, control_actions, pools)
        }
        row = (await connection.execute(select(orders))).one()
    assert found == {
        "payments": [("p1", "captured", record_.order, "c-1", 5, "CNY", 7, "")],
        "refunds": [("x-r1", "done", record_.order, "p1", 3, "CNY", "ann", 8, "late")],
        "control_actions": [("a1", "r", "hanna", "host", "product.mount", '{"sku":"lamp"}', 9)],
        "pools": [("r", "sku/lamp", 2, 1, "open", "lamp", 250, "CNY", 0, 1_000, 0, 0, "", 9)],
    }
    assert (row.pay, row.shipped_at, row.delivered_at) == (True, 5, None)
    assert msgspec.json.decode(row.refunds) == {"x-r1": 3}
    assert msgspec.json.decode(row.refund, type=Refund) == kept.refund
