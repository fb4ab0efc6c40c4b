"""`miaodan ledger parked` over a real outbox and ledger."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from redis.asyncio import Redis

from schemas.codes import OrderStatus
from server.cli import main
from server.orders.audit import audit
from server.orders.consumer import LedgerConsumer
from server.orders.entries import decode_entry
from server.orders.ledger import Ledger
from tests.orders.shop import ROOM, SETTINGS, Shop
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio


def parked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["ledger", "parked", *arguments])


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """The flags that say where the ledger is."""
    if request.param == "sqlite":
        return ("--data-dir", str(tmp_path))
    server: Postgres = request.getfixturevalue("postgres")
    return ("--database-url", server.url(server.new_database()))


def url(place: tuple[str, ...]) -> str:
    return place[1] if place[0] == "--database-url" else f"sqlite:///{place[1]}/ledger.db"


async def spoil(store: Redis, place: tuple[str, ...]) -> tuple[str, list[str]]:
    """An order of a Miaodan to come, whose records know one field more, and an entry that is nothing.

    The order's id, and the ids of the parked entries.
    """
    shop = Shop(store)
    ledger = Ledger(url(place))
    await shop.mount(stock=5)
    order = await shop.order(pay=True)
    stream = shop.service.book.room(ROOM).partition.outbox
    [*_, (last, fields)] = cast("list[Any]", await store.xrange(stream))
    await store.xdel(stream, last)
    await store.xadd(stream, {**fields, b"later": b"[]"})
    await store.xadd(stream, {b"o": b"\xff"})
    await LedgerConsumer(store, ledger, SETTINGS).drain()
    assert (await ledger.history(order.order))[-1][1] is OrderStatus.RESERVED
    ids = [f"{one.stream}/{one.entry}" for one in await ledger.parked()]
    assert len(ids) == 2 and (await audit(store, ledger, SETTINGS)).parked >= 2
    await ledger.stop()
    await shop.stop()
    return order.order, ids


async def paid(place: tuple[str, ...], order: str) -> bool:
    ledger = Ledger(url(place))
    found = await ledger.order(order)
    await ledger.stop()
    return found is not None and found.status is OrderStatus.PAID


async def in_thread(*arguments: str) -> Result:
    """The command runs a loop of its own."""
    return await asyncio.to_thread(parked, *arguments)


async def test_looked_at_retried_and_dropped(
    store: Redis, place: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    order, (unknown, broken) = await spoil(store, place)
    listed = await in_thread("list", *place)
    assert listed.exit_code == 0
    entries = json.loads(listed.stdout)
    assert [entry["id"] for entry in entries] == [unknown, broken]
    assert entries[0]["error"].startswith("unexpected fields") and '"paid"' in entries[0]["fields"]["o"]

    still = await in_thread("retry", *place, "all")
    assert (still.exit_code, still.stdout) == (1, "[]\n")
    assert f"{unknown} stays parked: unexpected fields" in still.stderr
    assert len(json.loads((await in_thread("list", *place)).stdout)) == 2
    assert not await paid(place, order)

    with monkeypatch.context() as upgraded:  # a Miaodan that knows the field
        upgraded.setattr(
            "server.processes.parking.decode_entry",
            lambda fields: decode_entry({name: fields[name] for name in fields.keys() - {b"later"}}),
        )
        written = await in_thread("retry", *place, unknown)
    assert written.exit_code == 0 and json.loads(written.stdout)[0]["id"] == unknown
    assert await paid(place, order)

    dropped = await in_thread("drop", *place, broken)
    assert dropped.exit_code == 0 and json.loads(dropped.stdout)[0]["id"] == broken
    assert json.loads((await in_thread("list", *place)).stdout) == []


async def test_an_id_that_is_not_parked_changes_nothing(store: Redis, place: tuple[str, ...]) -> None:
    _, ids = await spoil(store, place)
    for command in ("retry", "drop"):
        refused = await in_thread(command, *place, ids[0], "{p01}:outbox/1-0")
        assert refused.exit_code == 1 and "no entry '{p01}:outbox/1-0' is parked" in refused.stderr
    assert len(json.loads((await in_thread("list", *place)).stdout)) == 2


def test_where_there_is_no_ledger(tmp_path: Path) -> None:
    result = parked("list", "--data-dir", str(tmp_path / "none"))
    assert result.exit_code == 1 and "holds no ledger" in result.stderr
    assert not (tmp_path / "none").exists()
