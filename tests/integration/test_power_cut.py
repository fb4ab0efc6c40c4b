"""Power cuts under full load: what a buyer was told is in store and ledger, whatever the disk lost.

The store is killed at a random instant while buyers order as fast as they are answered, and all that it had
not synced is taken away (tests/power.py); once the whole server goes with it. MIAODAN_TEST_SEED replays.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import psutil
import pytest
from redis.asyncio import Redis
from websockets.exceptions import WebSocketException

from schemas.codes import OrderStatus
from server.orders.keys import KeyBook
from server.orders.records import StoredOrder, decode_stored
from server.settings import OrderSettings
from server.valkey import connect, embedded_url
from tests.depth import rounds
from tests.integration.test_main_job import live_room
from tests.live_server import Client, Event, LiveServer, host, product, running, viewer
from tests.power import PowerLine, kill_nine

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]

CUTS = rounds(3, 6)
BUYERS = 16
AGAIN = {"unknown_outcome", "unavailable", "rate_limited", "payment_failed"}
SEED = int(os.environ.get("MIAODAN_TEST_SEED", "0")) or time.time_ns() % 1_000_000


class Buyer:
    """Orders without a pause, asks again what got no answer, and remembers what it was told."""

    def __init__(self, server: LiveServer, name: str) -> None:
        self._server, self._name = server, name
        self.told: dict[str, Event] = {}

    async def shop(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with viewer(self._server, "r", self._name, open_timeout=5) as socket:
                    while not stop.is_set():
                        number += await self._once(socket, number)
            await asyncio.sleep(0.05)  # a gateway may be coming back

    async def _once(self, socket: Client, number: int) -> int:
        """1 when the request has its answer, 0 to ask again with the same one."""
        request = f"{self._name}-{number}"
        reply = await socket.ask("order.place", request_id=request, sku="A1", pay=number % 8 == 0)
        if reply["type"] == "order.accepted":
            order = reply["order"]
            known = self.told.get(order["order"])
            assert known is None or known["version"] <= order["version"], "told of an older state"
            self.told[order["order"]] = order
            return 1
        assert reply["code"] in AGAIN, reply
        if reply["code"] != "payment_failed":
            await asyncio.sleep(0.02)
        return 0


@contextlib.asynccontextmanager
async def store_of(server: LiveServer) -> AsyncIterator[Redis]:
    client = connect(embedded_url(server.data_dir), name="checker")
    try:
        yield client
    finally:
        await client.aclose()


async def records(server: LiveServer, orders: set[str]) -> dict[str, StoredOrder | None]:
    """What the store has of them."""
    book = KeyBook(OrderSettings().partitions)
    found = {}
    async with store_of(server) as store:
        for order in orders:
            partition = book.of_order(order)
            assert partition is not None, order
            record = cast("bytes | None", await store.get(partition.order(order)))
            found[order] = decode_stored(record) if record is not None else None
    return found


def cut_the_store(server: LiveServer, power: PowerLine) -> int:
    """The supervisor sees it once the disk is as the cut left it. Bytes lost."""
    (store, *_) = server.children("valkey-server")
    os.kill(server.pid, signal.SIGSTOP)
    try:
        kill_nine(store)
        return power.cut(server.data_dir / "store")
    finally:
        os.kill(server.pid, signal.SIGCONT)


def pull_the_plug(server: LiveServer, power: PowerLine) -> int:
    """Everything dies at once. Bytes lost."""
    os.kill(server.pid, signal.SIGSTOP)  # so that nobody is started again meanwhile
    kill_nine(psutil.Process(server.pid))
    server.kill()
    return power.cut(server.data_dir / "store")


async def rewrite(server: LiveServer) -> None:
    """Let the store begin a new append-only file, base and increment."""
    async with store_of(server) as store:
        await store.bgrewriteaof()


async def test_nothing_acknowledged_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"MIAODAN_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    power = PowerLine(tmp_path)
    for name, value in power.environment.items():
        monkeypatch.setenv(name, value)
    with running(tmp_path / "data", limits__orders_per_second=0, limits__commands_per_second=0) as server:
        server.create_room("r")
        async with host(server, "r") as control:
            await live_room(control, product("A1", stock=1_000_000))
        buyers = [Buyer(server, f"b{number}") for number in range(BUYERS)]
        stop = asyncio.Event()
        shopping = [asyncio.create_task(buyer.shop(stop)) for buyer in buyers]
        lost = 0
        for cut in range(CUTS):
            await told_more(buyers, shopping, 200)
            if cut % 2:
                await rewrite(server)
            await asyncio.sleep(chance.uniform(0, 0.3))  # the instant is the dice's
            if cut == CUTS - 1:
                lost += await asyncio.to_thread(pull_the_plug, server, power)
                await asyncio.to_thread(server.start)
            else:
                lost += await asyncio.to_thread(cut_the_store, server, power)
            await compare(server, buyers)
        await told_more(buyers, shopping, 50)
        stop.set()
        await asyncio.gather(*shopping)
        await compare(server, buyers)
        await compare_ledger(server, buyers)
        assert len(list((server.data_dir / "store" / "appendonlydir").iterdir())) >= 3
        print(f"{sum(len(buyer.told) for buyer in buyers)} orders told, {lost} bytes lost in {CUTS} cuts")


async def told_more(buyers: list[Buyer], shopping: list[asyncio.Task[None]], more: int) -> None:
    wanted = sum(len(buyer.told) for buyer in buyers) + more
    async with asyncio.timeout(60):
        while sum(len(buyer.told) for buyer in buyers) < wanted:
            for task in shopping:
                assert not task.done(), task.result()
            await asyncio.sleep(0.01)


async def compare(server: LiveServer, buyers: list[Buyer]) -> None:
    """Each acknowledgement with the store, once it serves again."""
    await asyncio.to_thread(server.wait_ready)
    told = {order: event for buyer in buyers for order, event in buyer.told.items()}
    found = await records(server, set(told))
    for order, event in told.items():
        record = found[order]
        assert record is not None, f"{order} was acknowledged and is gone"
        assert record.version >= event["version"] and record.request_id == event["request_id"]
        if event["status"] == "paid":
            assert record.status is OrderStatus.PAID, f"{order} was told paid"


async def compare_ledger(server: LiveServer, buyers: list[Buyer]) -> None:
    """Each acknowledgement with the ledger, and the audit, once it has caught up."""
    told = {order: event for buyer in buyers for order, event in buyer.told.items()}
    async with asyncio.timeout(60):
        while True:  # what a killed consumer had taken is taken over after 10 s
            ledger = {row["order"]: row for row in await asyncio.to_thread(server.ledger_orders, "r")}
            if all(ledger.get(order, {"version": 0})["version"] >= e["version"] for order, e in told.items()):
                break
            await asyncio.sleep(0.1)
        while (await asyncio.to_thread(server.audit))[0]:
            pass
    requests = [row["request_id"] for row in ledger.values()]
    assert len(set(requests)) == len(requests), "one request, one order"
