"""Payments that the sandbox does not decide at once, or never tells of: the buyer hears of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.test_main_job import live_room
from tests.live_server import Client, Event, LiveServer, host, product, viewer
from tests.sandbox.running import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
async def psp(server: LiveServer, anyio_backend: str) -> AsyncIterator[Sandbox]:
    one = Sandbox.beside(server)
    yield one
    await one.ask("DELETE", "/v1/behaviour")
    await one.close()


async def until_paid(buyer: Client, order: str) -> Event:
    while True:
        update = await buyer.wait_for("order.updated")
        if update["order"]["order"] == order and update["order"]["status"] == "paid":
            found: Event = update["order"]
            return found


@pytest.mark.parametrize("drop", [0, 1], ids=["notices", "no notice"])
async def test_a_pending_payment_is_told_once_it_is_decided(
    server: LiveServer, room: str, psp: Sandbox, drop: int
) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1", stock=5))
        await psp.behave(pending=1, pending_ms=300, drop=drop)
        reply = await ann.ask("order.place", request_id="r1", sku="A1", pay=True)
        assert (reply["type"], reply["order"]["status"]) == ("order.accepted", "reserved")
        async with asyncio.timeout(20):
            paid = await until_paid(ann, reply["order"]["order"])
        assert paid["version"] == 2
        (payment,) = [entry for entry in await psp.book() if entry["order"] == paid["order"]]
        assert (payment["status"], payment["refunded"]) == ("captured", 0)


async def test_a_pending_payment_that_is_declined_is_told_too(
    server: LiveServer, room: str, psp: Sandbox
) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1", stock=5))
        await psp.behave(pending=1, pending_ms=300, drop=1, decline=1)
        reply = await ann.ask("order.place", request_id="r1", sku="A1", pay=True)
        order = reply["order"]["order"]
        if reply["type"] == "order.accepted":
            async with asyncio.timeout(20):
                error = await ann.wait_for("error")
            assert (error["code"], error["order"]) == ("payment_failed", order)
        await psp.behave(pending=0, drop=0, decline=0)
        paid = await ann.ask("order.pay", order=order)
        assert (paid["type"], paid["order"]["status"]) == ("order.accepted", "paid")


async def test_a_payment_whose_answers_are_all_lost(server: LiveServer, room: str, psp: Sandbox) -> None:
    """Every second request fails, half of them after it was carried out, and no notice comes."""
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1", stock=50))
        await psp.behave(fail=0.5, drop=1)
        orders = []
        for number in range(10):
            reply = await ann.ask("order.place", request_id=f"r{number}", sku="A1", pay=True)
            assert reply.get("code", "unknown_outcome") == "unknown_outcome", reply
            found = await ann.ask("order.get", request_id=f"r{number}")
            orders.append(found["order"]["order"])
        await psp.behave(fail=0, drop=1)
        async with asyncio.timeout(30):
            for order in orders:
                while (await ann.ask("order.get", order=order))["order"]["status"] != "paid":
                    await asyncio.sleep(0.1)
        book = await psp.book()
        for order in orders:
            (payment,) = [entry for entry in book if entry["order"] == order]
            assert (payment["status"], payment["refunded"]) == ("captured", 0)
