"""A stopped reader in a full room: closed with 4001 within its bound, the others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.integration.test_main_job import live_room
from tests.live_server import Client, LiveServer, client, host, product, running, viewer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

VIEWERS = 200
ROUNDS = 60
SOFT, HARD = 16 * 1024, 128 * 1024


def resident(server: LiveServer) -> int:
    return sum(process.memory_info().rss for process in server.children("--role"))


async def delays(control: Client, watchers: list[Client], rounds: int) -> list[float]:
    """Seconds from a host's command to the last watcher's sight of it, round by round."""
    loop = asyncio.get_running_loop()
    result = []
    for number in range(rounds):
        text = f"{number} " + "x" * 480
        started = loop.time()
        told = asyncio.create_task(control.ask("room.announce", text=text))
        await asyncio.gather(*(watcher.wait_for("room.updated", announcement=text) for watcher in watchers))
        result.append(loop.time() - started)
        assert (await told)["type"] == "done"
    return result


async def test_a_stopped_reader_is_let_go_and_nobody_else_notices(tmp_path: Path) -> None:
    with running(
        tmp_path / "data",
        fanout__soft_mark=SOFT,
        fanout__hard_mark=HARD,
        fanout__socket_buffer=16 * 1024,
        fanout__slow_timeout_ms=3_000,
        limits__commands_per_second=0,
    ) as server:
        server.create_room("r")
        async with contextlib.AsyncExitStack() as stack:
            control = await stack.enter_async_context(host(server, "r"))
            await live_room(control, product("A1"))
            watchers = [await stack.enter_async_context(viewer(server, "r", f"v{n}")) for n in range(5)]
            crowd = [
                await stack.enter_async_context(connect(f"{server.ws}/ws/live/r", compression=None))
                for _ in range(VIEWERS)
            ]
            for socket in crowd:
                await socket.send('{"type":"hello"}')
            reading = [asyncio.create_task(_swallow(socket)) for socket in crowd]
            await delays(control, watchers, 5)
            calm = await delays(control, watchers, ROUNDS)
            before = resident(server)
            stopped = await stack.enter_async_context(client(server, "r", max_queue=1))
            await stopped.hello()
            stopped.socket.transport.pause_reading()
            disturbed = await delays(control, watchers, ROUNDS)
            server.wait_until(lambda: _closed_as_slow(server) == 1, "the stopped reader was not let go", 30)
            assert resident(server) - before < 8 * 1024 * 1024
            stopped.socket.transport.resume_reading()
            assert await stopped.closed() in (4001, 1006), "1006: it did not read on in time"
            assert statistics.median(disturbed) < 3 * statistics.median(calm) + 0.05
            for task in reading:
                assert not task.done(), "nobody else was closed"
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)


async def _swallow(socket: object) -> None:
    async for _ in socket:  # type: ignore[attr-defined]
        pass


def _closed_as_slow(server: LiveServer) -> int:
    text = str(server.get("/metrics")[1])
    for line in text.splitlines():
        if line.startswith("miaodan_fanout_closed_total") and '"4001"' in line:
            return int(float(line.rsplit(" ", 1)[1]))
    return 0
