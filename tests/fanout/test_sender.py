"""The compiled sender on real sockets, and what stands in for it."""

from __future__ import annotations

import os
import socket
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.fanout.sender import LIBRARY, NoSender, Sender, find_sender

CI = "MIAODAN_CI" in os.environ
compiled = pytest.mark.skipif(not LIBRARY.exists() and not CI, reason="no C compiler built the sender here")


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(6)]
    for near, _ in made:
        near.setblocking(False)
    yield made
    for pair in made:
        for one in pair:
            one.close()


@compiled
def test_everybody_in_the_stretch_gets_the_frame_and_nobody_else(
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    fds = array("i", [near.fileno() for near, _ in pairs])
    fds[2] = -1
    whole, failed = Sender().send(fds, 1, 5, b"frame")
    assert (whole, failed) == (3, [])
    heard = []
    for _, far in pairs:
        far.setblocking(False)
        try:
            heard.append(far.recv(100))
        except BlockingIOError:
            heard.append(b"")
    assert heard == [b"", b"frame", b"", b"frame", b"frame", b""]


@compiled
def test_what_a_full_or_broken_socket_took_is_told(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    full, _ = pairs[1]
    sent = 0
    try:
        while True:
            sent += full.send(b"x" * 1_000)
    except BlockingIOError:
        pass
    pairs[3][1].close()
    fds = array("i", [near.fileno() for near, _ in pairs])
    big = b"y" * 100_000_000
    whole, failed = Sender().send(fds, 0, 2, big)
    taken = dict(failed)
    assert whole == 0 and 0 < taken[0] < len(big) and taken[1] == 0
    whole, failed = Sender().send(fds, 2, 6, b"z")
    assert whole == 3 and failed == [(3, 0)]


@compiled
def test_an_empty_stretch_is_nothing_to_do() -> None:
    assert Sender().send(array("i"), 0, 10, b"frame") == (0, [])
    assert Sender().send(array("i", [-1, -1]), 0, 2, b"frame") == (0, [])


@compiled
def test_other_threads_run_while_frames_are_sent(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    """The interpreter's lock is given up: a thread that needs it reads what this one sends."""
    near, far = pairs[0]
    near.setblocking(True)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    heard = bytearray()

    def read() -> None:
        while len(heard) < 2_000_000:
            heard.extend(far.recv(65_536))

    reader = threading.Thread(target=read)
    reader.start()
    sender, fds, sent = Sender(), array("i", [near.fileno()]), 0
    chunk = b"x" * 1_000
    while sent < 2_000_000:
        whole, failed = sender.send(fds, 0, 1, chunk[: 2_000_000 - sent])
        sent += len(chunk[: 2_000_000 - sent]) if whole else failed[0][1]
    reader.join(30)
    assert len(heard) == 2_000_000


def test_python_is_chosen_where_it_is_asked_for_or_all_there_is(tmp_path: Path) -> None:
    assert find_sender("python") is None
    assert find_sender("auto", tmp_path / "missing.so") is None
    with pytest.raises(NoSender, match=r"fanout\.sender is `compiled`, but .*missing\.so"):
        find_sender("compiled", tmp_path / "missing.so")


@compiled
def test_compiled_is_chosen_where_it_was_built() -> None:
    assert isinstance(find_sender("auto"), Sender) and isinstance(find_sender("compiled"), Sender)
