"""Records and keys: what goes in comes out, what is none is refused."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import ErrorCode, OrderStatus
from server.orders.changes import Owed
from server.orders.entries import decode_entry
from server.orders.errors import OrderError
from server.orders.keys import ORDER_ID_LENGTH, KeyBook, new_order_id
from server.orders.records import decode_order, decode_stored, encode_head
from server.valkey import partition_of

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
ID = "0" * 32
TAIL = (
    b',"sku":"lamp","price":250,"status":"reserved","version":1,"reserved_at":1790000000000,'
    b'"expires_at":1790000120000,"updated_at":1790000000000,"payment":null,"reason":null}'
)


@given(user=text, request=text, room=text)
def test_a_head_takes_any_text(user: str, request: str, room: str) -> None:
    record = encode_head("00-x", request, room, user, None, 3, "CNY", False) + TAIL
    stored = decode_stored(record)
    assert (stored.user, stored.request_id, stored.room, stored.quantity) == (user, request, room, 3)
    assert (stored.amount, stored.pool, stored.home) == (750, "sku/lamp", "sku/lamp")
    order = decode_order(record)
    assert (order.amount, order.status, order.sale, order.room) == (750, OrderStatus.RESERVED, None, room)


def test_a_sales_order_has_two_pools() -> None:
    stored = decode_stored(encode_head("00-x", "r", "room", "u", "s1", 1, "CNY", False) + TAIL)
    assert (stored.pool, stored.home) == ("sale/s1", "sku/lamp")


def test_what_is_no_text() -> None:
    with pytest.raises(OrderError) as caught:
        encode_head("00-x", "\ud800", "room", "u", None, 1, "CNY", False)
    assert caught.value.code is ErrorCode.INVALID


@pytest.mark.parametrize(
    "fields", [{}, {b"x": b"[]"}, {b"o": b"{}"}, {b"m": b"1"}, {b"n": b"["}, {b"o": b"[1]"}, {b"o": b"\xff"}]
)
def test_entries_of_somebody_else(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(ValueError):
        decode_entry(fields)


def test_an_entry() -> None:
    record = encode_head("00-x", "r", "room", "u", None, 1, "CNY", False) + TAIL
    move = {"id": "m", "room": "r", "pool": "sku/x", "delta": -1, "reason": "closed", "at": 5}
    entry = decode_entry({b"o": b"[" + record + b"]", b"m": json.dumps([move]).encode()})
    assert [order.order for order in entry.orders] == ["00-x"]
    assert [msgspec.to_builtins(one) for one in entry.moves] == [move] and entry.notices == []


@pytest.mark.parametrize("partitions", [1, 4, 16, 256])
def test_an_order_id_names_its_partition(partitions: int) -> None:
    book = KeyBook(partitions)
    for room in (f"room-{number}" for number in range(50)):
        keys = book.room(room)
        assert keys.partition.number == partition_of(room, partitions)
        order = new_order_id(keys.partition.number)
        assert len(order) == ORDER_ID_LENGTH
        assert book.of_order(order) is keys.partition
        every = [keys.pools, keys.user("u"), keys.product("x").pool, keys.sale("x").units, keys.partition.due]
        assert all(key.startswith(keys.partition.tag) for key in every), "one slot of a cluster"
        assert keys.product("x").pool != keys.sale("x").pool


@pytest.mark.parametrize(
    "order", ["", "x", "zz-" + "0" * 32, "ff-" + "0" * 32, "00_" + "0" * 32, "00-" + "é" * 32]
)
def test_what_is_no_order_id(order: str) -> None:
    assert KeyBook(16).of_order(order) is None


def test_partitions_have_a_bound() -> None:
    for partitions in (0, 257):
        with pytest.raises(ValueError, match="1 to 256"):
            KeyBook(partitions)


def test_names_that_clients_make_up_do_not_pile_up() -> None:
    keys = KeyBook(1).room("r")
    lamp = keys.product("lamp")
    assert keys.at("sku/lamp") is lamp
    for number in range(10_000):
        keys.product(f"x{number}")
    assert len(keys._pools) <= 4_096
    assert keys.product("lamp").pool == lamp.pool


@given(payment=text, amount=st.integers(0, 2**60))
def test_what_is_owed_survives_the_store(payment: str, amount: int) -> None:
    owed = Owed("00-x", "CNY", amount, payment)
    assert Owed.decode(owed.member.encode()) == owed
