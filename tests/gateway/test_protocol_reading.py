"""What comes in: heard whole and in order, stopped and let go on, and refused where it breaks the rules."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect

from server.fanout.frames import wire_frame
from server.gateway.protocol import Handover
from server.gateway.stream import BYTES_AT_ONCE, FrameStream
from tests.gateway.preframed import Heard, code_of, masked, serving, taken

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_blocks_the_loop")]


async def test_the_listener_hears_that_the_peer_left() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url:
        client = await connect(url)
        await client.close()
        await heard.until("gone")
    assert heard.said.count("gone") == 1


async def test_messages_are_heard_whole_in_order_and_as_what_they_are() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        await client.send("one")
        await client.send(b"two")
        await client.send(["th", "r", "ee"])
        await client.send("秒")
        await heard.until("text 秒")
    assert heard.said[:4] == ["text one", "bytes two", "text three", "text 秒"]


async def test_reading_stops_and_goes_on() -> None:
    heard = Heard()
    streams: list[FrameStream] = []
    async with (
        serving(lambda handover: streams.append(taken(handover, heard))) as url,
        connect(url) as client,
    ):
        await client.send("first")
        await heard.until("text first")
        streams[0].pause_reading()
        streams[0].pause_reading()
        await client.send("second")
        await asyncio.sleep(0.05)
        assert "text second" not in heard.said
        streams[0].resume_reading()
        await heard.until("text second")


async def test_a_flood_is_heard_a_piece_at_a_time_and_whole() -> None:
    """Between two pieces others have their turn."""
    order: list[str] = []
    heard = Heard(lambda data, text: order.append("flood"))
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        client.transport.write(masked(b"x" * 20) * 3_000 + masked(b"last"))
        while "text last" not in heard.said:
            order.append("turn")
            await asyncio.sleep(0)
    assert order.count("flood") == 3_001
    runs = " ".join(order).split("turn")
    assert max(run.split().count("flood") for run in runs) <= BYTES_AT_ONCE // 26 + 1


async def test_reading_stops_in_the_midst_of_a_flood_too() -> None:
    streams: list[FrameStream] = []

    def stop(data: bytes, text: bool) -> None:
        if data == b"stop":
            streams[0].pause_reading()

    heard = Heard(stop)
    async with (
        serving(lambda handover: streams.append(taken(handover, heard))) as url,
        connect(url) as client,
    ):
        client.transport.write(masked(b"stop") + masked(b"x" * 100) * 500 + masked(b"last"))
        await heard.until("text stop")
        await asyncio.sleep(0.05)
        assert len(heard.said) <= BYTES_AT_ONCE // 100
        streams[0].resume_reading()
        await heard.until("text last")
        assert len(heard.said) == 502


async def test_pings_and_pongs_are_counted() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        client.transport.write(masked(b"", first=0x8A) * 5 + masked(b"", first=0x89) + masked(b"last"))
        await heard.until("text last")
    assert heard.pokes == 6


async def test_who_says_goodbye_and_does_not_read_on_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.gateway.stream.LINGER_SECONDS", 0.2)
    streams: list[FrameStream] = []
    heard = Heard()

    async def application(handover: Handover) -> None:
        stream = taken(handover, heard)
        while stream.buffered() < 1_000_000:
            stream.write_frame(wire_frame(b"x" * 60_000, True))
            await asyncio.sleep(0)
        streams.append(stream)

    async with serving(application) as url:
        client = await connect(url, max_queue=1)
        client.transport.pause_reading()
        async with asyncio.timeout(10):
            while not streams:
                await asyncio.sleep(0.01)
            client.transport.write(masked(b"\x03\xe8", first=0x88))
            while streams[0] in streams[0]._peers:
                await asyncio.sleep(0.01)
        client.transport.abort()
    assert heard.said[-1] == "gone"


async def test_a_pong_is_said_to_go_past_the_listener() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        await (await client.ping())
        assert heard.said == ["wrote"]


async def test_text_that_is_not_utf8_fails_the_connection_and_is_offered_to_nobody() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        client.transport.write(b"\x81\x82\x00\x00\x00\x00\xff\xfe")
        assert await code_of(client) == 1007
    assert heard.said == ["gone"]


@pytest.mark.parametrize(
    "frame,code",
    [
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # an opcode that does not exist
        (b"\xc1\x80\x00\x00\x00\x00", 1002),  # RSV1 without an extension
        (b"\x81\x01x", 1002),  # not masked
        (b"\x80\x80\x00\x00\x00\x00", 1002),  # a continuation of nothing
        (b"\x09\x80\x00\x00\x00\x00", 1002),  # a control frame in pieces
        (b"\x88\x81\x00\x00\x00\x00\x01", 1002),  # half a close code
    ],
)
async def test_frames_that_break_the_rules_fail_the_connection(frame: bytes, code: int) -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard)) as url, connect(url) as client:
        client.transport.write(frame)
        assert await code_of(client) == code
    assert heard.said == ["gone"]


async def test_pings_that_are_not_read_are_bounded_like_everything_else() -> None:
    heard = Heard()
    async with serving(lambda handover: taken(handover, heard, 1_000, 64 * 1024)) as url:
        client = await connect(url, max_queue=1, ping_interval=None)
        client.transport.pause_reading()
        flood = b"\x89\xfd\x00\x00\x00\x00" + bytes(125)
        async with asyncio.timeout(20):
            while "gone" not in heard.said:
                client.transport.write(flood * 200)
                await asyncio.sleep(0)
        client.transport.abort()


async def test_a_message_in_endless_pieces_is_refused() -> None:
    async with serving(lambda handover: taken(handover, Heard())) as url, connect(url) as client:
        client.transport.write(b"\x01\x80\x00\x00\x00\x00" + b"\x00\x80\x00\x00\x00\x00" * 100)
        assert await code_of(client) == 4503
