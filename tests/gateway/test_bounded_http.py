"""What plain HTTP may cost: bodies that never come, answers nobody reads, requests without end, rubbish."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.gateway import metrics
from server.gateway import server as bounds
from server.gateway.server import MAX_PIPELINED, GatewayServer, configure
from server.ops.logs import Seldom

pytestmark = pytest.mark.anyio
BODY = b"x" * 200_000


async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    while (await receive()).get("more_body"):
        pass
    body = BODY if scope["path"] == "/large" else b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[GatewayServer, int]]:
    """The server and its port."""

    async def nothing() -> None:
        return

    for name in ("HEAD_SECONDS", "BODY_SECONDS", "UNREAD_SECONDS"):
        patch.setattr(bounds, name, 0.2)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    server = GatewayServer(configure(application, "warning"), nothing)
    task = asyncio.get_running_loop().create_task(server._serve([listener]))
    try:
        while not server.started:
            assert not task.done()
            await asyncio.sleep(0.005)
        yield server, listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
            logging.getLogger(name).setLevel(logging.NOTSET)


async def is_cut(port: int, data: bytes) -> bool:
    """Whether the server ends the connection within ten seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        async with asyncio.timeout(10):
            await reader.read()
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    finally:
        writer.close()
    return True


async def is_cut_unread(server: GatewayServer, port: int, data: bytes) -> bool:
    """The same for one who reads nothing: seen at the server, the end lies behind what is unread."""
    loop = asyncio.get_running_loop()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.setblocking(False)
        await loop.sock_connect(line, ("127.0.0.1", port))
        await loop.sock_sendall(line, data)
        try:
            async with asyncio.timeout(5):
                while not server.server_state.connections:
                    await asyncio.sleep(0.001)
                while server.server_state.connections:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return False
        return True


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("data", [POST, GET + POST, b"GET / HT"], ids=["body", "second body", "head"])
async def test_a_request_that_does_not_come_to_its_end(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    async with serving(monkeypatch) as (_, port):
        assert await is_cut(port, data)


@pytest.mark.parametrize("closing", [False, True])
async def test_an_answer_that_nobody_reads(monkeypatch: pytest.MonkeyPatch, closing: bool) -> None:
    request = LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") if closing else LARGE
    async with serving(monkeypatch) as (server, port):
        assert await is_cut_unread(server, port, request)


async def test_too_many_requests_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as (_, port):
        monkeypatch.setattr(bounds, "UNREAD_SECONDS", 60)
        assert await is_cut(port, GET * (MAX_PIPELINED + 2))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET * MAX_PIPELINED)
        async with asyncio.timeout(10):
            for _ in range(MAX_PIPELINED):
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(2) == b"ok"
        writer.close()


async def test_rubbish_is_counted_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[int] = []
    monkeypatch.setattr(bounds.log, "warning", lambda event, connections: said.append(connections))
    monkeypatch.setattr(bounds, "_malformed", Seldom(60))
    before = metrics.MALFORMED._value.get()
    async with serving(monkeypatch) as (_, port):
        for _ in range(20):
            assert await is_cut(port, b"\x16\x03\x01\x02\x00\r\n\r\n")
    assert metrics.MALFORMED._value.get() - before == 20
    assert said == [1] and not caplog.records
