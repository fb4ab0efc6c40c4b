from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import orjson
import pytest

from loadtest.bench.native import ProgramFailed
from tests.loadtest_bench.conftest import Launch
from tests.loadtest_bench.frames import read_client_frame, text_frame

STATE = b'[{"type":"room.state","stock":{"bench":3},"server_time":1}]'


def serve(link: socket.socket, refuse: bool, seen: list[dict[str, object]]) -> None:
    """Answer every order, each behind a frame that is no reply, in one segment, until the end."""
    while True:
        try:
            asked = orjson.loads(read_client_frame(link))
        except Exception:
            return
        seen.append(asked)
        reply = {"type": "error", "code": "sold_out", "message": "gone", "id": asked["id"]}
        if not refuse:
            reply = {"type": "order.accepted", "id": asked["id"], "order": {"order": "00-1"}}
        link.sendall(text_frame(STATE) + text_frame(orjson.dumps([reply])))


@contextmanager
def served(count: int, answer: Callable[[socket.socket, int], None]) -> Iterator[list[socket.socket]]:
    """The far ends of `count` sockets, each with a thread that serves the near one."""
    pairs = [socket.socketpair() for _ in range(count)]
    threads = [threading.Thread(target=answer, args=(near, number)) for number, (near, _) in enumerate(pairs)]
    for thread in threads:
        thread.start()
    try:
        yield [far for _, far in pairs]
    finally:
        for near, _ in pairs:
            near.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
        for near, far in pairs:
            near.close()
            far.close()


def test_paced_orders_come_when_they_are_due(launch: Launch) -> None:
    seen: list[list[dict[str, object]]] = [[], []]
    with served(2, lambda link, number: serve(link, False, seen[number])) as links:
        fds = [link.fileno() for link in links]
        program = launch("buyers", ",".join(map(str, fds)), "7", "pace", "bench", fds=fds)
        done = program.ask("pace 100 300")
        closed = program.ask("run 20")
    assert [len(mine) for mine in seen] >= [15, 15], "in turns"
    assert (done["accepted"], done["unanswered"], done["unsent"], done["refused"]) == (30, 0, 0, 0)
    assert done["wall_ns"] >= 290_000_000
    assert closed["accepted"] >= 2
    orders = [order for mine in seen for order in mine]
    assert len({order["request_id"] for order in orders}) == len(orders) == 30 + closed["accepted"]


def test_a_buyer_who_gets_no_answers_sends_no_more(launch: Launch) -> None:
    """Sixty-four are under way; once they are answered, all at once, the run is over."""

    def late(link: socket.socket, number: int) -> None:
        asked = [orjson.loads(read_client_frame(link)) for _ in range(64)]
        time.sleep(0.3)  # those that are due meanwhile are not sent
        for one in reversed(asked):
            reply = {"type": "error", "code": "sold_out", "message": "gone", "id": one["id"]}
            link.sendall(text_frame(orjson.dumps([reply])))
        with suppress(Exception):
            while True:
                read_client_frame(link)

    with served(1, late) as links:
        fd = links[0].fileno()
        program = launch("buyers", str(fd), "7", "late", "bench", fds=[fd])
        done = program.ask("pace 500 200")
    assert done["refused"] == 64 and done["unsent"] == 36
    assert (done["accepted"], done["unanswered"]) == (0, 0)
    assert done["p50_us"] > 150_000, "from when they were due"


@pytest.mark.parametrize("refuse", [False, True])
def test_each_buyer_has_one_order_under_way(launch: Launch, refuse: bool) -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    seen: list[list[dict[str, object]]] = [[] for _ in pairs]
    threads = [
        threading.Thread(target=serve, args=(near, refuse, mine))
        for (near, _), mine in zip(pairs, seen, strict=True)
    ]
    for thread in threads:
        thread.start()
    fds = [far.fileno() for _, far in pairs]
    program = launch("buyers", ",".join(map(str, fds)), "7", "run", "bench", fds=fds)
    done = program.ask("run 60")
    again = program.ask("run 20")
    for near, _ in pairs:
        near.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(10)
    for near, far in pairs:
        near.close()
        far.close()
    orders = [order for mine in seen for order in mine]
    counted, other = ("refused", "accepted") if refuse else ("accepted", "refused")
    assert done[counted] + again[counted] == len(orders)
    assert done[other] == done["unanswered"] == 0
    assert done["frames"] == 2 * done[counted]
    assert 0 < done["p50_us"] <= done["p99_us"] < 10_000_000
    assert len({order["request_id"] for order in orders}) == len(orders)
    assert {(order["type"], order["sku"], order["quantity"]) for order in orders} == {
        ("order.place", "bench", 1)
    }
    assert ("sold_out" in program.complaints()) is refuse


def test_a_closed_socket_ends_the_run(launch: Launch) -> None:
    near, far = socket.socketpair()
    with near, far:
        program = launch("buyers", str(far.fileno()), "7", "run", "bench", fds=[far.fileno()])
        near.shutdown(socket.SHUT_WR)
        with pytest.raises(ProgramFailed, match="closed a buyer's socket"):
            program.ask("run 1000")
