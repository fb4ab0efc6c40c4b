"""The main job through real sockets: mount, watch, count down, buy, pay, see the stock fall."""

from __future__ import annotations

import asyncio

import pytest

from tests.live_server import Client, LiveServer, client, host, product, viewer

pytestmark = pytest.mark.anyio

SEQUENCED = {"room.updated", "product.mounted", "product.pinned"}


async def live_room(control: Client, *products: dict[str, object]) -> None:
    assert (await control.ask("room.start"))["type"] == "done"
    if not any(event.get("status") == "live" for event in control.events):
        await control.wait_for("room.updated", status="live")  # told here, it is known here
    for item in products:
        reply = await control.ask("product.mount", product=item)
        assert reply["type"] == "done", reply


async def test_a_whole_evening(server: LiveServer, room: str) -> None:
    async with (
        host(server, room) as control,
        viewer(server, room, "ann") as ann,
        viewer(server, room, "bob") as bob,
    ):
        await live_room(control, product("A1", stock=3))
        for watcher in (ann, bob):
            assert (await watcher.wait_for("room.updated"))["status"] == "live"
            assert (await watcher.wait_for("product.mounted"))["product"]["available"] == 3
        await control.ask("product.pin", sku="A1")
        assert (await bob.wait_for("product.pinned"))["sku"] == "A1"
        scheduled = await control.ask(
            "sale.schedule", sku="A1", price=100, stock=2, starts_in_ms=700, duration_ms=60_000
        )
        assert scheduled["type"] == "done", scheduled
        sale = (await ann.wait_for("sale.scheduled"))["sale"]
        assert (sale["price"], sale["available"], sale["phase"]) == (100, 2, "scheduled")
        early = await ann.ask("order.place", request_id="early", sale=sale["sale"])
        assert early["code"] == "not_open"
        await ann.wait_for("sale.started", sale=sale["sale"])
        bought = await ann.ask("order.place", request_id="r1", sale=sale["sale"], pay=True)
        assert bought["type"] == "order.accepted", bought
        assert (bought["order"]["status"], bought["order"]["amount"]) == ("paid", 100)
        stock = await bob.wait_for("room.state")
        while sale["sale"] not in stock.get("stock", {}) or stock["stock"][sale["sale"]] != 1:
            stock = await bob.wait_for("room.state")
        held = await bob.ask("order.place", request_id="r1", sale=sale["sale"])
        assert held["order"]["status"] == "reserved"
        await bob.wait_for("sale.sold_out", sale=sale["sale"])
        late = await bob.ask("order.place", request_id="r2", sale=sale["sale"])
        assert late["code"] == "sold_out"
        paid = await bob.ask("order.pay", order=held["order"]["order"])
        assert paid["order"]["status"] == "paid" and paid["order"]["version"] > held["order"]["version"]
        refunded = await bob.ask("order.refund", order=held["order"]["order"], reason="changed my mind")
        assert refunded["order"]["status"] in ("refunding", "refunded"), refunded


async def test_everybody_hears_the_same_sequence(server: LiveServer, room: str) -> None:
    async with (
        host(server, room) as control,
        viewer(server, room, "v") as json_viewer,
        client(server, room, subprotocols=["miaodan.v1.json"]) as guest,
    ):
        await guest.hello()
        await live_room(control, *(product(f"P{number}") for number in range(5)))
        last = await control.ask("room.announce", text="hello 大家好")
        for watcher in (json_viewer, guest):
            await watcher.wait_for("room.updated", announcement="hello 大家好")
            heard = [event["seq"] for event in watcher.events if event["type"] in SEQUENCED]
            assert heard == list(range(1, last["seq"] + 1))


async def test_danmaku_reaches_everybody_and_only_the_allowed(server: LiveServer, room: str) -> None:
    async with (
        host(server, room) as control,
        viewer(server, room, "ann") as ann,
        viewer(server, room, "bob") as bob,
        client(server, room) as guest,
    ):
        await guest.hello()
        said = await ann.ask("danmaku.send", text="  你好\x00 <b>\u202eworld</b>\u200b \n")
        assert said["type"] == "danmaku.accepted"
        for watcher in (ann, bob, guest, control):
            heard = await watcher.wait_for("danmaku")
            assert (heard["message"], heard["text"], heard["user"]["id"]) == (
                said["message"],
                "你好 <b>world</b>",
                "ann",
            )
        assert (await guest.ask("danmaku.send", text="hi"))["code"] == "unauthorized"
        unseen = await ann.ask("danmaku.send", text="\u200b\x07" * 100)
        assert (unseen["code"], unseen["field"]) == ("invalid", "text")
        assert (await bob.ask("danmaku.send", text="Bad\u200bWORD"))["code"] == "blocked_words"
        assert (await bob.ask("danmaku.send", text="   "))["field"] == "text"
        await control.ask("viewer.mute", user="ann", duration_ms=60_000, reason="loud")
        assert (await ann.wait_for("muted"))["reason"] == "loud"
        muted = await ann.ask("danmaku.send", text="still here")
        # The room's clock is the store's, which the gateway knows to a few milliseconds.
        assert muted["code"] == "muted" and 0 < muted["retry_after_ms"] <= 60_050
        await control.ask("viewer.unmute", user="ann")
        assert (await ann.wait_for("muted"))["until"] == 0
        assert (await ann.ask("danmaku.send", text="thanks"))["type"] == "danmaku.accepted"
        await control.ask("danmaku.recall", message=said["message"])
        assert (await bob.wait_for("danmaku.recalled"))["message"] == said["message"]


async def test_a_kick_is_told_closes_and_lasts(server: LiveServer, room: str) -> None:
    async with host(server, room) as control:
        async with viewer(server, room, "troll") as troll:
            await control.ask("viewer.kick", user="troll", reason="spam")
            assert (await troll.wait_for("kicked"))["reason"] == "spam"
            assert await troll.closed() == 4502
        async with client(server, room) as back:
            await back.send({"type": "hello", "token": server.token("troll")})
            assert await back.closed() == 4502


async def test_a_mute_is_kept_across_a_reconnect(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann"):
        await control.ask("viewer.mute", user="ann")
    async with viewer(server, room, "ann") as again:
        assert (await again.wait_for("muted"))["until"] is None, "told before a word was tried"
        assert (await again.ask("danmaku.send", text="hi"))["code"] == "muted"


async def test_order_updates_reach_the_buyer_on_their_new_socket(server: LiveServer, room: str) -> None:
    async with host(server, room) as control:
        await live_room(control, product("A1"))
        async with viewer(server, room, "ann") as first:
            placed = await first.ask("order.place", request_id="r1", sku="A1")
        async with viewer(server, room, "ann") as second, viewer(server, room, "ann") as third:
            await third.ask("order.pay", order=placed["order"]["order"])
            updated = await second.wait_for("order.updated")
            assert updated["order"]["status"] == "paid"
        async with client(server, room) as fourth:
            welcome = await fourth.hello(server.token("ann"))
            found = await fourth.ask("order.get", request_id="r1")
            assert found["order"]["status"] == "paid"
            assert [order["order"] for order in welcome["orders"]] in ([], [placed["order"]["order"]])


async def test_the_dashboard_counts(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1", stock=10))
        await ann.ask("order.place", request_id="r1", sku="A1", quantity=2, pay=True)
        await ann.ask("order.place", request_id="r2", sku="A1")
        async with asyncio.timeout(10):
            while True:
                board = await control.wait_for("dashboard")
                if board["products"].get("A1") == {"sold": 2, "held": 1, "available": 7}:
                    break
        assert board["revenue"] == 2 * 9900
        assert board["orders"]["paid"] == 1 and board["online"] >= 1
        await control.ask("sale.schedule", sku="A1", price=100, stock=3, starts_in_ms=0, duration_ms=60_000)
        sale = (await ann.wait_for("sale.started"))["sale"]
        await ann.ask("order.place", request_id="r3", sale=sale, pay=True)
        async with asyncio.timeout(10):
            while board["products"].get(sale, {}).get("sold") != 1:
                board = await control.wait_for("dashboard")
        assert board["products"]["A1"] == {"sold": 3, "held": 1, "available": 4}
        assert board["revenue"] == 2 * 9900 + 100


async def test_the_ledger_shows_orders_to_whom_they_concern(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1"))
        placed = (await ann.ask("order.place", request_id="r1", sku="A1", pay=True))["order"]
    async with asyncio.timeout(10):
        while not any(o["status"] == "paid" for o in server.ledger_orders(room)):
            await asyncio.sleep(0.05)
    order = placed["order"]
    own = server.get(f"/api/v1/orders/{order}", server.token("ann"))
    assert own[0] == 200 and own[1]["amount"] == 9900 and own[1]["room"] == room
    assert server.get(f"/api/v1/orders/{order}", server.token("bob"))[0] == 404
    assert server.get(f"/api/v1/orders/{order}", server.token("host", "host"))[0] == 200
    assert server.get(f"/api/v1/orders/{order}", server.token("stranger", "host"))[0] == 404
    assert server.get(f"/api/v1/orders?room={room}", server.token("stranger", "host"))[0] == 403
    listed = server.get("/api/v1/orders?status=paid", server.token("ann"))[1]
    assert order in [entry["order"] for entry in listed["orders"]]
    assert server.get("/api/v1/orders")[0] == 401


async def test_a_long_reason_kicks_every_socket_and_keeps_the_user_out(server: LiveServer, room: str) -> None:
    async with host(server, room) as control:
        async with viewer(server, room, "troll") as one, viewer(server, room, "troll") as two:
            done = await control.ask("viewer.kick", user="troll", reason="秒" * 66)
            assert done["type"] == "done"
            assert (await one.closed(), await two.closed()) == (4502, 4502)
        async with client(server, room) as back:
            await back.send({"type": "hello", "token": server.token("troll")})
            assert await back.closed() == 4502


async def test_a_kick_during_the_hello_is_not_lost(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "keeps-it-open"):
        for number in range(25):
            async with client(server, room) as late:
                await late.send({"type": "hello", "token": server.token(f"late{number}")})
                assert (await control.ask("viewer.kick", user=f"late{number}"))["type"] == "done"
                assert await late.closed() == 4502
