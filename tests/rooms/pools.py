"""Buying, as far as the room tests need it: the real orders on the test's store."""

from __future__ import annotations

import asyncio
from itertools import count

from schemas.commands import OrderPlace
from schemas.models import Order
from server.orders.service import OrderService, Outcome

_requests = count()


async def buy(
    orders: OrderService, room: str, *, sku: str | None = None, sale: str | None = None, quantity: int = 1
) -> Order:
    """A new buyer's order of `quantity` units, held."""
    number = next(_requests)
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    request = OrderPlace(request_id=f"q{number}", sku=sku, sale=sale, quantity=quantity)
    orders.place(room, f"buyer{number}", request, "CNY", answer.set_result)
    outcome = await asyncio.wait_for(answer, 5)
    assert outcome.order is not None, outcome
    return outcome.order
