from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from loadtest.bench.viewers import (
    JoinFailed,
    connect,
    exactly,
    greet_socketio,
    join,
    read_batch,
    read_payload,
)
from schemas.codes import SUBPROTOCOL_JSON

WELCOME = '[{"type":"welcome","session":"s","seq":0}]'


@contextmanager
def serving(
    handler: Callable[[ServerConnection], None], compression: str | None = None
) -> Iterator[tuple[str, int]]:
    server: Server = serve(
        handler,
        "127.0.0.1",
        0,
        subprotocols=[SUBPROTOCOL_JSON],  # type: ignore[list-item]
        compression=compression,
        select_subprotocol=lambda connection, offered: offered[0] if offered else None,
    )
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            host, port = server.socket.getsockname()[:2]
            yield host, port
        finally:
            server.shutdown()
            thread.join(10)


def test_joins_stop_reading_right_behind_the_welcome() -> None:
    def handler(connection: ServerConnection) -> None:
        hello = connection.recv()
        assert isinstance(hello, str)
        token = hello.split('"token":"')[1].split('"')[0]
        connection.send('[{"type":"room.state","server_time":1}]')
        connection.send(WELCOME)
        connection.send(f'[{{"type":"for","user":"{token}"}}]')
        connection.send('[{"type":"long","text":"' + "x" * 70_000 + '"}]')
        connection.recv()

    with serving(handler) as address:
        links = join(address, "/ws/live/r", [f"t{number}" for number in range(120)])
        for number, link in enumerate(links):
            assert read_batch(link) == [{"type": "for", "user": f"t{number}"}]
        assert len(read_batch(links[0])[0]["text"]) == 70_000
        for link in links:
            link.close()


@pytest.mark.parametrize("offered", ["deflate", None])
def test_a_compressed_join_is_one_or_fails(offered: str | None) -> None:
    def handler(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(WELCOME)
        connection.send('[{"type":"long","text":"' + "x" * 7_000 + '"}]')
        connection.recv()

    with serving(handler, offered) as address:
        if offered is None:
            with pytest.raises(JoinFailed, match="declined permessage-deflate"):
                join(address, "/ws/live/r", ["t", "u"], compressed=True)
            return
        links = join(address, "/ws/live/r", ["t", "u"], compressed=True)
        for link in links:
            assert link.recv(1, socket.MSG_PEEK)[0] & 0x40
            assert len(read_batch(link)[0]["text"]) == 7_000
            link.close()


def test_sockets_of_another_server_are_greeted_as_it_wants() -> None:
    def handler(connection: ServerConnection) -> None:
        connection.send('0{"sid":"a"}')
        assert connection.recv() == "40"
        connection.send('40{"sid":"b"}')
        connection.send("42[1]")
        connection.recv()

    with serving(handler) as address:
        links = connect(address, "/", 60, greet_socketio)
        assert {read_payload(link) for link in links} == {b"42[1]"}
        for link in links:
            link.close()


def test_a_greeting_that_is_another_is_told() -> None:
    def handler(connection: ServerConnection) -> None:
        connection.send("44{}")
        connection.recv()

    with serving(handler) as address, pytest.raises(JoinFailed, match=r"44.*where 0\{ was expected"):
        connect(address, "/", 1, greet_socketio)


def test_a_refusal_is_told() -> None:
    def handler(connection: ServerConnection) -> None:
        connection.recv()
        connection.close(4500, "bad token")

    with serving(handler) as address, pytest.raises(JoinFailed, match="closed with 4500: bad token"):
        join(address, "/ws/live/r", ["t"])


def test_an_answer_that_is_no_handshake_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(4096)
                link.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                link.recv(4096)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(JoinFailed, match="403 Forbidden"):
            join(listener.getsockname(), "/ws/live/r", ["t"])
        thread.join(10)


def test_a_stream_that_ends_early_is_told() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.sendall(b"ab")
        near.shutdown(socket.SHUT_WR)
        with pytest.raises(JoinFailed, match="closed the socket"):
            exactly(far, 3)
