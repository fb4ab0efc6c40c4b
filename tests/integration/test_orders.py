"""Orders through sockets: one request is one order, the window is the store's, nothing is oversold."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.integration.test_main_job import live_room
from tests.live_server import LiveServer, host, product, viewer

pytestmark = pytest.mark.anyio


async def test_the_same_request_from_two_sockets_at_once_is_one_order(server: LiveServer, room: str) -> None:
    async with (
        host(server, room) as control,
        viewer(server, room, "ann") as one,
        viewer(server, room, "ann") as two,
    ):
        await live_room(control, product("A1", stock=50), product("B2"))
        for number in range(20):
            request = f"r{number}"
            replies = await asyncio.gather(
                one.ask("order.place", request_id=request, sku="A1"),
                two.ask("order.place", request_id=request, sku="A1"),
            )
            assert len({reply["order"]["order"] for reply in replies}) == 1
            assert sorted(reply["replayed"] for reply in replies) == [False, True]
        mismatch = await one.ask("order.place", request_id="r0", sku="B2")
        assert mismatch["code"] == "request_mismatch"
        quantity = await two.ask("order.place", request_id="r0", sku="A1", quantity=2)
        assert quantity["code"] == "request_mismatch"
        mine = await one.ask("order.get", request_id="r0")
        assert mine["order"]["quantity"] == 1
    async with viewer(server, room, "bob") as bob:
        other = await bob.ask("order.place", request_id="r0", sku="B2")
        assert other["type"] == "order.accepted", "another user's request ids are their own"


async def test_the_window_is_the_stores(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1"))
        await control.ask("sale.schedule", sku="A1", price=1, stock=10, starts_in_ms=600, duration_ms=900)
        sale = (await ann.wait_for("sale.scheduled"))["sale"]["sale"]
        assert (await ann.ask("order.place", request_id="a", sale=sale))["code"] == "not_open"
        await ann.wait_for("sale.started")
        assert (await ann.ask("order.place", request_id="b", sale=sale))["type"] == "order.accepted"
        ended = await ann.wait_for("sale.ended")
        assert ended["reason"] == "time"
        assert (await ann.ask("order.place", request_id="c", sale=sale))["code"] == "sale_ended"
        status, snapshot = server.get(f"/api/v1/rooms/{room}")
        assert status == 200 and snapshot["products"][0]["available"] == 99
        assert snapshot["sales"][0]["phase"] == "ended"


async def test_limits_and_stock_hold_under_a_race(server: LiveServer, room: str) -> None:
    async with host(server, room) as control:
        await live_room(control, product("A1", stock=30, per_user_limit=2))

        async def buy(number: int) -> list[str]:
            async with viewer(server, room, f"u{number}") as buyer:
                replies = [
                    await buyer.ask("order.place", request_id=f"r{turn}", sku="A1") for turn in range(3)
                ]
                return [reply.get("code", "accepted") for reply in replies]

        outcomes = await asyncio.gather(*(buy(number) for number in range(25)))
    counts = Counter(word for outcome in outcomes for word in outcome)
    assert counts["accepted"] == 30
    assert set(counts) <= {"accepted", "sold_out", "limit_exceeded"}
    assert all(outcome.count("accepted") <= 2 for outcome in outcomes)


async def test_cancelling_gives_the_unit_back_to_everybody(server: LiveServer, room: str) -> None:
    async with (
        host(server, room) as control,
        viewer(server, room, "ann") as ann,
        viewer(server, room, "bob") as bob,
    ):
        await live_room(control, product("A1", stock=1))
        placed = await ann.ask("order.place", request_id="r1", sku="A1")
        assert (await bob.ask("order.place", request_id="r1", sku="A1"))["code"] == "sold_out"
        assert (await bob.ask("order.cancel", order=placed["order"]["order"]))["code"] == "not_found"
        cancelled = await ann.ask("order.cancel", order=placed["order"]["order"])
        assert cancelled["type"] == "order.accepted", cancelled
        assert cancelled["order"]["status"] == "cancelled"
        assert (await bob.ask("order.place", request_id="r2", sku="A1"))["type"] == "order.accepted"
        assert (await ann.ask("order.pay", order=placed["order"]["order"]))["code"] == "conflict"


async def test_orders_need_a_live_room(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await control.ask("product.mount", product=product("A1"))
        assert (await ann.ask("order.place", request_id="a", sku="A1"))["code"] == "not_open"
        await control.ask("room.start")
        await ann.wait_for("room.updated", status="live")
        assert (await ann.ask("order.place", request_id="b", sku="A1"))["type"] == "order.accepted"
        await control.ask("room.pause")
        await ann.wait_for("room.updated", status="paused")
        assert (await ann.ask("order.place", request_id="c", sku="A1"))["code"] == "not_open"
        await control.ask("room.end")
        await ann.wait_for("room.updated", status="ended")
        assert (await ann.ask("order.place", request_id="d", sku="A1"))["code"] == "sale_ended"
        again = await ann.ask("order.place", request_id="b", sku="A1")
        assert again["type"] == "order.accepted" and again["replayed"], "a stored outcome stays known"


async def test_a_declined_payment_keeps_the_hold(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "declined-dora") as dora:
        await live_room(control, product("A1"))
        refused = await dora.ask("order.place", request_id="r1", sku="A1", pay=True)
        assert refused["code"] == "payment_failed" and refused["order"]
        kept = await dora.ask("order.get", request_id="r1")
        assert kept["order"]["status"] == "reserved" and kept["order"]["order"] == refused["order"]


async def test_unknown_things_have_names(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control)
        assert (await ann.ask("order.place", request_id="a", sku="nope"))["code"] == "not_found"
        assert (await ann.ask("order.place", request_id="b", sale="nope"))["code"] == "not_found"
        neither = await ann.ask("order.place", request_id="c")
        assert (neither["code"], neither["field"]) == ("invalid", "sku")
        assert (await ann.ask("order.get", order="00-" + "0" * 32))["code"] == "not_found"
        assert (await ann.ask("order.get"))["code"] == "invalid"
        assert (await ann.ask("order.pay", order="x"))["code"] == "not_found"
