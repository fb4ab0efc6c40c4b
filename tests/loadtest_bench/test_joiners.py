from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from loadtest.bench.native import Program
from schemas.codes import SUBPROTOCOL_JSON

Handler = Callable[[ServerConnection, dict[str, object]], None]
Launcher = Callable[..., Program]


def welcome(seq: int, *missed: int, recovered: bool = False) -> str:
    first = {"type": "welcome", "epoch": "e1", "seq": seq, "recovered": recovered, "orders": []}
    return orjson.dumps([first, *({"type": "room.updated", "seq": one} for one in missed)]).decode()


def event(seq: int) -> str:
    return orjson.dumps([{"type": "danmaku", "text": '"seq":9'}, {"type": "x", "seq": seq}]).decode()


@contextmanager
def serving(handler: Handler, compression: str | None = None) -> Iterator[tuple[str, int]]:
    """Hands each hello to `handler`, then keeps the socket until its viewer leaves."""

    def talk(connection: ServerConnection) -> None:
        try:
            handler(connection, orjson.loads(connection.recv()))
            connection.recv()
        except ConnectionClosed:
            pass

    server: Server = serve(talk, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL_JSON], compression=compression)  # type: ignore[list-item]
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[:2]
        finally:
            server.shutdown()
            thread.join(10)


@pytest.fixture
def joiners(compiled: dict[str, Path], tmp_path: Path) -> Launcher:
    """Use what it starts as a context manager: its viewers leave before the server does."""

    def start(address: tuple[str, int], count: int, deflate: bool = False) -> Program:
        people = tmp_path / "people"
        people.write_text("".join(f"/ws/live/r token{number}\n" for number in range(count)))
        host, port = address
        command = [str(compiled["joiners"]), host, str(port), str(people), "7", str(int(deflate))]
        return Program(command, [], os.sched_getaffinity(0))

    return start


def test_all_of_them_come_and_follow_the_log(joiners: Launcher) -> None:
    tokens: list[object] = []

    def handler(connection: ServerConnection, hello: dict[str, object]) -> None:
        tokens.append(hello["token"])
        assert "resume" not in hello
        connection.send(welcome(3))
        connection.send(event(4))
        connection.send(event(5))

    with serving(handler) as address, joiners(address, 20) as program:
        program.ask("join 0 20 6")
        told = program.ask("until 5 10000")
        assert sorted(map(str, tokens)) == sorted(f"token{number}" for number in range(20))
        assert (told["opened"], told["live"], told["welcomed"], told["recovered"]) == (20, 20, 20, 0)
        assert (told["least_seq"], told["most_seq"], told["events"]) == (5, 5, 40)
        assert (told["gaps"], told["duplicates"], told["errors"], told["closed"]) == (0, 0, 0, 0)
        assert program.ask("cut 0 20")["live"] == 0


@pytest.mark.parametrize(
    ("seqs", "gaps", "duplicates"), [([4, 6], 1, 0), ([4, 4, 5], 0, 1), ([5, 4], 1, 1), ([4, 5], 0, 0)]
)
def test_what_is_missing_or_comes_twice_is_counted(
    joiners: Launcher, seqs: list[int], gaps: int, duplicates: int
) -> None:
    def handler(connection: ServerConnection, _hello: dict[str, object]) -> None:
        connection.send(welcome(3))
        for seq in seqs:
            connection.send(event(seq))

    with serving(handler) as address, joiners(address, 2) as program:
        program.ask("join 0 2 2")
        program.ask(f"until {max(seqs)} 10000")
        while (told := program.ask("snap"))["events"] < 2 * len(seqs):
            pass
        assert (told["gaps"], told["duplicates"]) == (2 * gaps, 2 * duplicates)


@pytest.mark.parametrize(("missed", "gaps"), [([4, 5, 6], 0), ([4, 5], 1), ([4, 6], 1), ([], 1)])
def test_who_comes_back_has_to_be_told_all_of_it(joiners: Launcher, missed: list[int], gaps: int) -> None:
    resumes: list[object] = []

    def handler(connection: ServerConnection, hello: dict[str, object]) -> None:
        if "resume" in hello:
            resumes.append(hello["resume"])
            connection.send(welcome(6, *missed, recovered=True))
        else:
            connection.send(welcome(3))

    with serving(handler) as address, joiners(address, 3) as program:
        program.ask("join 0 3 3")
        program.ask("cut 0 3")
        told = program.ask("resume 0 3 3")
        assert resumes == [{"epoch": "e1", "seq": 3}] * 3
        assert (told["welcomed"], told["recovered"], told["live"]) == (6, 3, 3)
        assert (told["gaps"], told["duplicates"]) == (3 * gaps, 0)


def test_hello_waits_until_it_is_asked_for(joiners: Launcher) -> None:
    with (
        serving(lambda connection, _hello: connection.send(welcome(1))) as address,
        joiners(address, 5) as program,
    ):
        opened = program.ask("open 0 5 2")
        assert (opened["opened"], opened["live"], opened["welcomed"]) == (5, 0, 0)
        said = program.ask("hello 0 5 2")
        assert (said["opened"], said["live"], said["welcomed"]) == (5, 5, 5)


@pytest.mark.parametrize("offered", [True, False])
def test_compression_is_offered_and_its_frames_are_frames(joiners: Launcher, offered: bool) -> None:
    with (
        serving(lambda connection, _hello: connection.send(welcome(1) + " " * 500), "deflate") as address,
        joiners(address, 4, deflate=offered) as program,
    ):
        told = program.ask("join 0 4 4")
        assert (told["live"], told["deflated"], told["errors"]) == (4, 4 * offered, 0)


def test_who_is_refused_is_counted_and_told(joiners: Launcher) -> None:
    with (
        serving(lambda connection, _hello: connection.close(4500, "bad token")) as address,
        joiners(address, 2) as program,
    ):
        told = program.ask("join 0 2 2")
        assert (told["live"], told["errors"], told["closed"]) == (0, 2, 2)
        assert "bad token" in program.complaints()


def test_an_answer_that_is_no_upgrade_is_told(joiners: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(4096)
                link.sendall(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with joiners(listener.getsockname(), 1) as program:
            assert program.ask("open 0 1 1")["errors"]
            assert "503 Service Unavailable" in program.complaints()
        thread.join(10)
