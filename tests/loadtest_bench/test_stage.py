from __future__ import annotations

import socket
from typing import Any

import orjson
import pytest

from loadtest.bench.stage import PRODUCTS, buying, restocking, shelf, talking
from schemas.codecs import JSON
from schemas.commands import OrderPlace, ProductMount, ProductRestock, ProductUpdate, SaleSchedule


def decoded(said: dict[str, Any]) -> object:
    return JSON.decode_control(orjson.dumps({**said, "id": 1}))


def test_the_shelf_is_made_of_commands() -> None:
    commands = [decoded(said) for said in shelf()]
    mounts = [one for one in commands if isinstance(one, ProductMount)]
    assert len({one.product.sku for one in mounts}) == len(mounts) == PRODUCTS
    assert sum(isinstance(one, SaleSchedule) for one in commands) == 1


@pytest.mark.parametrize("number", [0, PRODUCTS + 3])
def test_cues_are_commands_for_what_is_on_the_shelf(number: int) -> None:
    near, far = socket.socketpair()
    with near, far:
        skus = {said["product"]["sku"] for said in shelf() if "product" in said}
        update = decoded(talking(near, 1.0).make(number))
        restock = decoded(restocking(near, 1.0).make(number))
        order = decoded(buying(near, 1.0, "b").make(number))
    assert isinstance(update, ProductUpdate)
    assert isinstance(restock, ProductRestock)
    assert isinstance(order, OrderPlace)
    assert {update.sku, restock.sku, order.sku} <= skus
