from __future__ import annotations

import socket
import threading

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
        reply = {"type": "error", "id": asked["id"], "code": "sold_out", "message": "gone"}
        if not refuse:
            reply = {"type": "order.accepted", "id": asked["id"], "order": {"order": "00-1"}}
        link.sendall(text_frame(STATE) + text_frame(orjson.dumps([reply])))


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
