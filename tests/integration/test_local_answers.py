"""Refusals that a gateway gives by itself, through real sockets: right, short-lived, and never to a buyer."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_main_job import live_room
from tests.live_server import Client, LiveServer, host, product, running, viewer

pytestmark = pytest.mark.anyio

STORE_TIMEOUT_MS = 150
GRACE_SECONDS = 2 * STORE_TIMEOUT_MS / 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Two gateways; somebody who came is known after a third of a second."""
    with running(
        tmp_path_factory.mktemp("local"),
        workers=2,
        limits__orders_per_second=0,
        limits__commands_per_second=0,
        gateway__sockets_per_user=8,
        orders__store_timeout_ms=STORE_TIMEOUT_MS,
        orders__local_ms=500,
    ) as live:
        yield live


def local_answers(server: LiveServer, reason: str) -> float:
    """Counters are handed on once a second."""
    _, text = server.get("/metrics")
    found = re.search(rf'miaodan_orders_local_total{{reason="{reason}"}} (\S+)', text)
    return float(found[1]) if found else 0.0


async def refuse_locally(server: LiveServer, buyer: Client, reason: str, **order: str) -> dict[str, object]:
    """Try, with new requests, until the gateway has answered by itself; the last refusal."""
    before = local_answers(server, reason)
    async with asyncio.timeout(20):
        for number in range(100_000):
            reply = await buyer.ask("order.place", request_id=f"{reason}-{number}", **order)
            assert reply.get("code") == reason, reply
            if number % 50 == 49 and local_answers(server, reason) > before:
                return reply
    raise AssertionError("unreachable")


async def test_a_unit_that_came_back_is_sold_at_once(server: LiveServer) -> None:
    server.create_room("back")
    async with (
        host(server, "back") as control,
        viewer(server, "back", "ann") as ann,
        viewer(server, "back", "bob") as bob,
    ):
        await live_room(control, product("A1", stock=1))
        held = await bob.ask("order.place", request_id="one", sku="A1")
        await refuse_locally(server, ann, "sold_out", sku="A1")
        again = await bob.ask("order.place", request_id="one", sku="A1")
        assert again["replayed"] and again["order"]["order"] == held["order"]["order"]
        ann.events.clear()
        await bob.ask("order.cancel", order=held["order"]["order"])
        while (await ann.wait_for("room.state")).get("stock", {}).get("A1") != 1:
            pass
        reply = await ann.ask("order.place", request_id="mine", sku="A1")
        assert reply["type"] == "order.accepted", reply


async def test_a_sale_opens_for_those_who_were_told_to_wait(server: LiveServer) -> None:
    server.create_room("opens")
    async with host(server, "opens") as control, viewer(server, "opens", "ann") as ann:
        await live_room(control, product("A1"))
        await control.ask("sale.schedule", sku="A1", price=1, stock=1, starts_in_ms=3_000, duration_ms=60_000)
        sale = (await ann.wait_for("sale.scheduled"))["sale"]["sale"]
        reply = await refuse_locally(server, ann, "not_open", sale=sale)
        wait = reply["retry_after_ms"]
        assert isinstance(wait, int) and 0 < wait <= 3_000
        await ann.wait_for("sale.started")
        accepted = await ann.ask("order.place", request_id="now", sale=sale)
        assert accepted["type"] == "order.accepted", accepted


async def test_a_request_is_repeated_on_any_socket_of_any_gateway(server: LiveServer) -> None:
    server.create_room("repeat")
    async with contextlib.AsyncExitStack() as stack:
        control = await stack.enter_async_context(host(server, "repeat"))
        await live_room(control, product("A1", stock=1))
        anns = [await stack.enter_async_context(viewer(server, "repeat", "ann")) for _ in range(8)]
        bobs = [await stack.enter_async_context(viewer(server, "repeat", "bob")) for _ in range(8)]
        await asyncio.sleep(GRACE_SECONDS)  # it is time that makes them known
        order = (await anns[0].ask("order.place", request_id="one", sku="A1"))["order"]["order"]
        for one in (*anns, *bobs):  # the message that shows the stock says who has bought
            while (await one.wait_for("room.state")).get("stock", {}).get("A1") != 0:
                pass
        for bob in bobs:
            await refuse_locally(server, bob, "sold_out", sku="A1")
        replies = await asyncio.gather(*(one.ask("order.place", request_id="one", sku="A1") for one in anns))
        assert {reply["order"]["order"] for reply in replies if "order" in reply} == {order}
        assert all(reply.get("replayed") for reply in replies), replies


async def test_who_reconnects_is_asked_for(server: LiveServer, tmp_path: Path) -> None:
    server.create_room("reconnect")
    async with host(server, "reconnect") as control, viewer(server, "reconnect", "bob") as bob:
        await live_room(control, product("A1", stock=1))
        async with viewer(server, "reconnect", "ann") as ann:
            order = (await ann.ask("order.place", request_id="one", sku="A1"))["order"]["order"]
        await refuse_locally(server, bob, "sold_out", sku="A1")
        async with viewer(server, "reconnect", "ann") as ann:
            for _ in range(20):
                reply = await ann.ask("order.place", request_id="one", sku="A1")
                assert reply["replayed"] and reply["order"]["order"] == order
