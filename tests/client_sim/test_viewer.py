"""The asyncio shell against a real WebSocket server that plays a room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from client_sim.address import Address
from client_sim.notices import Fault, Joined, Lost, Moved, Notice, Reply, Violation
from client_sim.session import ClientSession, Phase
from client_sim.viewer import Viewer
from client_sim.wire import Encoding
from schemas.codes import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from schemas.commands import DanmakuSend
from schemas.events import DanmakuAccepted, Pong, RoomUpdated
from tests.client_sim.room_model import NOW, batch, snapshot, welcome

pytestmark = pytest.mark.anyio
Play = Callable[[ServerConnection], Awaitable[None]]


class Heard:
    """Notices as they come, to be waited for."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self._more = asyncio.Event()

    def __call__(self, viewer: Viewer, notices: list[Notice]) -> None:
        self.notices += notices
        self._more.set()

    async def wait(self, kind: type[Notice], count: int = 1) -> list[Notice]:
        async with asyncio.timeout(10):
            while True:
                found = [notice for notice in self.notices if isinstance(notice, kind)]
                if len(found) >= count:
                    return found
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def watching(play: Play, encoding: Encoding = Encoding.JSON) -> AsyncIterator[tuple[Viewer, Heard]]:
    """A viewer of a server that does `play` with each socket."""
    subprotocols = [Subprotocol(SUBPROTOCOL_JSON), Subprotocol(SUBPROTOCOL_MSGPACK)]
    async with serve(play, "127.0.0.1", 0, subprotocols=subprotocols) as server:
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        heard = Heard()
        viewer = Viewer(
            ClientSession(encoding=encoding, token="t"), address, address.live("r1"), heard, skew_ms=5_000
        )
        viewer.start()
        try:
            yield viewer, heard
        finally:
            await viewer.stop()


async def hello(socket: ServerConnection) -> dict[str, object]:
    said: dict[str, object] = orjson.loads(await socket.recv())
    return said


async def answer(socket: ServerConnection) -> None:
    """Answer what a viewer says until it goes."""
    async for message in socket:
        command = orjson.loads(message)
        if command["type"] == "ping":
            reply = Pong(id=command["id"], client_time=command["client_time"], server_time=NOW)
            await socket.send(batch(reply).decode())
        elif command["type"] == "danmaku.send":
            await socket.send(batch(DanmakuAccepted(id=command["id"], message="m1")).decode())


async def test_a_viewer_joins_hears_and_speaks() -> None:
    async def play(socket: ServerConnection) -> None:
        assert socket.subprotocol == SUBPROTOCOL_JSON
        assert socket.request is not None
        assert socket.request.path == "/ws/live/r1"
        assert await hello(socket) == {"type": "hello", "token": "t"}
        await socket.send(batch(welcome(snapshot(), seq=1)).decode())
        await socket.send(batch(RoomUpdated(seq=2, announcement="hi")).decode())
        await answer(socket)

    async with watching(play) as (viewer, heard):
        await heard.wait(Moved)
        assert viewer.session.replica.announcement == "hi"
        viewer.command(DanmakuSend(text="hello"))
        replies = await heard.wait(Reply, 3)
        assert any(isinstance(r, Reply) and isinstance(r.event, DanmakuAccepted) for r in replies)
        assert viewer.session.clock.samples > 0
    assert viewer.link is None


async def test_fragments_and_pings_of_the_server_are_understood() -> None:
    async def play(socket: ServerConnection) -> None:
        await hello(socket)
        whole = batch(welcome(snapshot(), seq=1)).decode()
        await socket.send([whole[:5], whole[5:30], whole[30:]])
        pong = await socket.ping(b"there?")
        async with asyncio.timeout(5):
            answering = asyncio.create_task(answer(socket))
            await pong
        await socket.send(batch(RoomUpdated(seq=2)).decode())
        await answering

    async with watching(play) as (_, heard):
        await heard.wait(Moved)


async def test_after_a_retryable_close_it_comes_back_with_a_resume() -> None:
    hellos: list[dict[str, object]] = []

    async def play(socket: ServerConnection) -> None:
        hellos.append(await hello(socket))
        if len(hellos) == 1:
            await socket.send(batch(welcome(snapshot(), seq=7)).decode())
            await socket.close(4000, "draining")
        else:
            await socket.send(batch(welcome(seq=8, recovered=True), RoomUpdated(seq=8)).decode())
            await answer(socket)

    async with watching(play) as (viewer, heard):
        await heard.wait(Joined, 2)
        (lost,) = await heard.wait(Lost)
        assert isinstance(lost, Lost)
        assert (lost.code, lost.reason) == (4000, "draining")
        assert hellos[1]["resume"] == {"epoch": "e1", "seq": 7}
        assert viewer.session.seq == 8


async def test_a_final_close_is_the_end() -> None:
    sockets = 0

    async def play(socket: ServerConnection) -> None:
        nonlocal sockets
        sockets += 1
        await hello(socket)
        await socket.close(4500, "bad token")

    async with watching(play) as (viewer, heard):
        (lost,) = await heard.wait(Lost)
        assert isinstance(lost, Lost)
        assert (lost.code, lost.retry_at) == (4500, None)
        assert viewer.session.phase is Phase.FINAL
    assert sockets == 1


async def test_a_cut_line_and_a_gap_are_both_mended_by_coming_back() -> None:
    hellos: list[dict[str, object]] = []

    async def play(socket: ServerConnection) -> None:
        hellos.append(await hello(socket))
        match len(hellos):
            case 1:
                await socket.send(batch(welcome(snapshot(), seq=1)).decode())
                await socket.send(batch(RoomUpdated(seq=3)).decode())
                await answer(socket)
            case 2:
                await socket.send(batch(welcome(snapshot(), seq=3)).decode())
                await asyncio.sleep(0)
                socket.transport.abort()
            case _:
                await socket.send(batch(welcome(seq=3, recovered=True)).decode())
                await answer(socket)

    async with watching(play) as (viewer, heard):
        await heard.wait(Joined, 3)
        assert [n.fault for n in heard.notices if isinstance(n, Violation)] == [Fault.GAP]
        assert hellos[1]["resume"] == {"epoch": "e1", "seq": 1}
        assert viewer.live


async def test_a_refused_handshake_and_a_closed_port_are_tried_again() -> None:
    refused = 0

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        nonlocal refused
        refused += 1
        return connection.respond(503, "later\n") if refused == 1 else None

    async def play(socket: ServerConnection) -> None:
        await hello(socket)
        await socket.send(batch(welcome(snapshot())).decode())
        await answer(socket)

    async with serve(play, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        heard = Heard()
        address = Address("127.0.0.1", port)
        viewer = Viewer(ClientSession(), address, address.live("r1"), heard)
        viewer.start()
        await heard.wait(Joined)
        (lost,) = await heard.wait(Lost)
        assert isinstance(lost, Lost)
        assert "503" in lost.reason
    await heard.wait(Lost, 3)
    assert not viewer.live
    await viewer.stop()


async def test_messages_are_binary_where_the_codec_is() -> None:
    kinds: list[type] = []

    async def play(socket: ServerConnection) -> None:
        assert socket.subprotocol == SUBPROTOCOL_MSGPACK
        kinds.append(type(await socket.recv()))
        await socket.close(4501, "")

    async with watching(play, Encoding.MSGPACK) as (_, heard):
        await heard.wait(Lost)
    assert kinds == [bytes]


async def test_zero_is_counted_down_on_the_viewers_own_wrong_clock() -> None:
    async def play(socket: ServerConnection) -> None:
        await hello(socket)
        await socket.send(batch(welcome(snapshot())).decode())
        await answer(socket)

    async with watching(play) as (viewer, heard):
        await heard.wait(Reply)
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()
        began = loop.time()
        viewer.at_server_time(viewer.session.clock.to_server(viewer.now()) + 80, reached.set)
        async with asyncio.timeout(5):
            await reached.wait()
        assert 0.07 <= loop.time() - began < 1
