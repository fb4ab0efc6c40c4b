"""SIGTERM among viewers who do not read: the gateway goes by itself, in time, without a word of trouble."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.raw_socket import CLOSE, FIN
from tests.live_server import LiveServer, running

pytestmark = pytest.mark.anyio
REQUEST = (
    b"GET /ws/live/r HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
HELLO = b'{"type":"hello"}'
PING = b'{"type":"ping","id":1,"client_time":1}'


def frame(payload: bytes, first: int = 0x81) -> bytes:
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


@contextlib.asynccontextmanager
async def stopped_reader(server: LiveServer) -> AsyncIterator[socket.socket]:
    """Asks until the server takes no more, and reads nothing."""
    loop = asyncio.get_running_loop()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.setblocking(False)
        await loop.sock_connect(line, ("127.0.0.1", server.port))
        for said, answer in ((REQUEST, b"\r\n\r\n"), (frame(HELLO), b"welcome")):
            await loop.sock_sendall(line, said)
            heard = b""
            async with asyncio.timeout(10):
                while answer not in heard:
                    heard += await loop.sock_recv(line, 65536)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                await loop.sock_sendall(line, frame(PING) * 5_000)
        yield line


@pytest.mark.parametrize("preframed", [True, False])
async def test_a_stopped_reader_does_not_hold_up_the_drain(tmp_path: Path, preframed: bool) -> None:
    with running(
        tmp_path, server__drain_ms=200, gateway__preframed=preframed, limits__commands_per_second=0
    ) as server:
        server.create_room("r")
        async with stopped_reader(server), stopped_reader(server) as closing:
            with contextlib.suppress(BlockingIOError):
                closing.send(frame(b"\x03\xe8", FIN | CLOSE))
            assert await asyncio.to_thread(server.stop) == 0
        log = "".join(server.log)
        assert "killed" not in log and "SIGKILL" not in log, log
        assert "Cancel" not in log and "Traceback" not in log and "[error" not in log, log
