"""The ledger's arrears as the benchmark reads them, on a real store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from loadtest.bench.arrears import GROUP, PARTITIONS, Arrears, apart, partition_of
from loadtest.bench.store import BareStore, StoreFailed
from server.orders.keys import KeyBook
from server.settings import OrderSettings
from server.valkey import EmbeddedValkey


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[BareStore]:
    embedded = EmbeddedValkey(tmp_path)
    embedded.start()
    with closing(BareStore(embedded.url.removeprefix("unix://"))) as store:
        yield store
    embedded.stop()


def test_rooms_apart_are_where_the_server_has_them() -> None:
    book = KeyBook(OrderSettings().partitions)
    rooms = apart("room", PARTITIONS)
    assert [book.room(room).partition.number for room in rooms] == [partition_of(room) for room in rooms]
    assert len({partition_of(room) for room in rooms}) == PARTITIONS == OrderSettings().partitions
    with pytest.raises(ValueError, match="17 rooms"):
        apart("room", 17)


def test_what_is_not_taken_and_what_is_not_acknowledged(bare: BareStore) -> None:
    stream = f"{{p{partition_of('r'):02d}}}:outbox"
    arrears = Arrears(bare, ["r"])
    bare.ask("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
    assert arrears.seconds() == 0
    first = int(time.time() * 1000) - 5_000
    bare.ask("XADD", stream, f"{first}-0", "o", "[]")
    assert 4.9 < arrears.seconds() < 60
    bare.ask("XREADGROUP", "GROUP", GROUP, "c", "STREAMS", stream, ">")
    assert 4.9 < arrears.seconds() < 60, "taken, not written"
    with pytest.raises(StoreFailed, match="behind"):
        arrears.wait_until_none(0.1)
    bare.ask("XACK", stream, GROUP, f"{first}-0")
    assert arrears.seconds() == 0
    arrears.wait_until_none(0.1)


def test_no_group_is_no_zero(bare: BareStore) -> None:
    with pytest.raises(StoreFailed):
        Arrears(bare, ["r"]).seconds()
