"""Paying through sockets with the real sandbox: at once, once, and also when it was killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.orders.signatures import sign
from server.trust.tokens import WEBHOOK_KEY_FILE, load_key
from tests.integration.test_main_job import live_room
from tests.integration.test_recovery import another
from tests.live_server import Client, Event, LiveServer, host, product, running, viewer
from tests.sandbox.running import NOTHING, Sandbox, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

TAP_TO_PAID = 1.5
"""Seconds, promised for the sandbox with its latency as it is by default."""


@pytest.fixture
async def psp(server: LiveServer, anyio_backend: str) -> AsyncIterator[Sandbox]:
    """The sandbox beside the server of this session."""
    one = Sandbox.beside(server)
    yield one
    await one.ask("DELETE", "/v1/behaviour")
    await one.close()


async def bought(buyer: Client, request: str) -> Event:
    """Paid, if need be after asking again."""
    async with asyncio.timeout(60):
        while True:
            reply = await buyer.ask("order.place", request_id=request, sku="A1", pay=True)
            if reply["type"] == "order.accepted" and reply["order"]["status"] == "paid":
                order: Event = reply["order"]
                return order
            assert reply.get("code", "unknown_outcome") in ("unknown_outcome", "payment_failed"), reply
            await asyncio.sleep(0.05)


async def payments_of(psp: Sandbox, orders: list[str]) -> dict[str, list[Event]]:
    """What the provider's book has for each order."""
    book = await psp.book()
    return {order: [entry for entry in book if entry["order"] == order] for order in orders}


async def test_tap_to_paid(server: LiveServer, room: str, psp: Sandbox) -> None:
    assert (await psp.get("/v1/behaviour"))["latency_ms"] == 50
    taps = []
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1"))
        orders = []
        for number in range(9):
            tapped = time.monotonic()
            orders.append(await bought(ann, f"r{number}"))
            taps.append(time.monotonic() - tapped)
        assert statistics.median(taps) <= TAP_TO_PAID, taps
    kept = await payments_of(psp, [order["order"] for order in orders])
    for order in orders:
        (payment,) = kept[order["order"]]
        assert (payment["status"], payment["refunded"]) == ("captured", 0)
        assert (payment["amount"], payment["currency"]) == (order["amount"], order["currency"])


async def test_its_notices_are_taken(server: LiveServer, room: str, psp: Sandbox) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1"))
        before = await psp.get("/v1/notices")
        await psp.behave(duplicate=1, reorder=0.5)
        for number in range(5):
            await bought(ann, f"r{number}")

        async def taken() -> bool:
            now = await psp.get("/v1/notices")
            return bool(now["posted"] == before["posted"] + 10 and now["waiting"] == 0)

        await until(taken)
        assert (await ann.ask("order.get", request_id="r0"))["order"]["status"] == "paid"


async def test_a_refusal_keeps_the_hold(server: LiveServer, room: str, psp: Sandbox) -> None:
    async with host(server, room) as control, viewer(server, room, "declined-dora") as dora:
        await live_room(control, product("A1"))
        reply = await dora.ask("order.place", request_id="r1", sku="A1", pay=True)
        assert (reply["code"], reply["message"]) == ("payment_failed", "the card was declined")
        order = (await dora.ask("order.get", request_id="r1"))["order"]
        assert order["status"] == "reserved"
        (payment,) = (await payments_of(psp, [order["order"]]))[order["order"]]
        assert payment["status"] == "declined"


async def test_what_costs_nothing(server: LiveServer, room: str, psp: Sandbox) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1", price=0))
        await psp.behave(fail=1)
        tapped = await ann.ask("order.place", request_id="r1", sku="A1", pay=True)
        held = await ann.ask("order.place", request_id="r2", sku="A1")
        paid = await ann.ask("order.pay", order=held["order"]["order"])
        for reply in (tapped, paid):
            assert (reply["type"], reply["order"]["status"], reply["order"]["amount"]) == (
                "order.accepted",
                "paid",
                0,
            )
        given_back = await ann.ask("order.refund", order=paid["order"]["order"], reason="")
        assert given_back["order"]["status"] == "refunded"
    kept = await payments_of(psp, [tapped["order"]["order"], held["order"]["order"]])
    assert list(kept.values()) == [[], []]


async def test_a_notice_about_another_order(server: LiveServer, room: str, psp: Sandbox) -> None:
    """The payment is not decided yet when it is told of, signed, as another order's."""
    secret = load_key(server.data_dir, WEBHOOK_KEY_FILE).encode()

    def tell(event: str, order: str, payment: str) -> tuple[int, Event]:
        notice = {
            "event": f"{room}-{event}",
            "order": order,
            "payment": payment,
            "status": "captured",
            "amount": 9900,
            "currency": "CNY",
        }
        body = json.dumps(notice).encode()
        return server.request(
            "POST", "/api/v1/payments/webhook", body, Miaodan_Signature=sign(body, secret, int(time.time()))
        )

    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1"))
        await psp.behave(pending=1, pending_ms=1_000, drop=1)
        first = (await ann.ask("order.place", request_id="r1", sku="A1", pay=True))["order"]["order"]
        second = (await ann.ask("order.place", request_id="r2", sku="A1"))["order"]["order"]
        (payment,) = (await payments_of(psp, [first]))[first]
        for event, order in (("early", second), ("nobody-yet", second[:-1] + "x")):
            status, answer = await asyncio.to_thread(tell, event, order, payment["payment"])
            assert (status, answer["result"]) == (200, "refused")
        async with asyncio.timeout(30):
            while (await ann.ask("order.get", order=first))["order"]["status"] != "paid":
                await asyncio.sleep(0.05)
        for event, order in (("late", second), ("nobody", second[:-1] + "x")):
            status, answer = await asyncio.to_thread(tell, event, order, payment["payment"])
            assert (status, answer["result"]) == (200, "refused")
            assert answer["reason"] == f"the payment belongs to order {first}"
        assert (await ann.ask("order.get", order=second))["order"]["status"] == "reserved"
    (payment,) = (await payments_of(psp, [first]))[first]
    assert (payment["status"], payment["refunded"]) == ("captured", 0)


async def test_killed_while_everybody_pays(tmp_path: Path) -> None:
    """It is started again where it was, with its book, and nobody has paid twice."""
    with running(tmp_path / "data", limits__orders_per_second=0, payments__sandbox_latency_ms=5) as server:
        server.create_room("r")
        async with host(server, "r") as control:
            await live_room(control, product("A1", stock=1_000))
        psp = Sandbox.beside(server)
        orders: list[Event] = []

        async def buy(name: str) -> None:
            async with viewer(server, "r", name) as buyer:
                for number in range(12):
                    orders.append(await bought(buyer, f"r{number}"))

        buying = [asyncio.create_task(buy(f"b{number}")) for number in range(10)]
        for share in (20, 50, 80):
            async with asyncio.timeout(60):
                while len(orders) < share:
                    await asyncio.sleep(0.005)
            (process,) = server.children("sandbox-psp")
            process.kill()
            await asyncio.to_thread(
                server.wait_until, another(server, "sandbox-psp", process.pid), "it did not come back"
            )
        await asyncio.gather(*buying)
        kept = await payments_of(psp, [order["order"] for order in orders])
        assert Counter(len(payments) for payments in kept.values()) == {1: 120}
        for order in orders:
            (payment,) = kept[order["order"]]
            assert (payment["status"], payment["refunded"]) == ("captured", 0)
            assert payment["amount"] == order["amount"]

        async def all_told() -> bool:
            counts = await psp.get("/v1/notices")
            return bool(counts["waiting"] == 0 and counts["posted"] == len(await psp.book()))

        await until(all_told, 60)
        await psp.close()


async def test_a_provider_of_ones_own(tmp_path: Path) -> None:
    """`payments.provider` is a URL: `serve` runs none beside itself, and uses that one."""
    data = tmp_path / "data"
    psp = Sandbox(data)
    psp.start()
    psp.kill()  # its port and its key are known now
    try:
        with running(data, payments__provider=psp.url) as server:
            assert server.children("sandbox-psp") == []
            assert not any("payments are pretended" in line for line in server.log)
            server.create_room("r")
            async with host(server, "r") as control, viewer(server, "r", "ann") as ann:
                await live_room(control, product("A1"))
                reply = await ann.ask("order.place", request_id="r1", sku="A1", pay=True)
                assert reply["code"] == "unknown_outcome", "nobody is there"
                psp.tell(f"{server.url}/api/v1/payments/webhook")
                psp.start()
                order = await bought(ann, "r1")
                assert [entry["order"] for entry in await psp.book()] == [order["order"]]

                async def posted() -> bool:
                    return await psp.get("/v1/notices") == {**NOTHING, "posted": 1}

                await until(posted)
    finally:
        await psp.close()
