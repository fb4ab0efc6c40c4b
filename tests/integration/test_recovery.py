"""kill -9 of each part during a sale: the service comes back by itself and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.integration.test_main_job import live_room
from tests.live_server import Client, Event, LiveServer, client, host, product, running, viewer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

STOCK = 200
OTHERS = [pytest.param(part, marks=pytest.mark.campaign) for part in ("backoffice", "sandbox-psp")]
"""Killed in every run of the chaos tool too."""
FINAL = {"sold_out", "limit_exceeded", "sale_ended"}


class Buyer:
    """Orders until told to stop, comes back when cut off, asks again for what it does not know."""

    def __init__(self, server: LiveServer, room: str, name: str) -> None:
        self._server, self._room, self._name = server, room, name
        self.accepted: dict[str, Event] = {}
        self.sold_out = False

    async def shop(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set() and not self.sold_out:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with viewer(self._server, self._room, self._name, open_timeout=5) as socket:
                    while not stop.is_set() and not self.sold_out:
                        reply = await self._once(socket, f"{self._name}-{number}")
                        number += reply
            await asyncio.sleep(0.05)

    async def _once(self, socket: Client, request: str) -> int:
        """1 when the request has a final answer, 0 to ask again with the same one."""
        reply = await socket.ask("order.place", request_id=request, sku="A1", pay=True)
        if reply["type"] == "order.accepted":
            self.accepted[reply["order"]["order"]] = reply["order"]
            await asyncio.sleep(0.01)
            return 1
        self.sold_out = reply["code"] == "sold_out"
        if reply["code"] in FINAL:
            return 1
        assert reply["code"] in ("unknown_outcome", "unavailable", "rate_limited", "payment_failed"), reply
        await asyncio.sleep(0.05)
        return 0


def another(server: LiveServer, part: str, pid: int) -> Callable[[], bool]:
    return lambda: any(process.pid != pid for process in server.children(part))


async def sell_out_while(server: LiveServer, room: str, disturb: str) -> list[Buyer]:
    """Twelve buyers empty the shelf while one part is killed twice."""
    server.create_room(room)
    async with host(server, room) as control:
        await live_room(control, product("A1", stock=STOCK))
    buyers = [Buyer(server, room, f"b{number}") for number in range(12)]
    stop = asyncio.Event()
    shopping = [asyncio.create_task(buyer.shop(stop)) for buyer in buyers]
    for share in (STOCK // 5, STOCK // 2):
        async with asyncio.timeout(60):
            while sum(len(buyer.accepted) for buyer in buyers) < share:
                await asyncio.sleep(0.01)
        (victim, *_) = server.children(disturb)
        victim.kill()
        await asyncio.to_thread(
            server.wait_until, another(server, disturb, victim.pid), "it did not come back"
        )
        await asyncio.to_thread(server.wait_ready)
    async with asyncio.timeout(60):
        await asyncio.gather(*shopping)
    return buyers


@pytest.mark.parametrize(
    "part",
    [
        "gateway",
        "valkey",
        *(pytest.param(part, marks=pytest.mark.campaign) for part in ("backoffice", "sandbox-psp")),
    ],
)
async def test_kill_nine_during_a_sale(tmp_path: Path, part: str) -> None:
    with running(
        tmp_path / "data", limits__orders_per_second=0, payments__sandbox_latency_ms=5, server__drain_ms=200
    ) as server:
        buyers = await sell_out_while(server, "r", part)
        accepted = {order for buyer in buyers for order in buyer.accepted}
        assert len(accepted) <= STOCK
        async with asyncio.timeout(30):
            while True:
                ledger = {order["order"]: order for order in server.ledger_orders("r")}
                # Told paid, and paid it is; what a killed consumer had taken is taken over after 10 s.
                if all(ledger.get(order, {}).get("status") == "paid" for order in accepted):
                    break
                await asyncio.sleep(0.1)
        held_or_paid = [o for o in ledger.values() if o["status"] in ("reserved", "paid")]
        assert len(held_or_paid) == STOCK, "every unit found a buyer, none found two"
        # A later version may be in the ledger while an earlier one still waits for that takeover.
        async with asyncio.timeout(30):
            while (await asyncio.to_thread(server.audit))[0]:
                pass
        code, report = server.audit()
        assert code == 0, report
        assert server.stop() == 0


async def test_a_sale_opens_and_ends_once_across_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "data", server__drain_ms=100) as server:
        server.create_room("r")
        async with host(server, "r") as control:
            await live_room(control, product("A1", stock=9))
            await control.ask("sale.schedule", sku="A1", price=1, stock=4, starts_in_ms=300, duration_ms=1500)
            sale = (await control.wait_for("sale.scheduled"))["sale"]
            seq = control.events[-1]["seq"]
            epoch = control.events[0]["epoch"]
        assert server.stop() == 0
        await asyncio.sleep(max(0.0, sale["ends_at"] / 1000 - time.time()))  # it ends while nobody is there
        server.start()
        async with client(server, "r") as back:
            await back.hello(server.token("ann"), {"epoch": epoch, "seq": seq})
            ended = await back.wait_for("sale.ended")
            phases = [event["type"] for event in back.events if event["type"].startswith("sale.")]
            assert phases == ["sale.started", "sale.ended"] and ended["reason"] == "time"
        assert server.get("/api/v1/rooms/r")[1]["products"][0]["available"] == 9
        assert server.audit()[0] == 0


async def test_sigterm_tells_viewers_to_come_back_and_keeps_everything(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=2) as server:
        assert len(server.children("gateway")) >= 2
        server.create_room("r")
        async with host(server, "r") as control:
            await live_room(control, product("A1"))
        async with viewer(server, "r", "ann") as ann:
            placed = await ann.ask("order.place", request_id="r1", sku="A1")
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            assert await ann.closed() == 4000
            assert await stopping == 0
        server.start()
        async with viewer(server, "r", "ann") as ann:
            found = await ann.ask("order.get", request_id="r1")
            assert found["order"]["order"] == placed["order"]["order"]
        assert server.audit()[0] == 0


async def test_two_workers_tell_the_same_story(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=2, limits__danmaku_per_second=0) as server:
        server.create_room("r")
        async with contextlib.AsyncExitStack() as stack:
            control = await stack.enter_async_context(host(server, "r"))
            viewers = [await stack.enter_async_context(viewer(server, "r", f"v{n}")) for n in range(16)]
            await live_room(control, product("A1", stock=1))
            accepted = await asyncio.gather(
                *(v.ask("order.place", request_id="r", sku="A1") for v in viewers)
            )
            assert (
                sorted(reply.get("code", "accepted") for reply in accepted)
                == ["accepted"] + ["sold_out"] * 15
            )
            said = await viewers[0].ask("danmaku.send", text="all of you")
            for watcher in viewers:
                assert (await watcher.wait_for("danmaku"))["message"] == said["message"]
                assert [e["seq"] for e in watcher.events if "seq" in e and e["type"] != "welcome"] == [1, 2]


async def test_a_room_goes_on_talking_after_the_store_came_back(tmp_path: Path) -> None:
    with running(tmp_path / "data", limits__danmaku_per_second=0) as server:
        server.create_room("r")
        async with viewer(server, "r", "ann") as ann, viewer(server, "r", "bob") as bob:
            (store, *_) = server.children("valkey-server")
            store.kill()
            for number in range(5):
                await ann.ask("danmaku.send", text=f"into the void {number}")
            await asyncio.to_thread(
                server.wait_until, another(server, "valkey-server", store.pid), "no store"
            )
            await asyncio.to_thread(server.wait_ready)
            async with asyncio.timeout(20):
                heard = None
                while heard is None:
                    said = await ann.ask("danmaku.send", text="and back")
                    with contextlib.suppress(TimeoutError):
                        heard = await bob.wait_for("danmaku", message=said["message"], seconds=1)
            done = None
            async with asyncio.timeout(20):
                while done is None:  # who comes in the moment before is told to come back
                    with contextlib.suppress(ConnectionClosed):
                        async with host(server, "r") as control:
                            done = await control.ask("room.announce", text="still here")
            assert done["type"] == "done"
            assert (await bob.wait_for("room.updated"))["announcement"] == "still here"


def test_a_second_serve_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        second = subprocess.run(
            [sys.executable, "-m", "server", "serve", "--port", "0", "--data-dir", str(server.data_dir)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert second.returncode != 0
        assert str(server.pid) in second.stderr and "in use" in second.stderr
        assert "Traceback" not in second.stderr
        assert server.get("/ready")[0] == 200


async def test_viewers_of_a_killed_gateway_come_back_with_a_resume(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        server.create_room("r")
        async with client(server, "r") as ann:
            welcome = await ann.hello(server.token("ann"))
            (gateway, *_) = server.children("gateway")
            gateway.kill()
            with pytest.raises(ConnectionClosed):
                async with asyncio.timeout(10):
                    while True:
                        await ann.socket.recv()
        await asyncio.to_thread(server.wait_ready)
        async with client(server, "r") as back:
            again = await back.hello(server.token("ann"), {"epoch": welcome["epoch"], "seq": welcome["seq"]})
            assert again["recovered"] is True
