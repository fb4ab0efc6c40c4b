"""A PostgreSQL that hangs, dies or is not there yet: sales go on and the ledger catches up."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_main_job import live_room
from tests.live_server import Event, LiveServer, host, product, running, viewer
from tests.postgres import Postgres

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SETTINGS: dict[str, Any] = {
    "limits__orders_per_second": 0,
    "limits__commands_per_second": 0,
    "payments__sandbox_latency_ms": 5,
    "server__drain_ms": 200,
}


class Crowd:
    """Six buyers who order one unit after the other, every second one paid at once."""

    def __init__(self, server: LiveServer, room: str) -> None:
        self._server, self._room = server, room
        self._stop = asyncio.Event()
        self.accepted: dict[str, Event] = {}
        self._tasks = [asyncio.create_task(self._buy(f"b{number}")) for number in range(6)]

    async def _buy(self, name: str) -> None:
        async with viewer(self._server, self._room, name) as socket:
            number = 0
            while not self._stop.is_set():
                number += 1
                reply = await socket.ask(
                    "order.place", request_id=f"{name}-{number}", sku="A1", pay=number % 2 == 0
                )
                assert reply["type"] == "order.accepted", reply
                self.accepted[reply["order"]["order"]] = reply["order"]
                await asyncio.sleep(0.01)

    async def until_more(self, count: int) -> None:
        """`count` more orders were acknowledged."""
        wanted = len(self.accepted) + count
        async with asyncio.timeout(30):
            while len(self.accepted) < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)

    async def stop(self) -> dict[str, Event]:
        """Every acknowledged order, as it was acknowledged."""
        self._stop.set()
        await asyncio.gather(*self._tasks)
        return self.accepted


async def until(server: LiveServer, condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(server.wait_until, condition, what)


def readiness(server: LiveServer, **wanted: bool) -> Callable[[], bool]:
    """/ready is 200 and says so."""

    def look() -> bool:
        status, body = server.get("/ready")
        return status == 200 and body.items() >= wanted.items()

    return look


def gauge(server: LiveServer, name: str) -> float:
    text = server.get("/metrics")[1]
    found = re.search(rf"^miaodan_orders_ledger_{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return float(found[1])


async def all_there(server: LiveServer, room: str, accepted: dict[str, Event]) -> None:
    """Every acknowledged order is in the ledger, at least at the version its buyer was told, and once."""

    def caught_up() -> bool:
        status, _ = server.get(f"/api/v1/orders?room={room}", server.token("op", "operator"))
        if status != 200:
            return False
        found = {order["order"]: order["version"] for order in server.ledger_orders(room)}
        assert found.keys() <= accepted.keys()
        return all(found.get(name, 0) >= order["version"] for name, order in accepted.items())

    await until(server, caught_up, "orders are missing in the ledger")
    await until(server, lambda: gauge(server, "backlog") == 0 == gauge(server, "lag_seconds"), "still behind")


async def test_a_database_that_hangs_and_dies_loses_no_sale(tmp_path: Path, postgres: Postgres) -> None:
    database = postgres.new_database()
    with running(tmp_path / "data", server__database_url=postgres.url(database), **SETTINGS) as server:
        server.create_room("r")
        async with host(server, "r") as control:
            await live_room(control, product("A1", stock=100_000))
        crowd = Crowd(server, "r")
        await crowd.until_more(50)
        postgres.pause()
        try:
            await until(server, readiness(server, degraded=True, ledger=False), "a hanging ledger shows")
            await crowd.until_more(100)
            status, answer = await asyncio.to_thread(server.get, "/api/v1/orders", server.token("b1"))
            assert (status, answer["error"]["code"]) == (503, "unavailable")
            await until(server, lambda: gauge(server, "lag_seconds") > 2, "the lag shows")
            assert gauge(server, "backlog") > 50
        finally:
            postgres.resume()
        await until(server, readiness(server, degraded=False, ledger=True), "it is back")
        await crowd.until_more(50)
        postgres.kill()
        try:
            await until(server, readiness(server, degraded=True), "a dead ledger shows")
            await crowd.until_more(100)
        finally:
            postgres.start()
        await crowd.until_more(50)
        accepted = await crowd.stop()
        assert len(accepted) >= 350
        await all_there(server, "r", accepted)
        assert int(postgres.ask(database, "SELECT count(*) FROM orders")) == len(accepted)
        await until(server, readiness(server, degraded=False), "it is back")
        code, report = await asyncio.to_thread(server.audit)
        assert code == 0 and report["behind"] == 0 == report["parked"], report
        assert postgres.url(database) not in "".join(server.log)
        assert server.stop() == 0


async def bought(server: LiveServer) -> dict[str, Event]:
    crowd = Crowd(server, "r")
    await crowd.until_more(60)
    return await crowd.stop()


async def test_a_database_that_comes_after_the_server(tmp_path: Path, postgres: Postgres) -> None:
    """Whether this store is all there ever was, only the ledger can tell: nothing is sold before it did."""
    database = postgres.new_database()
    postgres.stop()
    server = LiveServer(tmp_path / "data", server__database_url=postgres.url(database), **SETTINGS)
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    try:
        async with asyncio.timeout(40):
            while not server.port:
                await asyncio.sleep(0.02)

        def frozen() -> bool:
            with contextlib.suppress(OSError):
                status, body = server.get("/ready")
                return status == 503 and body["store"] is True is body["frozen"] and body["ledger"] is False
            return False

        await until(server, frozen, "it says that it is frozen")
        server.create_room("r")
        lamp = product("A1", stock=100_000)
        async with host(server, "r") as control:  # to watch and to talk nobody needs the ledger
            await control.ask("room.start")
            reply = await control.ask("product.mount", product=lamp)
            assert (reply["type"], reply.get("code")) == ("error", "unavailable"), reply
            postgres.start()
            await starting
            async with asyncio.timeout(10):
                while reply["type"] != "done":  # a gateway notices within half a second
                    reply = await control.ask("product.mount", product=lamp)
        accepted = await bought(server)
        await all_there(server, "r", accepted)
        await until(server, readiness(server, degraded=False, frozen=False), "it is back")
        assert server.stop() == 0
        postgres.stop()
        server = LiveServer(tmp_path / "data", server__database_url=postgres.url(database), **SETTINGS)
        await asyncio.to_thread(server.start)  # what was seen before is noted: it sells on without the ledger
        accepted |= await bought(server)
        postgres.start()
        await all_there(server, "r", accepted)
        assert server.stop() == 0
    finally:
        server.kill()
        if not postgres.running:
            postgres.start()
        await asyncio.gather(starting, return_exceptions=True)
