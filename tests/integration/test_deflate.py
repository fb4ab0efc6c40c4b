"""permessage-deflate as it is answered, and what everybody reads whom it was agreed with."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator

import orjson
import pytest

from tests.integration.raw_socket import (
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RSV1,
    TAIL,
    TEXT,
    RawSocket,
    raw_socket,
)
from tests.integration.test_main_job import live_room
from tests.live_server import LiveServer, host, product, running, viewer

pytestmark = pytest.mark.anyio

NO_CONTEXT = {"server_no_context_takeover": "", "client_no_context_takeover": ""}
THRESHOLD = 512
SMALLEST_WINDOW = 12
"""Frames for everybody are made with this one; who wants a smaller window is not compressed to."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(
        tmp_path_factory.mktemp("deflate"),
        limits__danmaku_per_second=0,
        limits__commands_per_second=0,
        fanout__deflate_threshold=THRESHOLD,
        fanout__chat_budget=100_000,
        gateway__sockets_per_user=100,
    ) as live:
        live.create_room("r")
        yield live


def deflated(payload: bytes, level: int = 6) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -12)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(
        b"\x00\x00\xff\xff"
    )


def ping(number: int, pad: int = 0) -> bytes:
    """A command; unknown fields are ignored, so it can be of any size."""
    return orjson.dumps({"type": "ping", "id": number, "client_time": 1, "pad": "x" * pad})


# ---- what is answered -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "offers,extra",
    [
        (["permessage-deflate"], {}),
        (["permessage-deflate; server_no_context_takeover"], {}),
        (["permessage-deflate; client_no_context_takeover; server_no_context_takeover"], {}),
        (["permessage-deflate; server_max_window_bits=15"], {"server_max_window_bits": "15"}),
        (["permessage-deflate; server_max_window_bits=13"], {"server_max_window_bits": "13"}),
        (["permessage-deflate; server_max_window_bits=12"], {"server_max_window_bits": "12"}),
        (['permessage-deflate; server_max_window_bits="12"'], {"server_max_window_bits": "12"}),
        (["x-webkit-deflate-frame, permessage-deflate"], {}),
        (["permessage-bzip2; level=9", "permessage-deflate"], {}),
        (["permessage-deflate; server_max_window_bits=9, permessage-deflate"], {}),
        (["permessage-deflate; strange=1, permessage-deflate; server_max_window_bits=14"],
         {"server_max_window_bits": "14"}),
        (["permessage-deflate; server_max_window_bits=10", "permessage-deflate; client_no_context_takeover"],
         {}),
    ],
)  # fmt: skip
async def test_offers_that_are_taken(server: LiveServer, offers: list[str], extra: dict[str, str]) -> None:
    async with raw_socket(server, "/ws/live/r", offers) as raw:
        assert raw.answer == (101, NO_CONTEXT | extra)
        await speaks_and_reads(raw)


@pytest.mark.parametrize("offered", ["", "=15", "=12", "=10", "=8"])
async def test_a_client_that_offers_to_bound_its_own_window(server: LiveServer, offered: str) -> None:
    """The answer bounds it, and by no more than was offered (RFC 7692 section 7.1.2.2)."""
    async with raw_socket(
        server, "/ws/live/r", [f"permessage-deflate; client_max_window_bits{offered}"]
    ) as raw:
        assert raw.answer.status == 101 and raw.answer.extension is not None
        bits = raw.answer.extension.pop("client_max_window_bits", None)
        assert raw.answer.extension == NO_CONTEXT
        assert bits is None or 8 <= int(bits) <= int(offered.lstrip("=") or 15)


@pytest.mark.parametrize(
    "offers",
    [
        [],
        ["x-webkit-deflate-frame"],
        ["permessage-deflate; strange"],
        ["permessage-deflate; server_no_context_takeover=1"],
        ["permessage-deflate; server_no_context_takeover; server_no_context_takeover"],
        ["permessage-deflate; server_max_window_bits"],
        ["permessage-deflate; server_max_window_bits=7"],
        ["permessage-deflate; server_max_window_bits=16"],
        ["permessage-deflate; server_max_window_bits=012"],
        ["permessage-deflate; server_max_window_bits=ten"],
        ["permessage-deflate; client_max_window_bits=16"],
        ["permessage-deflate; server_max_window_bits=15; server_max_window_bits=15"],
        *([f"permessage-deflate; server_max_window_bits={bits}"] for bits in range(8, SMALLEST_WINDOW)),
    ],
)
async def test_offers_that_cannot_be_taken_are_declined(server: LiveServer, offers: list[str]) -> None:
    """The connection is opened without compression, and works."""
    async with raw_socket(server, "/ws/live/r", offers) as raw:
        assert raw.answer == (101, None)
        await speaks_and_reads(raw)


@pytest.mark.parametrize(
    "header", ["permessage-deflate;", "permessage-deflate; =", ";", "permessage deflate"]
)
async def test_a_header_that_is_none_is_refused(server: LiveServer, header: str) -> None:
    """RFC 6455 section 9.1: what is not of its grammar fails the connection; nobody else notices."""
    async with raw_socket(server, "/ws/live/r", [header]) as raw:
        assert raw.answer == (400, None)
    assert server.get("/health")[0] == 200


async def speaks_and_reads(raw: RawSocket) -> None:
    """A large welcome, and small replies to commands in each form that was agreed."""
    raw.say(type="hello")
    events, _ = await raw.message()
    assert events[0]["type"] == "welcome"
    raw.write(FIN | TEXT, ping(1))
    assert (await raw.until("pong"))["id"] == 1
    if raw.answer.extension is not None:
        raw.write(FIN | RSV1 | TEXT, deflated(ping(2, 3_000)))
        assert (await raw.until("pong"))["id"] == 2


async def test_switched_off_it_is_not_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    for setting in ("fanout__deflate", "gateway__preframed"):
        with running(tmp_path_factory.mktemp("off"), workers=1, trust=None, **{setting: False}) as server:
            server.create_room("r")
            async with raw_socket(server, "/ws/live/r", ["permessage-deflate"]) as raw:
                assert raw.answer == (101, None), setting
                await speaks_and_reads(raw)


# ---- what everybody reads -------------------------------------------------------------------


async def test_one_frame_for_all_who_agreed(server: LiveServer) -> None:
    """Large batches are compressed, small ones are not; the very same bytes for every compressed viewer."""
    server.create_room("shared")
    offers = ["permessage-deflate", "permessage-deflate; server_max_window_bits=12", "permessage-deflate"]
    async with (
        host(server, "shared") as control,
        raw_socket(server, "/ws/live/shared", offers[:1]) as first,
        raw_socket(server, "/ws/live/shared", offers[1:2]) as second,
        raw_socket(server, "/ws/live/shared") as plain,
    ):
        await live_room(control, product("A1"))
        sockets = [first, second, plain]
        for raw in sockets:
            raw.say(type="hello")
            await raw.until("welcome")
        texts = [f"{number} " + "茶" * (480 if number % 2 else 3) for number in range(40)]
        seen: list[list[bytes]] = [[], [], []]
        for text in texts:
            assert (await control.ask("room.announce", text=text))["type"] == "done"
            for raw, wires in zip(sockets, seen, strict=True):
                while True:
                    events, frame = await raw.message()
                    told = [event.get("announcement") for event in events if event["type"] == "room.updated"]
                    if told:
                        break
                assert told == [text]
                assert frame.compressed == (raw is not plain and len(text) > 100), text
                wires.append(frame.wire)
        assert seen[0] == seen[1]
        spent, without = (sum(map(len, wires[1::2])) for wires in (seen[0], seen[2]))
        assert spent < 0.5 * without, (spent, without)


# ---- what is said to the server -------------------------------------------------------------


async def test_compressed_commands_in_pieces(server: LiveServer) -> None:
    async with raw_socket(server, "/ws/live/r", ["permessage-deflate"]) as raw:
        raw.say(type="hello")
        await raw.until("welcome")
        body = deflated(ping(7, 2_000))
        cuts = [0, 1, 2, len(body) // 2, len(body)]
        pieces = [body[start:stop] for start, stop in itertools.pairwise(cuts)]
        for index, piece in enumerate(pieces):
            first = (RSV1 | TEXT if index == 0 else CONTINUATION) | (FIN if index == len(pieces) - 1 else 0)
            raw.write(first, piece)
            if index == 1:
                raw.write(FIN | PING, b"between")
        answer = await raw.frame()
        assert (answer.first, answer.payload) == (FIN | PONG, b"between")
        assert (await raw.until("pong"))["id"] == 7


@pytest.mark.parametrize("form", ["two blocks", "stored", "final block", "level 9", "uncompressed"])
async def test_each_form_a_compressed_message_may_have(server: LiveServer, form: str) -> None:
    """RFC 7692 section 7.2.3 gives them."""
    payload = ping(3, 500)
    first = FIN | RSV1 | TEXT
    if form == "two blocks":
        compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = compressor.compress(payload[:100]) + compressor.flush(zlib.Z_FULL_FLUSH)
        body += compressor.compress(payload[100:]) + compressor.flush(zlib.Z_SYNC_FLUSH)
        body = body.removesuffix(TAIL)
    elif form == "final block":
        compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = compressor.compress(payload) + compressor.flush(zlib.Z_FINISH) + b"\x00"
    elif form == "uncompressed":
        first, body = FIN | TEXT, payload
    else:
        body = deflated(payload, 0 if form == "stored" else 9)
    async with raw_socket(server, "/ws/live/r", ["permessage-deflate"]) as raw:
        raw.say(type="hello")
        await raw.until("welcome")
        for _ in range(3):
            raw.write(first, body)
            assert (await raw.until("pong"))["id"] == 3


@pytest.mark.parametrize("kind,limit", [("live", 4_096), ("control", 65_536)])
@pytest.mark.parametrize("pieces", [1, 5])
async def test_a_bomb_is_refused(server: LiveServer, kind: str, limit: int, pieces: int) -> None:
    """In one frame, and in pieces each of which is under the limit by itself."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    size = 400 * limit if pieces == 1 else limit // 4
    bodies = [compressor.compress(b" " * size) + compressor.flush(zlib.Z_SYNC_FLUSH) for _ in range(pieces)]
    assert sum(map(len, bodies)) < limit
    before = memory(server)
    async with viewer(server, "r", "ann") as ann:
        async with raw_socket(server, f"/ws/{kind}/r", ["permessage-deflate"]) as raw:
            for index, body in enumerate(bodies):
                last = index == pieces - 1
                raw.write(
                    (CONTINUATION if index else RSV1 | TEXT) | (FIN if last else 0),
                    body.removesuffix(TAIL) if last else body,
                )
            assert await raw.closed() == 1009
        assert (await ann.ask("ping"))["type"] == "pong"
    assert memory(server) - before < 16 * 1024 * 1024


async def test_who_goes_on_sending_still_reads_why(server: LiveServer) -> None:
    """A line cut with bytes unread is reset, and the Close frame is lost with it (RFC 9293 section 3.6.1)."""
    bomb = deflated(b" " * 1_000_000, 9)
    for _ in range(10):
        async with raw_socket(server, "/ws/live/r", ["permessage-deflate"]) as raw:
            for _ in range(50):
                raw.write(FIN | RSV1 | TEXT, bomb)
            assert await raw.closed() == 1009


def memory(server: LiveServer) -> int:
    return sum(process.memory_info().rss for process in server.children("gateway"))


@pytest.mark.parametrize("excess,code", [(0, None), (1, 1009)])
async def test_the_bound_is_on_what_it_becomes(server: LiveServer, excess: int, code: int | None) -> None:
    payload = ping(5)
    payload = ping(5, 4_096 - len(payload) + excess)
    assert len(payload) == 4_096 + excess
    async with raw_socket(server, "/ws/live/r", ["permessage-deflate"]) as raw:
        raw.say(type="hello")
        await raw.until("welcome")
        raw.write(FIN | RSV1 | TEXT, deflated(payload))
        if code is None:
            assert (await raw.until("pong"))["id"] == 5
        else:
            assert await raw.closed() == code


@pytest.mark.parametrize(
    "frames,code",
    [
        ([(FIN | RSV1 | TEXT, b"\xff\xff\xff\xff")], 1002),
        ([(FIN | RSV1 | TEXT, deflated(b"\xff\xfe\xfd"))], 1007),
        ([(RSV1 | TEXT, deflated(ping(1))[:4]), (FIN | RSV1 | CONTINUATION, deflated(ping(1))[4:])], 1002),
        ([(FIN | RSV1 | PING, b"x")], 1002),
        ([(FIN | 0x20 | TEXT, ping(1))], 1002),
    ],
    ids=["no deflate stream", "no UTF-8", "RSV1 on a continuation", "RSV1 on a ping", "RSV2"],
)
async def test_what_breaks_the_extension_closes(
    server: LiveServer, frames: list[tuple[int, bytes]], code: int
) -> None:
    async with raw_socket(server, "/ws/live/r", ["permessage-deflate"]) as raw:
        raw.say(type="hello")
        await raw.until("welcome")
        for first, payload in frames:
            raw.write(first, payload)
        assert await raw.closed() == code


async def test_compressed_without_having_agreed_closes(server: LiveServer) -> None:
    async with raw_socket(server, "/ws/live/r") as raw:
        raw.say(type="hello")
        await raw.until("welcome")
        raw.write(FIN | RSV1 | TEXT, deflated(ping(1)))
        assert await raw.closed() == 1002
