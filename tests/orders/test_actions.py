"""The audit trail of control commands: written through the outbox, its loss counted."""

from __future__ import annotations

import json

import pytest
from redis.exceptions import ConnectionError as Gone

from schemas.codes import Role
from schemas.commands import OrderShip, ProductUpdate, RoomStart
from server.orders.actions import Act, action_row
from server.orders.consumer import LedgerConsumer
from server.orders.ledger import Ledger
from server.orders.metrics import ACTIONS
from tests.orders.shop import ROOM, SETTINGS, Shop, accepted

pytestmark = pytest.mark.anyio


def counted(result: str) -> float:
    return float(ACTIONS.labels(result)._value.get())


def test_a_row_has_the_command_as_it_was_sent() -> None:
    row = action_row("r", Act("h1", Role.HOST, ProductUpdate(id=9, sku="tea", price=5, image=None)), 7)
    assert (row.room, row.actor, row.role, row.action, row.at) == ("r", "h1", "host", "product.update", 7)
    assert json.loads(row.details) == {"type": "product.update", "sku": "tea", "price": 5, "image": None}


async def test_it_reaches_the_ledger_and_is_read_page_by_page(shop: Shop, ledger: Ledger) -> None:
    before = counted("written")
    for number in range(5):
        actor = f"h{number}"
        await shop.service.actions.record(ROOM, Act(actor, Role.OPERATOR, RoomStart(id=number)))
    await shop.service.actions.record("another", Act("x", Role.HOST, RoomStart()))
    assert counted("written") == before + 6
    await LedgerConsumer(shop.store, ledger, SETTINGS).drain()
    first = await ledger.actions(ROOM, limit=3)
    rest = await ledger.actions(ROOM, limit=3, cursor=first.cursor)
    assert [action.actor for action in first.actions + rest.actions] == ["h4", "h3", "h2", "h1", "h0"]
    assert first.actions[0].role is Role.OPERATOR and rest.cursor is None
    with pytest.raises(ValueError, match="cursor"):
        await ledger.actions(ROOM, cursor="nonsense")


async def test_what_an_order_has_already_leaves_no_row(shop: Shop, ledger: Ledger) -> None:
    await shop.mount()
    order = await shop.order(pay=True)
    for _ in range(2):
        accepted(await shop.manage(OrderShip(order=order.order)))
    await LedgerConsumer(shop.store, ledger, SETTINGS).drain()
    (action,) = (await ledger.actions(ROOM)).actions
    assert (action.action, action.actor) == ("order.ship", "host")


async def test_a_row_that_cannot_be_written_is_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object) -> None:
        raise Gone("away")

    monkeypatch.setattr("server.orders.actions.call_script", gone)
    before = counted("lost")
    await shop.service.actions.record(ROOM, Act("h1", Role.HOST, RoomStart()))
    assert counted("lost") == before + 1
