"""Shipped, delivered, refunded: over sockets and HTTP, the buyer told of each step, hosts' acts on record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_main_job import live_room
from tests.live_server import Client, Event, LiveServer, host, product, running, viewer

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Approves a refund by itself after half a second."""
    data_dir: Path = tmp_path_factory.mktemp("impatient")
    with running(data_dir, orders__refund_approval_ms=500, limits__orders_per_second=0) as live:
        yield live


async def bought(buyer: Client, request_id: str = "r1", **fields: object) -> str:
    reply = await buyer.ask("order.place", request_id=request_id, sku="A1", pay=True, **fields)
    assert reply["type"] == "order.accepted", reply
    order: str = reply["order"]["order"]
    return order


async def told(buyer: Client, status: str) -> Event:
    """The next news that an order is so."""
    while True:
        order: Event = (await buyer.wait_for("order.updated"))["order"]
        if order["status"] == status:
            return order


async def actions(server: LiveServer, room: str, count: int) -> list[Event]:
    """What was done in the room, oldest first, once the ledger has it."""
    async with asyncio.timeout(10):
        while True:
            path, token = f"/api/v1/rooms/{room}/actions?limit=200", server.token("host", "host")
            status, answer = await asyncio.to_thread(server.get, path, token)
            assert status == 200, answer
            if len(answer["actions"]) >= count:
                return list(reversed(answer["actions"]))
            await asyncio.sleep(0.05)


async def test_the_buyer_asks_and_the_host_approves(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1", stock=5))
        order = await bought(ann)
        assert (await ann.ask("order.ship", order=order))["code"] == "forbidden"
        assert await control.ask("order.ship", order=order) == {"type": "done", "id": 3, "seq": 0}
        assert (await told(ann, "shipped"))["shipped_at"] > 0
        assert (await control.ask("order.deliver", order=order))["type"] == "done"
        await told(ann, "delivered")
        asked = (await ann.ask("order.refund", order=order, reason="a chip"))["order"]
        assert (asked["status"], asked["refunding"], asked["refunded"]) == ("refunding", 9900, 0)
        assert asked["refund_due_at"] > asked["shipped_at"] + 3_600_000
        declined = await control.ask("refund.decline", order=order, reason="a photograph, please")
        assert declined["type"] == "done"
        back = await told(ann, "delivered")
        assert back["reason"] == "a photograph, please" and "refunding" not in back
        await ann.ask("order.refund", order=order, amount=900, request_id="again")
        assert (await control.ask("refund.approve", order=order))["type"] == "done"
        part = await told(ann, "delivered")
        assert part["refunded"] == 900
        late = await control.ask("refund.approve", order=order)
        assert late["code"] == "conflict" and not any(
            event["type"] == "order.updated" for event in control.events
        )
        lone = await ann.ask("order.refund", order=order, amount=900)
        assert (lone["code"], lone["field"]) == ("invalid", "request_id")
        assert (await control.ask("order.ship", order="nobody's"))["code"] == "not_found"
    done = await actions(server, room, 6)
    assert [action["action"] for action in done] == [
        "room.start",
        "product.mount",
        "order.ship",
        "order.deliver",
        "refund.decline",
        "refund.approve",
    ]
    assert {(action["actor"], action["role"]) for action in done} == {("host", "host")}


async def test_time_approves(impatient: LiveServer) -> None:
    impatient.create_room("soon")
    async with host(impatient, "soon") as control, viewer(impatient, "soon", "ann") as ann:
        await live_room(control, product("A1", stock=5))
        order = await bought(ann, quantity=2)
        await control.ask("order.ship", order=order)
        asked = (await ann.ask("order.refund", order=order))["order"]
        assert asked["status"] == "refunding"
        over = await told(ann, "refunded")
        assert over["refunded"] == over["amount"] == 19800
        board = await control.wait_for("dashboard", orders={"reserved": 0, "paid": 0, "refunded": 1})
        assert board["revenue"] == 0
        assert board["products"]["A1"] == {"sold": 0, "held": 0, "available": 3}
    code, report = await asyncio.to_thread(impatient.audit)
    assert code == 0, report
    assert report["owed_returns"] == 0


async def test_back_office_systems_do_the_same_over_http(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1", stock=5))
        order = await bought(ann)
        operator, seller = server.token("erp", "operator"), server.token("host", "host")
        buyer, eve = server.token("ann"), server.token("eve")

        async def post(what: str, token: str | None, body: object = None) -> tuple[int, Event]:
            path = f"/api/v1/orders/{order}/{what}"
            return await asyncio.to_thread(server.request, "POST", path, body, token)

        assert (await post("ship", None))[0] == 401
        assert (await post("ship", eve))[0] == 404
        assert (await post("ship", buyer))[0] == 403
        assert (await post("refund/approve", server.token("mod", "moderator")))[0] == 404
        status, shipped = await post("ship", operator)
        assert (status, shipped["status"]) == (200, "shipped")
        assert (await post("ship", seller))[1] == shipped, "once"
        assert (await post("deliver", seller))[1]["status"] == "delivered"
        assert (await post("refund", buyer, {"amount": 5}))[1]["error"]["field"] == "request_id"
        part = {"amount": 5, "request_id": "one", "reason": "late"}
        assert (await post("refund", buyer, part))[1]["refunding"] == 5
        assert (await post("refund/decline", seller))[1]["error"]["code"] == "invalid"
        status, back = await post("refund/decline", seller, {"reason": "it was not"})
        assert (status, back["status"], back["reason"]) == (200, "delivered", "it was not")
        assert (await post("refund", buyer, {"amount": 6, "request_id": "two"}))[0] == 200
        assert (await post("refund/approve", operator))[1]["refunded"] == 6
        status, mismatch = await post("refund", buyer, {"amount": 7, "request_id": "two"})
        assert (status, mismatch["error"]["code"]) == (409, "request_mismatch")
        status, rest = await post("refund", seller, {"reason": "an old customer"})
        assert (status, rest["status"], rest["refunded"]) == (200, "refunded", 9900)
        assert (await told(ann, "refunded"))["reason"] == "an old customer"
        path = f"/api/v1/rooms/{room}/actions"
        assert (await asyncio.to_thread(server.get, path, buyer))[0] == 403
        assert (await asyncio.to_thread(server.get, path + "?cursor=x", operator))[0] == 400
    done = await actions(server, room, 7)
    assert [(action["actor"], action["action"]) for action in done[2:]] == [
        ("erp", "order.ship"),
        ("host", "order.deliver"),
        ("host", "refund.decline"),
        ("erp", "refund.approve"),
        ("host", "order.refund"),
    ]
    assert done[2]["details"] == {"type": "order.ship", "order": order}
    assert done[4]["details"] == {"type": "refund.decline", "order": order, "reason": "it was not"}
