"""The store of a running server loses everything: nothing is sold twice, and nobody's order is forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from server.valkey import connect, embedded_url
from tests.integration.test_main_job import live_room
from tests.live_server import Client, Event, host, product, running, viewer
from tests.sandbox.running import Sandbox, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def until_accepted(socket: Client, **order: object) -> tuple[Event, list[Event]]:
    """The order, and every refusal before it."""
    refusals: list[Event] = []
    async with asyncio.timeout(40):
        while True:
            reply = await socket.ask("order.place", **order)
            if reply["type"] == "order.accepted":
                return reply["order"], refusals
            refusals.append(reply)
            await asyncio.sleep(0.01)


async def test_a_store_emptied_under_a_running_server(tmp_path: Path) -> None:
    with running(tmp_path / "data", limits__orders_per_second=0, limits__commands_per_second=0) as server:
        server.create_room("r")
        async with host(server, "r") as control:
            await live_room(control, product("A1", stock=10))
        async with viewer(server, "r", "ann") as ann, viewer(server, "r", "bob") as bob:
            paid = (await ann.ask("order.place", request_id="one", sku="A1", pay=True))["order"]
            assert paid["status"] == "paid"
            held = (await bob.ask("order.place", request_id="two", sku="A1", quantity=2))["order"]

            def written() -> bool:
                found = {order["order"]: order["status"] for order in server.ledger_orders("r")}
                return found == {paid["order"]: "paid", held["order"]: "reserved"}

            await asyncio.to_thread(server.wait_until, written, "the ledger has both")
            store = connect(embedded_url(tmp_path / "data"), name="vandal")
            await store.flushall()
            await store.aclose()
            third, refusals = await until_accepted(ann, request_id="three", sku="A1", quantity=7)
            assert refusals, "the loss was noticed"
            assert {reply["code"] for reply in refusals} <= {"unavailable", "unknown_outcome"}, refusals
            assert any(reply.get("retry_after_ms") for reply in refusals)
            over = await bob.ask("order.place", request_id="four", sku="A1")
            assert over["code"] == "sold_out", "one sold, two held, seven held: that is all there is"
            again = await ann.ask("order.place", request_id="one", sku="A1", pay=True)
            assert again["order"]["order"] == paid["order"] and again["order"]["status"] == "paid"
            found = await bob.ask("order.get", request_id="two")
            assert found["order"]["order"] == held["order"]
            assert (await bob.ask("order.pay", order=held["order"]))["order"]["status"] == "paid"
        assert server.get("/ready")[1]["frozen"] is False
        async with asyncio.timeout(30):
            while (await asyncio.to_thread(server.audit))[0]:
                await asyncio.sleep(0.2)
        code, report = await asyncio.to_thread(server.audit)
        assert code == 0 and (report["total"], report["held"], report["sold"]) == (10, 7, 3), report
        assert third["quantity"] == 7
        assert server.stop() == 0


async def test_emptied_while_everybody_pays(tmp_path: Path) -> None:
    """Money that is under way meets an order that is gone for a moment, and waits for it: afterwards the
    provider keeps one payment of each order that is paid, and nothing else."""
    with running(tmp_path / "data", limits__orders_per_second=0, limits__commands_per_second=0) as server:
        server.create_room("r")
        async with host(server, "r") as control:
            await live_room(control, product("A1", stock=10_000))
        psp = Sandbox.beside(server)
        stopped = asyncio.Event()

        async def buy(name: str) -> int:
            async with viewer(server, "r", name) as buyer:
                number = 0
                while not stopped.is_set():
                    number += 1
                    await buyer.ask("order.place", request_id=f"r{number}", sku="A1", pay=True)
            return number

        buying = [asyncio.create_task(buy(f"b{number}")) for number in range(12)]
        # What the ledger has not read is gone with the store; a product is read before its orders.
        known = "the ledger has the product"
        await asyncio.to_thread(server.wait_until, lambda: bool(server.ledger_orders("r")), known)
        store = connect(embedded_url(tmp_path / "data"), name="vandal")
        for _ in range(3):
            before = len(await psp.book())
            async with asyncio.timeout(40):
                while len(await psp.book()) < before + 20:
                    await asyncio.sleep(0.02)
            await store.flushall()
        await store.aclose()
        stopped.set()
        assert min(await asyncio.gather(*buying)) > 1

        async def proven() -> bool:
            kept = Counter(
                entry["order"]
                for entry in await psp.book()
                if entry["status"] == "captured" and entry["refunded"] < entry["amount"]
            )
            orders = await asyncio.to_thread(server.ledger_orders, "r")
            paid = Counter(order["order"] for order in orders if order["status"] == "paid")
            return kept == paid and (await asyncio.to_thread(server.audit))[0] == 0

        await until(proven, 60)
        await psp.close()
