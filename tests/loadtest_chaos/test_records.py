"""The journal: what was written is what is read."""

from __future__ import annotations

from pathlib import Path

from loadtest.chaos.records import Asked, Did, Doubt, Gave, Journal, Record, Refused, read, said
from schemas.codes import OrderStatus
from schemas.models import Order
from tests.loadtest_chaos.books import told


def test_every_kind_of_record(tmp_path: Path) -> None:
    records: list[Record] = [
        Asked(1.5, "ann", "r1", False),
        Doubt(2, "ann", "order.place", "r1", ""),
        told(sent=None),
        told(2, "paid"),
        Refused(3, "ann", "order.pay", "", "00-a", "conflict"),
        Gave(4, "room", -3, True),
        Did(5, "room", "product.restock", "tea -3", "done"),
    ]
    path = tmp_path / "told.jsonl"
    for some in (records[:2], records[2:]):  # opened again, it goes on
        with Journal(path) as journal:
            for record in some:
                journal.write(record)
    assert list(read(path)) == records


def test_an_order_of_the_wire() -> None:
    order = Order(
        order="00-a",
        request_id="r1",
        sku="tea",
        sale="s1",
        quantity=2,
        amount=200,
        currency="CNY",
        status=OrderStatus.PAID,
        version=2,
        reserved_at=1,
        expires_at=9,
    )
    line = said(order, "ann", 3, 12.5, None, "room")
    assert (line.pool, line.room, line.status, line.version, line.socket) == ("sale/s1", "room", "paid", 2, 3)
    order.sale = None
    assert said(order, "ann", 3, 12.5, None, "room").pool == "sku/tea"
