"""The pre-framed protocol under a real uvicorn on a real socket, and a canary for uvicorn's internals."""

from __future__ import annotations

import asyncio
import gc
import inspect
from typing import Any

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import connect
from websockets.server import ServerProtocol

from server.fanout.frames import wire_frame
from server.gateway.protocol import Handover, PreframedProtocol
from server.gateway.server import BoundedHttp
from server.gateway.stream import FrameStream
from tests.gateway.preframed import Heard, code_of, masked, packed, serving, taken

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_blocks_the_loop")]


def test_canary_uvicorn_still_has_what_the_subclass_touches() -> None:
    for name in ("handle_connect", "handle_cont", "handle_parser_exception", "run_asgi", "stop_keepalive"):
        assert callable(getattr(WebSocketsSansIOProtocol, name)), name
    source = inspect.getsource(WebSocketsSansIOProtocol)
    for word in (
        "self.close_sent",
        "self.disconnected",
        "self.handshake_complete",
        "self.conn",
        "self.close_timer",
        "self.connections",
        "self.queue",
        '"extensions"',
    ):
        assert word in source, word


async def test_ready_made_frames_reach_the_client_and_the_call_has_returned() -> None:
    streams: list[FrameStream] = []
    tasks: list[asyncio.Task[Any] | None] = []

    def application(handover: Handover) -> None:
        streams.append(taken(handover, Heard()))
        tasks.append(asyncio.current_task())

    async with serving(application) as url, connect(url) as client:
        await client.ping()
        (stream,) = streams
        assert stream.write_frame(wire_frame(b"[1]", True)) and stream.write_frame(wire_frame(b"\x01", False))
        assert [await client.recv(), await client.recv()] == ["[1]", b"\x01"]
        assert tasks[0] is not None and tasks[0].done(), "no task is kept for a viewer"


BROKEN = {
    "good": None,
    "reserved": masked(b"x", first=0xA1),
    "too large": masked(b"x" * 5_000),
    "bomb": masked(packed(b"x" * 1_000_000), first=0xC1),
    "torn": masked(b"\x07garbage\xff", first=0xC1),
    "not UTF-8": masked(b"\xff\xfe"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_connection_that_ended_leavesnothing_to_collect(broken: bytes | None) -> None:
    kinds = {FrameStream, PreframedProtocol, BoundedHttp, ServerProtocol, Handover}

    def left() -> list[str]:
        return [type(one).__name__ for one in gc.get_objects() if type(one) in kinds]

    gc.collect()
    gc.disable()
    try:
        heard = Heard()
        async with serving(lambda handover: taken(handover, heard), deflate=True) as url:
            for _ in range(5):
                async with connect(url) as client:
                    await client.send("hello")
                    if broken is not None:
                        client.transport.write(broken)
                        await code_of(client)
            async with asyncio.timeout(10):
                while left():  # by itself
                    await asyncio.sleep(0.01)
        assert heard.said.count("text hello") == 5
    finally:
        gc.enable()


async def test_a_connection_is_handed_over_once() -> None:
    second: list[FrameStream | None] = []

    def application(handover: Handover) -> None:
        taken(handover, Heard())
        second.append(handover(Heard(), 1_000, 1_000))

    async with serving(application) as url, connect(url) as client:
        await (await client.ping())
        assert second == [None]


async def test_a_close_frame_goes_out_behind_the_queue_and_forbids_more() -> None:
    refused: list[bool] = []
    heard = Heard()

    def application(handover: Handover) -> None:
        stream = taken(handover, heard)
        stream.write_frame(wire_frame(b"last", True))
        stream.close(4001, "slow")
        refused.append(stream.write_frame(wire_frame(b"too late", True)))

    async with serving(application) as url, connect(url) as client:
        assert await client.recv() == "last"
        assert await code_of(client) == 4001 and client.close_reason == "slow"
    assert refused == [False] and heard.said == ["gone"]


async def test_a_stopped_reader_pauses_is_refused_above_the_bound_and_resumes() -> None:
    heard = Heard()
    written = 0
    over = asyncio.Event()
    bound = 256 * 1024

    async def application(handover: Handover) -> None:
        nonlocal written
        stream = taken(handover, heard, bound=bound)
        frame = wire_frame(b"x" * 16_000, True)
        while stream.write_frame(frame):
            written += 1
            await asyncio.sleep(0)
        assert bound < stream.buffered() <= bound + 2 * len(frame)
        over.set()

    async with serving(application) as url:
        client = await connect(url, max_queue=1)
        async with asyncio.timeout(20):
            await over.wait()
        assert heard.said == ["paused"]
        for _ in range(written):
            await client.recv()
        await heard.until("resumed")
        await client.close()


async def test_the_line_of_a_peer_that_never_reads_on_is_cut() -> None:
    streams: list[FrameStream] = []

    async def application(handover: Handover) -> None:
        frame = wire_frame(b"x" * 60_000, True)
        stream = taken(handover, Heard())
        while stream.buffered() < 1_000_000:
            stream.write_frame(frame)
            await asyncio.sleep(0)
        stream.close(4001, "slow", linger=0.2)
        streams.append(stream)

    async with serving(application) as url:
        client = await connect(url, max_queue=1)
        async with asyncio.timeout(10):
            while not streams or not streams[0].transport.is_closing():
                await asyncio.sleep(0.01)
        assert await code_of(client) == 1006


@pytest.mark.parametrize("size,code", [(4 * 1024, None), (4 * 1024 + 1, 1009)])
async def test_a_message_over_four_kib_is_too_large(size: int, code: int | None) -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        await client.send("x" * size)
        if code is None:
            await heard.until("text " + "x" * size)
        else:
            assert await code_of(client) == code
            assert heard.said == ["gone"]
