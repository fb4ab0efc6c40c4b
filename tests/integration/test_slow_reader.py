"""A stopped reader in a full room: closed with 4001 within its bound, the others do not notice."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import statistics
from pathlib import Path
from typing import cast

import pytest

from tests.integration.test_main_job import live_room
from tests.live_server import Client, LiveServer, client, host, product, running, viewer

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]

VIEWERS = 1_000
ROUNDS = 40
SOFT, HARD = 16 * 1024, 64 * 1024
HELLO = b'{"type":"hello"}'


class Onlooker(asyncio.Protocol):
    """A guest who reads and forgets; `lost` when the server let go of it."""

    def __init__(self, room: str) -> None:
        self._room = room
        self.welcomed = asyncio.Event()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /ws/live/{self._room} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 101"):
            self._transport.write(bytes((0x81, 0x80 | len(HELLO), 0, 0, 0, 0)) + HELLO)
        else:
            self.welcomed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def leave(self) -> None:
        self._transport.abort()


async def full_room(server: LiveServer, room: str, count: int) -> list[Onlooker]:
    loop = asyncio.get_running_loop()
    port = int(server.url.rsplit(":", 1)[1])
    crowd = []
    for _ in range(count):
        _, onlooker = await loop.create_connection(lambda: Onlooker(room), "127.0.0.1", port)
        crowd.append(onlooker)
    async with asyncio.timeout(30):
        for onlooker in crowd:
            await onlooker.welcomed.wait()
    return crowd


def resident(server: LiveServer) -> int:
    return sum(process.memory_info().rss for process in server.children("gateway"))


async def delays(control: Client, watchers: list[Client], rounds: int) -> list[float]:
    """Seconds from a host's command to the last watcher's sight of it, round by round."""
    loop = asyncio.get_running_loop()
    result = []
    for number in range(rounds):
        text = f"{number} " + "大" * 480  # about 1.5 KB a round
        started = loop.time()
        told = asyncio.create_task(control.ask("room.announce", text=text))
        await asyncio.gather(*(watcher.wait_for("room.updated", announcement=text) for watcher in watchers))
        result.append(loop.time() - started)
        assert (await told)["type"] == "done"
    return result


def closed_as_slow(server: LiveServer) -> int:
    for line in str(server.get("/metrics")[1]).splitlines():
        if line.startswith("miaodan_fanout_closed_total") and '"4001"' in line:
            return int(float(line.rsplit(" ", 1)[1]))
    return 0


def deaf_socket(server: LiveServer) -> socket.socket:
    """A connection whose kernel buffer holds next to nothing."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
    raw.setblocking(False)
    return raw


async def test_a_stopped_reader_is_let_go_and_nobody_else_notices(tmp_path: Path) -> None:
    with running(
        tmp_path / "data",
        fanout__soft_mark=SOFT,
        fanout__hard_mark=HARD,
        fanout__socket_buffer=16 * 1024,
        limits__commands_per_second=0,
    ) as server:
        server.create_room("r")
        async with contextlib.AsyncExitStack() as stack:
            control = await stack.enter_async_context(host(server, "r"))
            await live_room(control, product("A1"))
            watchers = [await stack.enter_async_context(viewer(server, "r", f"v{n}")) for n in range(5)]
            crowd = await full_room(server, "r", VIEWERS)
            await delays(control, watchers, 5)
            calm = await delays(control, watchers, ROUNDS)
            before = resident(server)
            stopped = await stack.enter_async_context(
                client(server, "r", max_queue=1, sock=deaf_socket(server))
            )
            await stopped.hello()
            stopped.socket.transport.pause_reading()
            disturbed: list[float] = []
            while closed_as_slow(server) == 0 and len(disturbed) < 8 * ROUNDS:
                disturbed += await delays(control, watchers, 10)
            assert closed_as_slow(server) == 1, "the stopped reader was not let go"
            # Soft and hard mark, and what the two kernels' buffers hold: nothing else piled up.
            told = len(disturbed) * 1_500
            assert told < 3 * (HARD + 64 * 1024), f"let go only after {told} bytes"
            assert resident(server) - before < 8 * 1024 * 1024
            stopped.socket.transport.resume_reading()
            assert await stopped.closed() == 4001
            assert not any(onlooker.lost for onlooker in crowd), "nobody else was closed"
            for onlooker in crowd:
                onlooker.leave()
        calm_p95, disturbed_p95 = (statistics.quantiles(d, n=20)[-1] for d in (calm, disturbed))
        assert disturbed_p95 < 3 * calm_p95 + 0.05, (calm_p95, disturbed_p95)
