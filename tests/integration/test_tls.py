"""TLS ended in the process: the same room over wss, and nothing on the wire but TLS records."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator

import pytest
import trustme

from server.fanout.frames import wire_frame
from tests.integration.test_main_job import live_room
from tests.integration.test_slow_reader import closed_as_slow
from tests.integration.wiretap import NotTls, Wiretap, records, wiretap
from tests.live_server import Client, LiveServer, client, host, product, running, viewer
from tests.sandbox.running import NOTHING, Sandbox, until

pytestmark = pytest.mark.anyio

MARK = "plain-text-mark"
SOFT, HARD = 16 * 1024, 256 * 1024


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[LiveServer]:
    directory = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1")
    chain, key = directory / "chain.pem", directory / "key.pem"
    for part in issued.cert_chain_pems:
        part.write_to_path(chain, append=True)
    issued.private_key_pem.write_to_path(key)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with running(
        directory / "data",
        trust=trust,
        server__ssl_certfile=chain,
        server__ssl_keyfile=key,
        limits__danmaku_per_second=0,
        limits__commands_per_second=0,
        fanout__soft_mark=SOFT,
        fanout__hard_mark=HARD,
        fanout__socket_buffer=16 * 1024,
    ) as live:
        yield live


@pytest.fixture
async def tap(server: LiveServer, anyio_backend: str) -> AsyncIterator[Wiretap]:
    """What it heard is looked at when the test is over."""
    async with wiretap(server.port) as tapped:
        yield tapped
    assert tapped.lines, "nothing went through the proxy"
    for line in tapped.lines:
        for stream in (bytes(line.from_client), bytes(line.from_server)):
            assert 23 in records(stream)
            assert MARK.encode() not in stream and b'"type"' not in stream and b"HTTP/1.1" not in stream


async def test_the_sandbox_tells_over_tls(server: LiveServer, anyio_backend: str) -> None:
    """It takes the server's own certificate, whoever issued that."""
    server.create_room("paying")
    async with host(server, "paying") as control, viewer(server, "paying", "ann") as ann:
        await live_room(control, product("A1"))
        reply = await ann.ask("order.place", request_id="r1", sku="A1", pay=True)
        assert reply["order"]["status"] == "paid", reply
    psp = Sandbox.beside(server)
    try:

        async def posted() -> bool:
            return await psp.get("/v1/notices") == {**NOTHING, "posted": 1}

        await until(posted)
    finally:
        await psp.close()


@contextlib.asynccontextmanager
async def joined(
    server: LiveServer, tap: Wiretap, user: str, role: str = "viewer", *, compression: str | None = None
) -> AsyncIterator[Client]:
    """Somebody in the room `r`, through the proxy."""
    through = {"host": "127.0.0.1", "port": tap.port, "compression": compression}
    async with client(server, "r", control=role == "host", **through) as opened:
        await opened.hello(server.token(user, role))
        yield opened


@pytest.fixture(scope="module")
def room(server: LiveServer) -> str:
    server.create_room("r")
    return "r"


def announcement(number: int) -> str:
    """Small ones, and ones longer than a packet."""
    return f"{MARK} {number} " + "字" * (0 if number % 3 else 470)


def test_what_is_no_record_is_seen() -> None:
    record = bytes((23, 3, 3, 0, 4)) + b"abcd"
    assert records(record * 3 + record[:7]) == [23, 23, 23]
    frame = wire_frame(b'[{"type":"pong"}]', text=True)
    for stray in (frame, frame[:2], b"HTTP/1.1 101", bytes((23, 3, 3, 0, 0))):
        with pytest.raises(NotTls) as seen:
            records(record + stray)
        assert seen.value.offset == len(record)


async def test_a_room_over_wss(server: LiveServer, room: str, tap: Wiretap) -> None:
    """Many frames, small and large, compressed and not; everybody is told the same, in order."""
    async with contextlib.AsyncExitStack() as stack:
        control = await stack.enter_async_context(joined(server, tap, "host", "host"))
        await live_room(control, product("A1", stock=3))
        kinds: list[str | None] = [None, "deflate"] * 10
        crowd = [
            await stack.enter_async_context(joined(server, tap, f"v{n}", compression=kind))
            for n, kind in enumerate(kinds)
        ]
        texts = [announcement(number) for number in range(60)]
        listening = [asyncio.create_task(heard(viewer, texts)) for viewer in crowd]
        for number, text in enumerate(texts):
            await crowd[number % 20].send(
                {"type": "danmaku.send", "id": 900 + number, "text": f"{MARK} {number}"}
            )
            assert (await control.ask("room.announce", text=text))["type"] == "done"
        everybody = await asyncio.gather(*listening)
        seqs = everybody[0]
        assert seqs == list(range(seqs[0], seqs[0] + 60))
        assert all(told == seqs for told in everybody)
        bought = await crowd[0].ask("order.place", request_id="r1", sku="A1", pay=True)
        assert bought["order"]["status"] == "paid"


async def heard(viewer: Client, texts: list[str]) -> list[int]:
    """The seqs under which these announcements came, one after the other."""
    seqs = []
    for text in texts:
        told = await viewer.wait_for("room.updated")
        while "announcement" not in told:
            told = await viewer.wait_for("room.updated")
        assert told["announcement"] == text
        seqs.append(told["seq"])
    return seqs


async def test_a_slow_reader_over_wss_gets_all_of_it(server: LiveServer, room: str, tap: Wiretap) -> None:
    async with wiretap(server.port) as slow_tap, joined(server, tap, "host", "host") as control:
        async with joined(server, slow_tap, "slow") as slow, joined(server, tap, "fast") as fast:
            slow_tap.reading.clear()
            texts = [announcement(3 * number) for number in range(80)]  # 110 KB: past the soft mark alone
            listening = asyncio.create_task(heard(fast, texts))
            for text in texts:
                assert (await control.ask("room.announce", text=text))["type"] == "done"
            seqs = await listening
            assert len(slow_tap.lines[0].from_server) < 32 * 1024, "it was not slow"
            slow_tap.reading.set()
            assert await heard(slow, texts) == seqs
            assert (await slow.ask("ping", client_time=1))["type"] == "pong"
        assert 23 in records(bytes(slow_tap.lines[0].from_server))


async def test_a_stopped_reader_over_wss_is_let_go(server: LiveServer, room: str, tap: Wiretap) -> None:
    async with wiretap(server.port) as stopped_tap, joined(server, tap, "host", "host") as control:
        async with joined(server, stopped_tap, "stopped") as stopped:
            stopped_tap.reading.clear()
            told = 0
            before = closed_as_slow(server)
            while closed_as_slow(server) == before:
                assert told < 2 * 1024 * 1024, "it was not let go"
                text = announcement(0)
                assert (await control.ask("room.announce", text=text))["type"] == "done"
                told += len(text.encode())
            stopped_tap.reading.set()
            assert await stopped.closed() == 4001
        assert 23 in records(bytes(stopped_tap.lines[0].from_server))


async def test_resume_over_wss(server: LiveServer, room: str, tap: Wiretap) -> None:
    async with joined(server, tap, "host", "host") as control:
        async with client(server, "r", host="127.0.0.1", port=tap.port) as first:
            welcome = await first.hello(server.token("ann"))
            first.socket.transport.abort()
        texts = [announcement(number) for number in range(30)]
        for text in texts:
            assert (await control.ask("room.announce", text=text))["type"] == "done"
        async with client(server, "r", host="127.0.0.1", port=tap.port) as back:
            place = {"epoch": welcome["epoch"], "seq": welcome["seq"]}
            assert (await back.hello(server.token("ann"), place))["recovered"] is True
            assert await heard(back, texts) == list(range(welcome["seq"] + 1, welcome["seq"] + 31))


def test_the_http_api_over_https(server: LiveServer, room: str) -> None:
    assert server.url.startswith("https://") and f"listening on {server.url}" in "".join(server.log)
    status, snapshot = server.get("/api/v1/rooms/r")
    assert (status, snapshot["id"]) == (200, "r")
    assert server.get("/ready")[0] == 200
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(server.url + "/health", timeout=10, context=ssl.create_default_context())
    with pytest.raises(OSError):
        urllib.request.urlopen(server.url.replace("https", "http") + "/health", timeout=10)
